import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from core.errors import SettingError
from core.settings import base
from core.settings.base import Settings, Text, environment, listed, setting, together
from core.settings.blockchair import Blockchair
from core.settings.ethereum import Ethereum
from core.settings.exchanges import Exchanges
from core.settings.lake import Lake
from core.settings.listing import MODELS, all_settings
from core.settings.notices import MailNotices
from core.settings.postgres import Postgres
from core.settings.stacks import Stacks
from core.settings.stage import Stage, stage_from
from resources.clients.lake.store_of_uri import store_for
from tests.conftest import fuzzed

ROOT = Path(__file__).parents[2]


def test_stages_are_listed_when_one_is_wrong():
    assert stage_from({}) == "local"
    with pytest.raises(SettingError, match="HEADWATER_STAGE='live': expected one of local, test, preprod, prod"):
        stage_from({"HEADWATER_STAGE": "live"})


def test_a_missing_setting_is_one_sentence_with_an_example():
    with pytest.raises(SettingError, match=r"LAKE_URI is not set: .* For example LAKE_URI=s3://"):
        Lake.read({}).root(Stage.read({"HEADWATER_STAGE": "prod"}))


@pytest.mark.parametrize(
    "value", ["abc", "-1", "0.5", "nan", "inf", "99999999", "1" + "0" * 400, "1e2", "1_0", "٣", " 5", "0"]
)
def test_numbers_are_checked(value):
    with pytest.raises(SettingError, match="ETHEREUM_BATCH_SIZE") as error:
        Ethereum.read({"ETHEREUM_BATCH_SIZE": value})
    said = str(error.value)
    assert said.endswith(": expected a whole number from 1 to 1,000, such as 50.")
    assert len(said) < 200


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "0", "3601", "9" * 400])
def test_seconds_are_finite(value):
    with pytest.raises(SettingError, match=r"ETHEREUM_TIMEOUT=.*: expected a number from 1 to 3,600, such as 60\."):
        Ethereum.read({"ETHEREUM_TIMEOUT": value})


@pytest.mark.parametrize(("model", "name"), [(Postgres, "POSTGRES_PORT"), (MailNotices, "NOTICE_MAIL_PORT")])
@pytest.mark.parametrize("value", ["0", "65536", "99999999", "http", "-1", "1.5"])
def test_a_port_is_a_port(model, name, value):
    with pytest.raises(SettingError, match=f"{name}='{value}': expected a whole number from 1 to 65,535, such as"):
        model.read({name: value})
    assert model.read({name: "65535"}).port == 65535


