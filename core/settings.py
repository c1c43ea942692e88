"""Every setting, declared once: what it means, what it may hold, what it is when not set.

Settings come from the environment, read when a run needs them. ``docs/settings.md`` and ``.env.example`` are
compared with this list by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingError


@dataclass(frozen=True)
class Setting:
    """One environment variable. ``choices``: all it may hold, if that is a list."""

    name: str
    description: str
    example: str
    default: str | None = None
    choices: tuple[str, ...] = ()

    def read(self, environ: Mapping[str, str]) -> str | None:
        """The value, or the default.

        Raises:
            SettingError: when the value is not one of the choices.
        """
        value = environ.get(self.name) or self.default
        if self.choices and value not in self.choices:
            raise SettingError(f"{self.name}={value!r}: expected one of {', '.join(self.choices)}.")
        return value

    def require(self, environ: Mapping[str, str]) -> str:
        """The value.

        Raises:
            SettingError: when there is none.
        """
        value = self.read(environ)
        if value is None:
            raise SettingError(f"{self.name} is not set: {self.description} For example {self.name}={self.example}")
        return value

    def number(self, environ: Mapping[str, str], least: float = 0) -> float | None:
        """The value as a number of at least ``least``.

        Raises:
            SettingError: when it is not one.
        """
        value = self.read(environ)
        try:
            number = None if value is None else float(value)
        except ValueError:
            number = float("nan")
        if number is not None and not number >= least:
            raise SettingError(
                f"{self.name}={value!r}: expected a number of at least {least:g}, such as {self.example}."
            )
        return number

    def integer(self, environ: Mapping[str, str], least: int = 1) -> int:
        """The value as a whole number of at least ``least``.

        Raises:
            SettingError: when it is not one, or not set.
        """
        number = self.number(environ, least)
        if number is None or number != int(number):
            raise SettingError(
                f"{self.name}={environ.get(self.name)!r}: expected a whole number, such as {self.example}."
            )
        return int(number)


STAGES = ("local", "test", "preprod", "prod")

STAGE = Setting(
    "HEADWATER_STAGE",
    "Which set of resources serves the assets; outside local, nothing falls back to an embedded default.",
    "prod",
    "local",
    STAGES,
)
HOME = Setting(
    "HEADWATER_HOME",
    "Directory of the embedded defaults: lake, warehouse file, Dagster's storage.",
    "/var/lib/headwater",
    ".headwater",
)
ETHEREUM_PROVIDER_URI = Setting(
    "ETHEREUM_PROVIDER_URI",
    "The Ethereum node: one endpoint or several, comma-separated; http(s)://, ws(s):// or the path of an IPC socket. "
    "Locally the embedded sample chain serves when it is not set.",
    "http://localhost:8545",
)
ETHEREUM_PROVIDER_URI_ARCHIVAL = Setting(
    "ETHEREUM_PROVIDER_URI_ARCHIVAL",
    "The node for traces, which needs old state; ETHEREUM_PROVIDER_URI when not set.",
    "http://archive:8545",
)
ETHEREUM_TRACER = Setting(
    "ETHEREUM_TRACER",
    "How the node traces: parity (trace_block: Erigon, Nethermind, Reth, anvil), geth (callTracer), or off for a node "
    "that cannot; off leaves traces, contracts and tokens out of the schedules.",
    "geth",
    "parity",
    ("parity", "geth", "off"),
)
ETHEREUM_CONFIRMATIONS = Setting(
    "ETHEREUM_CONFIRMATIONS",
    "Blocks above a day's end that make it final where the node does not know the finalized tag.",
    "64",
    "64",
)
ETHEREUM_BATCH_SIZE = Setting(
    "ETHEREUM_BATCH_SIZE", "Most calls put into one request; shrinks by itself when the node refuses.", "50", "10"
)
ETHEREUM_MAX_IN_FLIGHT = Setting("ETHEREUM_MAX_IN_FLIGHT", "Most requests at a time to each endpoint.", "16", "8")
ETHEREUM_CALLS_PER_SECOND = Setting(
    "ETHEREUM_CALLS_PER_SECOND", "Most calls a second to each endpoint; no limit when not set.", "100"
)
ETHEREUM_TIMEOUT = Setting("ETHEREUM_TIMEOUT", "Seconds to wait for the node's answer to a request.", "60", "60")
ETHEREUM_VERIFY = Setting(
    "ETHEREUM_VERIFY",
    "full proves every block against its header before anything is published; off does not, and the checks say so.",
    "off",
    "full",
    ("full", "off"),
)
ETHEREUM_STATE_CHANGES = Setting(
    "ETHEREUM_STATE_CHANGES",
    "Balance changes outside transactions to add to the traces of mainnet: genesis, daofork, or both.",
    "genesis,daofork",
)
LAKE_URI = Setting(
    "LAKE_URI",
    "Root of the lake: s3://bucket/prefix or a directory; $HEADWATER_HOME/lake locally.",
    "s3://my-lake/headwater",
)
LAKE_FORMAT = Setting(
    "LAKE_FORMAT",
    "parquet, or csv for the files and names of the old export (ethereum-etl's csv and json).",
    "csv",
    "parquet",
    ("parquet", "csv"),
)
WAREHOUSE = Setting("WAREHOUSE", "The warehouse's engine.", "duckdb", "duckdb", ("duckdb",))

SETTINGS = (
    STAGE,
    HOME,
    ETHEREUM_PROVIDER_URI,
    ETHEREUM_PROVIDER_URI_ARCHIVAL,
    ETHEREUM_TRACER,
    ETHEREUM_CONFIRMATIONS,
    ETHEREUM_BATCH_SIZE,
    ETHEREUM_MAX_IN_FLIGHT,
    ETHEREUM_CALLS_PER_SECOND,
    ETHEREUM_TIMEOUT,
    ETHEREUM_VERIFY,
    ETHEREUM_STATE_CHANGES,
    LAKE_URI,
    LAKE_FORMAT,
    WAREHOUSE,
)


def stage_from(environ: Mapping[str, str]) -> str:
    """The stage: local, test, preprod or prod.

    Raises:
        SettingError: listing them.
    """
    return STAGE.require(environ)


def home_from(environ: Mapping[str, str]) -> Path:
    """The directory of the embedded defaults, absolute."""
    return Path(HOME.require(environ)).absolute()


def lake_uri_from(environ: Mapping[str, str]) -> str:
    """The lake's root; embedded only in the local stage."""
    if stage_from(environ) == "local":
        return LAKE_URI.read(environ) or str(home_from(environ) / "lake")
    return LAKE_URI.require(environ)


def warehouse_file_from(environ: Mapping[str, str]) -> Path:
    """The embedded warehouse's database file."""
    return home_from(environ) / "warehouse.duckdb"
