# Headwater's one image: code location, web server, daemon, runs. Build: docker build -t headwater .
FROM python:3.11.14-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_DISABLE_TELEMETRY=1 \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    OPENBLAS_NUM_THREADS=1 \
    HEADWATER_HOME=/var/lib/headwater \
    DAGSTER_HOME=/var/lib/headwater \
    PGSSLROOTCERT=/etc/ssl/headwater.pem \
    PATH=/opt/headwater/deploy/bin:$PATH

# Whose certificates count where sslmode is verify-full: the public authorities and Amazon's own of RDS, which publishes
# them here and adds to them. Another authority's: PGSSLROOTCERT.
ADD https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem /tmp/rds.pem
RUN cat /etc/ssl/certs/ca-certificates.crt /tmp/rds.pem > /etc/ssl/headwater.pem && rm /tmp/rds.pem

WORKDIR /opt/headwater
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

# ethereum-etl beside it, in its own environment under HEADWATER_HOME, where the engine looks for it.
COPY requirements-ethereum-etl.lock .
COPY core core
COPY resources resources
RUN useradd --system --uid 10001 --home-dir /var/lib/headwater --create-home headwater \
    && python -c "from pathlib import Path; from resources.clients.ethereum_etl.environment import etl_command; \
print(etl_command(Path('/var/lib/headwater')))" \
    && chown headwater /var/lib/headwater && chmod 0700 /var/lib/headwater

COPY . .
# The manifest is parsed now, so that definitions load without running dbt; only what dbt writes to belongs to the user.
RUN cd dbt_project && dbt parse --quiet && mkdir -p logs && chown -R headwater target logs \
    && install --owner=headwater ../deploy/local/dagster.yaml /var/lib/headwater/dagster.yaml \
    && mkdir -p /etc/dagster && cp ../deploy/ecs/dagster.yaml /etc/dagster/dagster.yaml \
    && install --directory --owner=headwater --mode=0700 /var/log/headwater

USER headwater
EXPOSE 3000
# The web server has no login: reachable from a proxy only (docs/deploying.md).
CMD ["python", "-m", "commands.web", "-h", "0.0.0.0", "-p", "3000", "-w", "workspace.yaml"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:3000/server_info', timeout=5)"]
