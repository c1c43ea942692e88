"""Connections by their ids: which secret each is in, and the client that its values make."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import ArgumentError
from urllib3.exceptions import LocationParseError

from core.clock import Clock
from core.errors import SettingError
from core.loopback import sslmode_for
from core.secrecy import keep_uri_secret
from resources.clients.aws.secrets import Secrets, need
from resources.clients.databridge.airtable import geocoding
from resources.clients.databridge.airtable import source as airtable
from resources.clients.databridge.carto.sql_api import CartoAccount, SqlApi
from resources.clients.databridge.knack import source as knack
from resources.clients.databridge.oracle.sde import OracleSource, connector
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.schema import Column
from resources.clients.databridge.source import RowSource, Source
from resources.clients.databridge.sqlalchemy_source import SqlAlchemySource

# The secret of each connection of the old system; any other is in the secret of its own name.
SECRETS = {
    "databridge": "databridge",
    "databridge2": "databridge-raw",
    "carto_phl": "carto-prod",
    "carto_gsg": "carto-dev",
    "knack": "knack-ppr",
    "knack_test": "knack-ppr-test",
    "airtable": "airtable",
    "ais": "ais",
    "brt-viewer": "brt-viewer",
    "cama-test": "cama-test",
}
# What the old system knew of a database besides its secret: Oracle by its SID, PostgreSQL by its database.
SIDS = {"databridge": "GISDBP", "brt-viewer": "BRTPROD", "cama-test": "philtest"}
DATABASES = {"databridge2": "databridge_raw"}


def secret_of(connection: str) -> str:
    """The secret that a connection is in: two connections of one secret are one place."""
    return SECRETS.get(connection, connection)


@dataclass(frozen=True)
class Connections:
    """Clients by the id of a connection, made of what its secret says at this moment."""

    secrets: Secrets
    clock: Clock

    def database(self, connection: str, schema: str, table: str, geometry: Column | None) -> Source:
        """A table of a database: of the kind that its secret's ``url`` says, or of the old system's.

        geometry: the text column of WKT, where the database has no geometries of its own.

        Raises:
            PermanentError: naming secret and key that are missing.
        """
        name, values = self._secret(connection)
        if "url" in values:
            if values["url"].startswith(("postgresql://", "postgres://")):
                return PostgresSource(_parameters(values["url"], name), schema, table)
            return _sqlalchemy(values["url"], name, schema, table, geometry)
        host, user, password = need(values, name, "host", "username", "password")
        if connection in DATABASES:
            return PostgresSource(self._server(connection), schema, table)
        sid = values.get("sid") or SIDS.get(connection)
        if not sid:
            raise SettingError(f"The secret {name!r} has neither url nor sid. Add one of them.")
        port = _port(values, name, 1521)
        return OracleSource(connector(host, port, sid, user, password), f"{host}/{sid}", schema, table)

    def postgres(self, connection: str) -> PostgresSql:
        """A PostgreSQL that tables are loaded to."""
        return PostgresSql(self._server(connection))

    def carto(self, connection: str) -> SqlApi:
        """An account of Carto's."""
        name, values = self._secret(connection)
        (text,) = need(values, name, "connection_string")
        return SqlApi(CartoAccount.of(text, values.get("base_url")), self.clock)

    def knack(self, connection: str, number: int, time_zone: str) -> RowSource:
        """An object of a Knack app."""
        name, values = self._secret(connection)
        app, key = need(values, name, "application_id", "api_key")
        try:
            zone = ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingError(f"time_zone {time_zone[:80]!r} is none; expected one like America/New_York.") from None
        return knack.KnackSource((app, key), number, zone, self.clock, values.get("root") or knack.ROOT)

    def airtable(self, connection: str, table: str) -> RowSource:
        """A table of an Airtable base."""
        name, values = self._secret(connection)
        app, key = need(values, name, "application_id", "api_key")
        return airtable.AirtableSource(app, key, table, self.clock, values.get("root") or airtable.ROOT)

    def geocoder(self, connection: str) -> geocoding.Geocoder:
        """The city's geocoder."""
        name, values = self._secret(connection)
        (key,) = need(values, name, "api_key")
        return geocoding.Geocoder(key, self.clock, values.get("root") or geocoding.ROOT)

    def _secret(self, connection: str) -> tuple[str, Any]:
        name = secret_of(connection)
        return name, self.secrets.read(name)

    def _server(self, connection: str) -> dict[str, Any]:
        name, values = self._secret(connection)
        if "url" in values:
            return _parameters(values["url"], name)
        host, user, password = need(values, name, "host", "username", "password")
        database = values.get("database") or DATABASES.get(connection) or connection
        port = _port(values, name, 5432)
        secured = values.get("sslmode") or sslmode_for(host)
        return {"host": host, "port": port, "dbname": database, "user": user, "password": password, "sslmode": secured}


def _sqlalchemy(url: str, name: str, schema: str, table: str, geometry: Column | None) -> SqlAlchemySource:
    try:
        keep_uri_secret(url)
        return SqlAlchemySource(url, schema, table, geometry)
    except (LocationParseError, ArgumentError, ImportError) as error:
        raise SettingError(
            f"The secret {name!r}: its url is none that can be read here ({type(error).__name__}). Correct it, such as "
            "postgresql://user@host/db, or install the driver of its database."
        ) from None


def _parameters(url: str, name: str) -> dict[str, Any]:
    try:
        keep_uri_secret(url)
        given = dict(conninfo_to_dict(url))
    except (LocationParseError, psycopg.ProgrammingError):
        raise SettingError(f"The secret {name!r}: its url is none, such as postgresql://user@host/db.") from None
    # A URL without a host is a socket's.
    return {"sslmode": sslmode_for(str(given.get("host") or "/"))} | given


def _port(values: Any, name: str, default: int) -> int:
    text = str(values.get("port") or default)
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise SettingError(f"The secret {name!r}: port {text[:20]!r} is none, such as {default}.")
    return int(text)
