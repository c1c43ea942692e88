"""The sample days loaded into a warehouse of each engine, once; a copy of it for each test."""

import pytest

from resources.clients.postgres.connection import SESSIONS
from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.dbt_project import engines
from tests.standins.postgres import DATABASE, make_anew
from tests.standins.redshift import fixtures
from tests.standins.runs import LAKE, WAREHOUSE, Graph
from tests.standins.s3 import s3_client

DAYS = [*SAMPLE_DAYS, EMPTY_DAY]


@pytest.fixture(scope="session")
def s3_environment(s3_endpoint):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield s3_endpoint


@pytest.fixture(scope="session")
def loaded(tmp_path_factory, node_uri, s3_environment):
    """A lake on S3 and a DuckDB warehouse with the sample days, and nothing aggregated."""
    s3_client(s3_environment).create_bucket(Bucket="models")
    graph = Graph(tmp_path_factory.mktemp("loaded"), node_uri, lake_uri="s3://models/lake")
    graph.run(LAKE, *DAYS)
    graph.run(WAREHOUSE, *DAYS)
    return graph


@pytest.fixture(scope="session")
def loaded_postgres(loaded, postgres_server):
    """The same in a PostgreSQL database, to copy."""
    engines.execute(postgres_server, "CREATE DATABASE loaded")
    engines.load(engines.postgres_warehouse(postgres_server, "loaded"), loaded.lake_uri, DAYS)
    SESSIONS.let_go()  # a database that somebody is connected to cannot be copied
    return "loaded"


@pytest.fixture(scope="session")
def loaded_redshift(loaded, redshift_standin):
    """The same in a database of the Redshift stand-in, to copy."""
    redshift_standin.create_database("loaded_redshift", fixtures.USER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(redshift_standin.authority))
        engines.load(
            engines.redshift_warehouse(redshift_standin, "loaded_redshift", loaded.lake_uri), loaded.lake_uri, DAYS
        )
    return "loaded_redshift"


@pytest.fixture(scope="session")
def refreshed_engine(loaded, tmp_path_factory):
    """The same in a DuckDB file, with all days aggregated at once; to copy."""
    engine = engines.duckdb(loaded.home / "warehouse.duckdb", tmp_path_factory.mktemp("refreshed"))
    engine.build(full_refresh=True)
    return engine


@pytest.fixture(params=["duckdb", "postgres", "redshift"])
def engine_name(request):
    return request.param


@pytest.fixture
def engine(engine_name, request):
    """A loaded warehouse of each engine, to aggregate."""
    return request.getfixturevalue(f"on_{engine_name}")


@pytest.fixture
def on_duckdb(loaded, tmp_path):
    return engines.duckdb(loaded.home / "warehouse.duckdb", tmp_path)


@pytest.fixture
def on_postgres(loaded_postgres, postgres_server, tmp_path):
    make_anew(postgres_server, loaded_postgres)
    return engines.Engine(engines.postgres_warehouse(postgres_server, DATABASE), tmp_path)


@pytest.fixture
def on_redshift(loaded_redshift, redshift_standin, trusted_redshift, loaded, tmp_path):
    name = fixtures.DATABASE
    redshift_standin.create_database(name, fixtures.USER, template=loaded_redshift)
    yield engines.Engine(engines.redshift_warehouse(redshift_standin, name, loaded.lake_uri), tmp_path)
    redshift_standin.drop_database(name)


@pytest.fixture
def graph(on_duckdb, tmp_path, node_uri):
    """The graph on the DuckDB copy."""
    return Graph(tmp_path, node_uri)


@pytest.fixture
def build(on_duckdb, graph):
    return on_duckdb.build
