"""All of the sandbox, made in one PostgreSQL server, and the secrets by which it is found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg

from sandbox.databridge.apps import APP, KEY, Apps
from sandbox.databridge.carto import CartoServer, has_postgis
from sandbox.databridge.city import build_city

CITY, TARGET = "databridge_city", "databridge_target"
ACCOUNTS = {"carto-prod": "databridge_carto_phl", "carto-dev": "databridge_carto_gsg"}

Parameters = Callable[[str], dict[str, Any]]


@dataclass
class World:
    """The sandbox as it runs. secrets: by name, as Secrets Manager would have them."""

    accounts: dict[str, CartoServer]
    apps: Apps
    secrets: dict[str, dict[str, str]]

    def read(self, name: str) -> Mapping[str, str]:
        """A secret's values; those that are not there are told by whoever needs one."""
        return self.secrets.get(name, {})

    def stop(self) -> None:
        self.apps.stop()
        for account in self.accounts.values():
            account.stop()


def build_world(parameters: Parameters) -> World:
    """Make the databases that are missing and start the servers. parameters: psycopg's, of a database of the server."""
    for name in (CITY, TARGET, *ACCOUNTS.values()):
        with psycopg.connect(**parameters("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext('databridge'))")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchall():
                connection.execute(f"CREATE DATABASE {name}".encode())
    build_city(parameters(CITY))
    with psycopg.connect(**parameters(TARGET)) as connection:
        has_postgis(connection)
    accounts = {secret: CartoServer(parameters(name)) for secret, name in ACCOUNTS.items()}
    apps = Apps()
    keys = {"application_id": APP, "api_key": KEY}
    city = {"url": _url(parameters(CITY))}
    secrets = {
        "databridge": city,
        # Source of some tables and target of others, as in the old system.
        "databridge-raw": city,
        "knack-ppr": {**keys, "root": apps.knack},
        "knack-ppr-test": {**keys, "root": apps.knack},
        "airtable": {**keys, "root": apps.airtable},
        "ais": {"api_key": KEY, "root": apps.ais},
        "warehouse": {"url": _url(parameters(TARGET))},
    }
    for secret, server in accounts.items():
        secrets[secret] = {"connection_string": server.connection, "base_url": server.base}
    return World(accounts, apps, secrets)


def _url(parameters: dict[str, Any]) -> str:
    """The address of a database; the host may be a socket's folder."""
    place = {"host": parameters["host"], "port": parameters["port"], "user": parameters["user"]}
    return f"postgresql:///{quote(parameters['dbname'])}?{urlencode(place)}"
