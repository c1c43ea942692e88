"""PostgreSQL."""

from typing import Literal

from core.settings.base import Port, Secret, Settings, Text, setting


class Postgres(Settings):
    """PostgreSQL."""

    host: Text | None = setting(
        "POSTGRES_HOST",
        "Host of the PostgreSQL of the rooms that need one, or the directory of its socket file. Locally an "
        "embedded server under HEADWATER_HOME serves when it is not set.",
        "db.example.com",
    )
    port: Port = setting(
        "POSTGRES_PORT",
        "Port of the PostgreSQL server.",
        "5432",
        5432,
    )
    database: Text = setting(
        "POSTGRES_DATABASE",
        "Database that the tables are in.",
        "headwater",
        "headwater",
    )
    user: Text | None = setting(
        "POSTGRES_USER",
        "Role that loads the raw tables.",
        "headwater",
    )
    password: Secret | None = setting(
        "POSTGRES_PASSWORD",
        "Its password.",
        "from-your-secret-store",
    )
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = setting(
        "POSTGRES_SSLMODE",
        "How the connection is secured. When not set: prefer on this machine, verify-full to any other, against the "
        "authorities of PGSSLROOTCERT (the word system: those of the machine).",
        "verify-full",
    )
    dbt_user: Text | None = setting(
        "POSTGRES_DBT_USER",
        "Role that dbt builds with: reads the raw schema, owns the schemas of the models.",
        "headwater_dbt",
    )
    dbt_password: Secret | None = setting(
        "POSTGRES_DBT_PASSWORD",
        "Its password.",
        "from-your-secret-store",
    )