def test_least_and_most_are_included():
    assert Blockchair.read({"BLOCKCHAIR_TRANSACTIONS": "0"}).transactions == 0
    assert Blockchair.read({"BLOCKCHAIR_CALLS_PER_MINUTE": "0.01"}).calls_per_minute == 0.01


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\x1b[31m", "\ud800", "x" * 5000, "a\u2028b"])
def test_text_is_one_line_of_sensible_length(value):
    with pytest.raises(SettingError, match=r"POSTGRES_HOST=.*: expected at most 4,096 characters and none of control"):
        Postgres.read({"POSTGRES_HOST": value})


def test_the_address_of_dumps_has_its_places_in_the_path():
    pattern = "http://proxy:8080/{chain}/{table}/{day}.tsv.gz"
    assert Blockchair.read({"BLOCKCHAIR_DUMPS_URL": pattern}).dumps_url == pattern
    with pytest.raises(SettingError, match="BLOCKCHAIR_DUMPS_URL"):
        Blockchair.read({"BLOCKCHAIR_DUMPS_URL": "http://proxy/?f={chain}/{table}/{day}"})


@pytest.mark.parametrize("value", ["SP1", "SP1:friends", "SP1=", "=friends", "SP1=a,SP2", "SP1=a,SP1=b", "SP1=a=b"])
def test_names_of_pools_that_are_no_pairs_are_not_passed_over(value):
    with pytest.raises(SettingError, match=f"STACKS_POOL_NAMES='{value}': expected pairs address=name with commas"):
        Stacks.read({"STACKS_POOL_NAMES": value})


def test_names_of_pools_are_read_by_address():
    assert Stacks.read({"STACKS_POOL_NAMES": " SP1 = friends , SP2=the others,"}).names_of_pools == {
        "SP1": "friends",
        "SP2": "the others",
    }
    assert Stacks.read({}).names_of_pools == {}


def test_a_wrong_secret_is_not_shown():
    with pytest.raises(SettingError) as error:
        Postgres.read({"POSTGRES_PASSWORD": "planted\nqwertz"})
    assert "POSTGRES_PASSWORD (not shown, it is secret): expected" in str(error.value)
    shown, chain = "", error.value
    while chain:
        shown, chain = shown + str(chain), chain.__cause__ or chain.__context__
    assert "planted" not in shown
    assert "planted" not in repr(Postgres.read({"POSTGRES_PASSWORD": "planted"}))


def test_all_that_is_wrong_or_missing_is_said_at_once():
    with pytest.raises(SettingError) as error:
        together(
            lambda: Postgres.read({"POSTGRES_PORT": "0", "POSTGRES_SSLMODE": "yes"}),
            lambda: Postgres.read({}).require("host", "user", "password"),
            lambda: Lake.read({"LAKE_FORMAT": "orc"}),
        )
    assert [re.split("[= ]", line)[0] for line in str(error.value).splitlines()] == [
        "POSTGRES_PORT", "POSTGRES_SSLMODE", "POSTGRES_HOST", "POSTGRES_USER", "POSTGRES_PASSWORD", "LAKE_FORMAT",
    ]  # fmt: skip


def test_empty_means_not_set():
    class Any(Settings):
        x: Text = setting("X", "What.", "1", "7")

    assert Any.read({"X": ""}).x == "7"


def test_an_override_stands_in_for_the_setting_and_is_checked_as_it():
    assert Ethereum.read({"ETHEREUM_TRACER": "off"}, tracer="geth", verify=None).tracer == "geth"
    with pytest.raises(SettingError, match="ETHEREUM_TRACER='jaeger': expected one of parity, geth, off"):
        Ethereum.read({}, tracer="jaeger")


def test_models_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Lake.read({}).format = "csv"


def test_a_file_in_the_working_directory_is_read_and_the_environment_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base, "DOTENV", Path(".env"))
    assert Lake.read().uri is None
    (tmp_path / ".env").write_text("# mine\nexport LAKE_URI='s3://here/lake'\nLAKE_FORMAT=csv\nLAKE_KMS_KEY=alias/x\n")
    monkeypatch.setenv("LAKE_FORMAT", "parquet")
    monkeypatch.setenv("LAKE_KMS_KEY", "")
    found = Lake.read()
    assert (found.uri, found.format, found.kms_key) == ("s3://here/lake", "parquet", None)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "DOTENV", tmp_path / ".env")
    (tmp_path / ".env").write_bytes(b"LAKE_URI=\xff\n")
    with pytest.raises(SettingError, match=r"\.env cannot be read .* expected lines like"):
        environment()


def test_no_setting_is_declared_twice():
    names = [entry.name for entry in all_settings()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", MODELS)
def test_every_example_is_one(model):
    for entry in all_settings():
        model.read({entry.name: entry.example})
        if entry.default:
            model.read({entry.name: entry.default})


def test_env_example_and_docs_name_every_setting_and_no_other():
    names = {entry.name for entry in all_settings()}
    examples = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert examples == {entry.name: entry.example for entry in all_settings()}
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert documented == names


def test_docs_describe_settings_as_declared():
    text = (ROOT / "docs/settings.md").read_text()
    for entry in all_settings():
        default = f"`{entry.default}`" if entry.default else "–"
        row = f"| `{entry.name}` | {entry.description} | {default} | `{entry.example}` |"
        assert row in text, f"docs/settings.md lacks the row:\n{row}"


ODD_SETTINGS = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["inf", "nan", "1e999", "1_0", "\u0661", "0x10", "-0", "99999999", "9" * 5000, "x" * 5000, "\x00", "\ud800"]
    ),
    st.sampled_from(
        [
            "s3://",
            "s3://a/b",
            "file:///a%20b",
            "/a#b?c",
            "http://u:p@[::1",
            "https://h/{chain}/{table}/{day}",
            "a,b",
            "[]",
        ]
    ),
)


