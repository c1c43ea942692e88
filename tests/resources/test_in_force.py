"""What a run says first: source, lake, warehouse; the sandbox by name, secrets never, all that is missing at once."""

import pytest

from core.errors import SettingError
from resources.configured import ReadsSettings
from resources.databridge import DatabridgeResource
from resources.ethereum import EthereumNodeResource
from resources.exchanges import ExchangesResource
from resources.in_force import in_force, is_sandbox, origins
from resources.io_managers.lake import LakeIOManager
from resources.stacks import StacksResource
from resources.stages import resources_for


def test_the_sandbox_is_named_where_nothing_is_set(home):
    said = in_force(resources_for("local"))
    stores = {"Lake", "Warehouse", "PostgreSQL", "Ethereum export", "Stacks objects"}
    assert {name for name, text in said.items() if is_sandbox(text)} == said.keys() - stores
    assert {"Ethereum node", "CoinGecko"} < said.keys() - stores
    assert said["Lake"] == f"{home / 'lake'}, parquet"
    assert said["Warehouse"] == f"duckdb, embedded: {home / 'warehouse.duckdb'}"
    assert said["PostgreSQL"] == f"embedded, under {home / 'postgres'}"
    assert not home.exists()  # nothing was started for it


def test_no_secret_is_said(monkeypatch):
    for name, value in {
        "ETHEREUM_PROVIDER_URI": "https://me:planted@a.example.com/planted, wss://b.example.com:8546/?k=planted",
        "ETHEREUM_PROVIDER_URI_ARCHIVAL": "/run/planted.ipc",
        "COINGECKO_PLAN": "pro",
        "COINGECKO_API_KEY": "planted",
        "COINGECKO_URL": "https://proxy.example.com/planted",
        "BLOCKCHAIR_PLAN": "key",
        "BLOCKCHAIR_API_KEY": "planted",
        "POSTGRES_HOST": "db.example.com",
        "POSTGRES_USER": "loader",
        "POSTGRES_PASSWORD": "planted",
        "LAKE_URI": "s3://bucket/prefix",
        "EXCHANGES_SOURCE": "live",
        "EXCHANGES_URL": "https://me:planted@proxy.example.com/planted",
        "DATABRIDGE_SECRETS_REGION": "us-east-1",
        "DATABRIDGE_URI": "s3://staging",
        "STACKS_DB_HOST": "stacks.example.com",
        "STACKS_DB_USER": "reader",
        "STACKS_DB_PASSWORD": "planted",
        "STACKS_API_URL": "https://api.example.com/planted",
        "STACKS_API_KEY": "planted",
    }.items():
        monkeypatch.setenv(name, value)
    said = in_force(resources_for("prod"))
    assert said["Ethereum node"] == "https://a.example.com, wss://b.example.com:8546"
    assert said["PostgreSQL"] == "postgresql://db.example.com:5432/headwater"
    assert "planted" not in str(said)
    assert not any(is_sandbox(text) for text in said.values())


def test_all_that_is_missing_is_named_at_once(monkeypatch):
    monkeypatch.setenv("WAREHOUSE", "redshift")
    monkeypatch.setenv("ETHEREUM_BATCH_SIZE", "inf")
    with pytest.raises(SettingError) as error:
        in_force(resources_for("prod"))
    said = str(error.value)
    for name in ("LAKE_URI", "REDSHIFT_HOST", "POSTGRES_HOST", "POSTGRES_USER", "COINGECKO_PLAN", "BLOCKCHAIR_PLAN"):
        assert said.count(f"{name} is not set: ") == 1
    assert "ETHEREUM_BATCH_SIZE='inf': expected a whole number from 1 to 1,000" in said
    assert "Redshift needs exactly one of" in said


def test_the_stage_passed_is_the_one_that_holds(monkeypatch):
    """Whatever HEADWATER_STAGE says."""
    with pytest.raises(SettingError, match="ETHEREUM_PROVIDER_URI is not set"):
        resources_for("prod")["ethereum"].client()
    monkeypatch.setenv("HEADWATER_STAGE", "prod")
    assert is_sandbox(in_force(resources_for("local"))["Ethereum node"])


def test_a_field_stands_in_for_its_setting_and_is_checked(monkeypatch):
    monkeypatch.setenv("ETHEREUM_VERIFY", "off")
    assert EthereumNodeResource(verify="full").verify_mode() == "full"
    with pytest.raises(SettingError, match="ETHEREUM_MAX_IN_FLIGHT='?0'?: expected a whole number from 1 to 256"):
        EthereumNodeResource(max_in_flight=0).client()
    with pytest.raises(SettingError, match="LAKE_FORMAT='orc': expected one of parquet, csv"):
        LakeIOManager(format="orc").lake()


def test_what_was_read_once_stays(monkeypatch):
    node = EthereumNodeResource()
    assert node.engine_name() == "native"
    monkeypatch.setenv("ETHEREUM_ENGINE", "ethereum-etl")
    assert node.engine_name() == "native"
    assert EthereumNodeResource().engine_name() == "ethereum-etl"


@pytest.mark.parametrize(
    ("uris", "said"),
    [
        ("http://[::1]:8545/key", "http://[::1]:8545"),
        ("planted-key", "an address that cannot be read"),
        ("http://[planted", "an address that cannot be read"),
        ("http://host:planted/", "an address that cannot be read"),
        ("/run/geth.ipc", "a socket file"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_key(uris, said):
    assert origins(uris) == said


def test_every_resource_with_settings_has_fields_for_the_launchpad_and_uses_them():
    assert "https://proxy.example.com" in ExchangesResource(url="https://proxy.example.com/x").in_force()["Exchanges"]
    assert ExchangesResource(min_completeness=0).environ()["EXCHANGES_MIN_COMPLETENESS"] == "0.0"
    assert StacksResource(count_mode="legacy").figures().count_mode == "legacy"
    assert DatabridgeResource(runner="batch").on_batch()
    for key, resource in resources_for("local").items():
        if isinstance(resource, ReadsSettings):
            fields = type(resource).model_fields.keys() - {"stage"}
            assert fields, key
            assert all(getattr(resource, field) in (None, True) for field in fields)
    with pytest.raises(SettingError, match="STACKS_COUNT_MODE='both': expected one of canonical, legacy"):
        StacksResource(count_mode="both").figures()
