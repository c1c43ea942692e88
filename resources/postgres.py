"""Where PostgreSQL is, by the settings: locally an embedded server when none is named."""

from core.loopback import sslmode_for
from core.settings.postgres import Postgres
from core.settings.stage import Stage
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.embedded import embedded_postgres


def embedded(given: Postgres, stage: Stage) -> bool:
    """Whether the server is the embedded one."""
    return given.host is None and stage.stage == "local"


def postgres_address(given: Postgres, stage: Stage) -> PostgresAddress:
    """Where the database is: ``POSTGRES_HOST``, locally the embedded server when that is not set.

    Raises:
        SettingError: naming all that is missing.
    """
    if embedded(given, stage):
        return embedded_postgres(stage.directory)
    dbt = ("dbt_password",) if given.dbt_user else ()
    host, user, password, *dbt_password = given.require("host", "user", "password", *dbt)
    return PostgresAddress(
        host=host,
        port=given.port,
        database=given.database,
        user=user,
        password=password.get_secret_value(),
        sslmode=given.sslmode or sslmode_for(host),
        dbt_user=given.dbt_user,
        dbt_password=dbt_password[0].get_secret_value() if dbt_password else None,
    )


def postgres_in_force(given: Postgres, stage: Stage) -> str:
    """The server and database, without passwords.

    Raises:
        SettingError: naming all that is missing.
    """
    if embedded(given, stage):
        return f"embedded, under {stage.directory / 'postgres'}"
    return f"postgresql://{postgres_address(given, stage)}"