def read_or_told(read, *arguments):
    """What was read, or what was said instead."""
    try:
        return read(*arguments), None
    except SettingError as error:
        return None, str(error)


@fuzzed
@given(st.sampled_from(MODELS), st.data())
def test_any_value_of_any_setting_is_taken_or_told_by_name(model, data):
    entries = [listed(field) for field in model.model_fields.values()]
    chosen = data.draw(st.lists(st.sampled_from(entries), min_size=1, max_size=3, unique=True))
    environ = {entry.name: data.draw(ODD_SETTINGS, entry.name) for entry in chosen}
    found, said = read_or_told(model.read, environ)
    if said:
        assert all(sentence.startswith(tuple(environ)) for sentence in said.splitlines())
        assert len(said) < 1000 * len(environ)
        shown = [environ[entry.name] for entry in chosen if not entry.secret] + [entry.example for entry in entries]
        secrets = {environ[entry.name] for entry in chosen if entry.secret and len(environ[entry.name]) >= 8}
        assert not any(secret in said and not any(secret in text for text in shown) for secret in secrets)
        return
    # What is taken is bounded, so that nothing behind has to expect anything else.
    for value in found.model_dump().values():
        shown = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(shown, (int, float)):
            assert math.isfinite(shown)
            assert abs(shown) < 2**63
        if isinstance(shown, str):
            assert len(shown) <= base.LONGEST
            assert not re.search(r"[\x00-\x1f\x7f]", shown)
            shown.encode()


@fuzzed
@given(st.text(max_size=40) | ODD_SETTINGS)
def test_any_lake_uri_is_a_place_or_told(uri):
    store, said = read_or_told(lambda: store_for(Lake.read({"LAKE_URI": uri}).root(Stage.read({}))))
    assert said.startswith("LAKE_URI=") if said else store.uri("k")


ADDRESSES = [
    (model, entry.name)
    for model in MODELS
    for entry in map(listed, model.model_fields.values())
    if entry.name.startswith(("EXCHANGES_", "BLOCKCHAIR_", "COINGECKO_", "STACKS_", "NOTICE_TELEGRAM_"))
    and entry.name.endswith("URL")
]


@pytest.mark.parametrize(("model", "name"), ADDRESSES)
@pytest.mark.parametrize(
    "value",
    ["api.example.com/v3", "//api.example.com", "proxy:8080", "ftp://api.example.com", "http://",
     "https:/api.example.com", "https://api.example.com/v3?key=1", "https://api.example.com/v3#x", "http://[::1", "http://a:99999",
     "http://a:b", " https://api.example.com", "https://api example.com"],
)  # fmt: skip
def test_an_address_has_a_scheme_and_a_host_and_nothing_behind_its_path(model, name, value):
    with pytest.raises(SettingError, match=rf"^{name}='.*': expected an address that begins with https:// .* such as "):
        model.read({name: value})
    for good in ("https://api.example.com/v3", "http://127.0.0.1:80/x/", "https://[::1]:8443"):
        assert good in model.read({name: good}).model_dump().values()


def test_an_address_that_is_none_is_told_without_its_login():
    with pytest.raises(SettingError, match="EXCHANGES_URL='") as error:
        Exchanges.read({"EXCHANGES_URL": "me:planted@proxy:8080"})
    assert "planted" not in str(error.value)
    assert Exchanges.read({"EXCHANGES_URL": "http://me:planted@proxy:8080"}).url == "http://me:planted@proxy:8080"


@pytest.mark.parametrize("value", ["BTC/USDT", "BTCUSDT", "btc_usdt", "BTC_USDT ETH_USDT", "BTC_USDT,ETH-USDT"])
def test_a_required_pair_that_no_universe_can_have_is_refused(value):
    with pytest.raises(SettingError, match="EXCHANGES_REQUIRED=.*: expected pairs of capitals and digits around one _"):
        Exchanges.read({"EXCHANGES_REQUIRED": value})
    assert Exchanges.read({"EXCHANGES_REQUIRED": "BTC_USDT, 1INCH_USDT,"}).required == "BTC_USDT, 1INCH_USDT,"
