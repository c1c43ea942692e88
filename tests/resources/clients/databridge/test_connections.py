"""Connections by their ids: the secrets of the old system, what their values make, and what is missing."""

import pytest

from core.errors import PermanentError, SettingError
from resources.clients.databridge.carto.sql_api import CartoAccount
from resources.clients.databridge.connections import Connections
from resources.clients.databridge.oracle.sde import OracleSource
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.sqlalchemy_source import SqlAlchemySource

LOGIN = {"host": "db.example.com", "username": "etl", "password": "a-password-of-it"}
VALUES = {
    "databridge": LOGIN,
    "databridge-raw": LOGIN,
    "brt-viewer": LOGIN,
    "elsewhere": {"url": "sqlite:///city.db"},
    "near": {"url": "postgresql://etl@db.example.com/city"},
    "carto-prod": {"connection_string": "carto://phl:a:key-of-carto"},
    "knack-ppr": {"application_id": "app", "api_key": "a-key-of-knack"},
    "halves": {"host": "db.example.com", "username": "etl"},
    "no-sid": LOGIN,
    "bad-port": LOGIN | {"sid": "X", "port": "99999999"},
}


class Held:
    def read(self, name):
        return VALUES.get(name, {})


@pytest.fixture
def connections(clock):
    return Connections(Held(), clock)


@pytest.mark.parametrize(
    ("connection", "kind", "said"),
    [
        ("databridge", OracleSource, "Oracle db.example.com/GISDBP GIS_LNI.PERMITS"),
        ("brt-viewer", OracleSource, "Oracle db.example.com/BRTPROD GIS_LNI.PERMITS"),
        ("databridge2", PostgresSource, "PostgreSQL db.example.com/databridge_raw gis_lni.permits"),
        ("near", PostgresSource, "PostgreSQL db.example.com/city gis_lni.permits"),
        ("elsewhere", SqlAlchemySource, "sqlite /city.db permits"),
    ],
)
def test_a_database_is_of_the_kind_that_its_secret_says(connections, connection, kind, said):
    source = connections.database(connection, "gis_lni", "permits", None)
    assert isinstance(source, kind)
    assert str(source) == said


@pytest.mark.parametrize(
    ("connection", "error", "said"),
    [
        ("halves", PermanentError, "'halves' has no 'password'"),
        ("nowhere", PermanentError, "'nowhere' has no 'host'"),
        ("no-sid", SettingError, "neither url nor sid"),
        ("bad-port", SettingError, "port '99999999'"),
    ],
)
def test_what_is_missing_is_named(connections, connection, error, said):
    with pytest.raises(error, match=said):
        connections.database(connection, "gis_lni", "permits", None)


def test_a_time_zone_that_is_none_is_named(connections):
    with pytest.raises(SettingError, match="time_zone 'Mars/Olympus'"):
        connections.knack("knack", 4, "Mars/Olympus")


def test_the_key_of_carto_is_what_follows_the_last_colon(connections):
    with pytest.raises(SettingError):
        CartoAccount.of("carto://phl")
    with pytest.raises(SettingError) as refused:
        CartoAccount.of("https://phl:key-of-carto@carto.com")
    assert "key-of-carto" not in str(refused.value)
    assert connections.carto("carto_phl").account.key == "key-of-carto"
    account = CartoAccount.of("carto://phl:key-of-carto")
    assert (account.user, account.key, account.base) == ("phl", "key-of-carto", "https://phl.carto.com/")
    assert "key-of-carto" not in repr(account)


@pytest.mark.parametrize(
    ("secret", "secured"),
    [
        (LOGIN, "verify-full"),
        (LOGIN | {"host": "127.0.0.1"}, "prefer"),
        (LOGIN | {"sslmode": "require"}, "require"),
        ({"url": "postgresql://etl@db.example.com/city"}, "verify-full"),
        ({"url": "postgresql://etl@[::1]/city"}, "prefer"),
        ({"url": "postgresql:///city?host=/var/run/postgresql"}, "prefer"),
        ({"url": "postgresql://etl@db.example.com/city?sslmode=verify-ca"}, "verify-ca"),
    ],
)
def test_a_certificate_is_checked_over_a_network_unless_the_secret_says_otherwise(clock, monkeypatch, secret, secured):
    monkeypatch.setitem(VALUES, "databridge-raw", secret)
    source = Connections(Held(), clock).database("databridge2", "gis_lni", "permits", None)
    assert source._parameters["sslmode"] == secured


@pytest.mark.parametrize("base", ["https://carto.example.com/user/phl", "https://carto.example.com/user/phl/"])
def test_an_accounts_address_ends_where_the_apis_begin(base):
    assert CartoAccount.of("carto://phl:key-of-carto", base).base == "https://carto.example.com/user/phl/"


@pytest.mark.parametrize("base", ["carto.example.com", "ftp://carto.example.com", "https://", "https:///user/phl"])
def test_an_accounts_address_that_is_none_is_named(base):
    with pytest.raises(SettingError, match="base_url is not like"):
        CartoAccount.of("carto://phl:key-of-carto", base)


@pytest.mark.parametrize(
    "url",
    [
        "no-url-but-a-word",
        "://",
        "nothing://etl:a-word-of-it@db.example.com/city",
        "mssql+pyodbc://etl:a-word-of-it@db.example.com/city",
        "sqlite://etl:a-word-of-it@db.example.com:99999999/city",
        "postgresql://etl:a-word-of-it@db.example.com:99999999/city",
        "postgresql://etl:a-word-of it@db.example.com/city",
    ],
)
def test_a_url_that_nothing_reads_is_told_by_its_secret(connections, monkeypatch, url):
    monkeypatch.setitem(VALUES, "other", {"url": url})
    with pytest.raises(SettingError, match="^The secret 'other': its url is none") as refused:
        connections.database("other", "public", "t", None)
    assert "a-word" not in str(refused.value)
