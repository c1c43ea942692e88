# Headwater's code location and web server. Build: docker build -t headwater .
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_DISABLE_TELEMETRY=1 \
    HEADWATER_HOME=/var/lib/headwater \
    DAGSTER_HOME=/var/lib/headwater

WORKDIR /opt/headwater
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY . .
# The manifest is parsed now, so that definitions load without running dbt.
RUN cd dbt_project && dbt parse --quiet && cd .. \
    && useradd --system --home-dir /var/lib/headwater --create-home headwater \
    && cp deploy/local/dagster.yaml /var/lib/headwater/ \
    && chown -R headwater /var/lib/headwater dbt_project

USER headwater
EXPOSE 3000
CMD ["dagster-webserver", "-h", "0.0.0.0", "-p", "3000", "-w", "workspace.yaml"]
