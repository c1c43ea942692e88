"""Shared by all tests: an environment without settings, the sample chain's node, days of the sample."""

import os
import signal
import sys
import uuid
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from core.settings import base
from core.settings.listing import all_settings
from resources.clients.ethereum_etl.environment import etl_command
from resources.ethereum_etl import EthereumEtlResource
from sandbox.ethereum.node import RecordedChain, SandboxNode
from tests.standins.clock import ManualClock
from tests.standins.exchanges import unthrottled
from tests.standins.files import in_memory
from tests.standins.instances import make_cheaper
from tests.standins.postgres import database, postgres_server
from tests.standins.redshift.fixtures import redshift, redshift_standin, trusted_redshift
from tests.standins.s3 import s3_client, s3_server
from tests.standins.warm.warm import WarmPython, use

__all__ = ["database", "postgres_server", "redshift", "redshift_standin", "trusted_redshift", "unthrottled"]

# An example's time depends on what else the machine does; benchmarks measure, tests do not.
settings.register_profile("headwater", deadline=None)
# `make fuzz`: the same properties, with as many examples as are asked for, and others every time.
FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or 0)
settings.register_profile("fuzz", deadline=None, max_examples=FUZZ_EXAMPLES or 10_000)
settings.load_profile("fuzz" if FUZZ_EXAMPLES else "headwater")

# Examples of a boundary's property: some hundred, and as many as `make fuzz` asks for.
FUZZED = settings(
    max_examples=FUZZ_EXAMPLES or 300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def fuzzed(test):
    """A property of what comes from outside, which `make fuzz` tries at length."""
    return pytest.mark.fuzz(FUZZED(test))


# Tests that are started in the background would hand on to their processes that Ctrl-C counts for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

make_cheaper()

# What is made once and kept from one run of the tests to the next.
KEPT = Path(os.environ.get("HEADWATER_HOME") or Path(__file__).parent.parent / ".headwater")
SAMPLE_DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
EMPTY_DAY = date(2024, 1, 5)
# What took longest when it was last measured: seconds and a group of tests, or a test without its parameters.
SLOWEST = Path(__file__).with_name("slowest.txt")
PYTHON = pytest.StashKey[WarmPython]()


def pytest_configure(config):
    """What tests start comes from processes that have imported it; workers share those of the process above them.

    They are forked and followed as only Linux can; it alone has a place for files in memory, too.
    """
    if sys.platform != "linux":
        return
    if hasattr(config, "workerinput"):
        use(Path(config.workerinput["python"]))
        return
    if files := in_memory():
        config.add_cleanup(files.cleanup)
        config.option.basetemp = config.option.basetemp or f"{files.name}/p"
    config.stash[PYTHON] = warm = WarmPython()
    config.add_cleanup(warm.stop)
    use(warm.place)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    if PYTHON in node.config.stash:
        node.workerinput["python"] = str(node.config.stash[PYTHON].place)


@pytest.hookimpl(tryfirst=True)  # xdist looks at the groups then
def pytest_collection_modifyitems(config, items):
    """Where workers share the tests, the longest start first: what waits does so while others work, not at the end.

    A module that makes something once stays on one worker, and together: elsewhere, and after others, it is made again.
    """
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        if not item.get_closest_marker("xdist_group") and _has_what_its_module_shares(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))
    seconds = {unit: int(spent) for spent, unit in (line.split() for line in SLOWEST.read_text().splitlines())}
    items.sort(key=lambda item: -seconds.get(_unit(item), 0))


def _has_what_its_module_shares(item):
    made = getattr(item, "_fixtureinfo", None)
    return made and any(fixtures[-1].scope == "module" for fixtures in made.name2fixturedefs.values())


def _unit(item):
    group = item.get_closest_marker("xdist_group")
    return group.args[0] if group else item.nodeid.split("[")[0]


def pytest_addoption(parser):
    parser.addoption("--snapshots", action="store_true", help="write the rooms' snapshots anew instead of comparing")


# The interpreter's own. py_ecc, which signing in the tests brings, raises it to 100,000, at which nested JSON ends the
# process instead of its reading.
RECURSION_LIMIT = 1000


@pytest.fixture(autouse=True)
def recursion_limit():
    """Tests run under the limit that the product runs under."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """No test sees the settings of the shell it was started from, or of the `.env` there."""
    monkeypatch.setattr(base, "DOTENV", Path("/nonexistent/.env"))
    for setting in all_settings():
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    # The file that dbt keeps of each command beside what it says; in debugging it costs an eighth of a build.
    monkeypatch.setenv("DBT_LOG_LEVEL_FILE", "info")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A HEADWATER_HOME of the test's own."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def recorded_chain():
    return RecordedChain.load()


@pytest.fixture(scope="session")
def node_uri(recorded_chain):
    """The sample chain, served on loopback for the whole session."""
    with SandboxNode(chain=recorded_chain) as node:
        yield node.uri


@pytest.fixture(scope="session")
def ethereum_etl():
    """ethereum-etl in its own environment, which is made before the first test that uses it: a minute, once."""
    etl_command(KEPT)
    return EthereumEtlResource(home=str(KEPT))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(scope="session")
def s3_endpoint():
    """moto's S3 on loopback."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3_bucket(s3_endpoint, monkeypatch):
    """A bucket of the test's own; the SDK finds endpoint and credentials in the environment, as in production."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid.uuid4().hex}"
    s3_client(s3_endpoint).create_bucket(Bucket=name)
    return name
