"""The local stage's PostgreSQL: a server of this machine's user, its data under ``HEADWATER_HOME``.

Started by the first process that needs it, shared by all, stopped by the last one to end.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import psycopg

from core.sql.names import quoted
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.server import PORT, EmbeddedServer

DATABASE = "headwater"
OWNER = "postgres"
# What dbt connects as: it may read the raw schema and make schemas of its own.
DBT_ROLE = "headwater_dbt"
RAW_SCHEMA = "raw"


@cache
def embedded_postgres(home: Path) -> PostgresAddress:
    """The running server of a home directory, with its database and roles.

    Raises:
        DatabaseUnavailable: when it does not come up.
        SettingError: when this user cannot have one there.
    """
    server = EmbeddedServer(home, (OWNER, DBT_ROLE))
    address = PostgresAddress(host=str(server.start()), port=PORT, database=DATABASE, user=OWNER, dbt_user=DBT_ROLE)
    _prepare(address)
    return address


def _prepare(address: PostgresAddress) -> None:
    """Make the database and dbt's role on first use. A second process doing the same is no error."""
    maintenance = replace(address, database="postgres").parameters()
    with psycopg.connect(**maintenance, autocommit=True) as connection:
        for kind, name, catalog in (("DATABASE", DATABASE, "pg_database"), ("ROLE", DBT_ROLE, "pg_roles")):
            column = "datname" if kind == "DATABASE" else "rolname"
            if not connection.execute(f"SELECT 1 FROM {catalog} WHERE {column} = %s".encode(), [name]).fetchall():
                login = " LOGIN" if kind == "ROLE" else ""
                try:
                    connection.execute(f"CREATE {kind} {quoted(name)}{login}".encode())
                except (
                    psycopg.errors.UniqueViolation,
                    psycopg.errors.DuplicateDatabase,
                    psycopg.errors.DuplicateObject,
                ):
                    continue
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('headwater'))")
        for statement in grants(RAW_SCHEMA, DATABASE, DBT_ROLE):
            connection.execute(statement.encode())


def grants(schema: str, database: str, role: str) -> list[str]:
    """What dbt's role needs: to read the raw schema, and to make schemas of its own. Also for a server of yours."""
    return [
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
        f"GRANT CREATE, CONNECT ON DATABASE {database} TO {role}",
    ]
