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
    """One environment variable.

    ``choices``: all it may hold, if that is a list. ``secret``: it holds or may hold a credential, so that deployments
    pass it by reference and nothing shows it.
    """

    name: str
    description: str
    example: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False

    def read(self, environ: Mapping[str, str]) -> str | None:
        """The value, or the default.

        Raises:
            SettingError: when the value is not one of the choices.
        """
        value = environ.get(self.name) or self.default
        if self.choices and value is not None and value not in self.choices:
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
    secret=True,
)
ETHEREUM_PROVIDER_URI_ARCHIVAL = Setting(
    "ETHEREUM_PROVIDER_URI_ARCHIVAL",
    "The node for traces, which needs old state; ETHEREUM_PROVIDER_URI when not set.",
    "http://archive:8545",
    secret=True,
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
    "ETHEREUM_BATCH_SIZE", "Most calls put into one request; shrinks by itself when the node refuses.", "50", "24"
)
ETHEREUM_MAX_IN_FLIGHT = Setting("ETHEREUM_MAX_IN_FLIGHT", "Most requests at a time to each endpoint.", "16", "3")
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
ETHEREUM_ENGINE = Setting(
    "ETHEREUM_ENGINE",
    "Who exports: native, or ethereum-etl in an environment of its own, which cannot prove what it exports.",
    "ethereum-etl",
    "native",
    ("native", "ethereum-etl"),
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
LAKE_KMS_KEY = Setting(
    "LAKE_KMS_KEY",
    "KMS key, by id or ARN, that objects on S3 are encrypted with; the bucket decides when not set.",
    "alias/headwater-lake",
)
WAREHOUSE = Setting(
    "WAREHOUSE",
    "The warehouse's engine: duckdb is a file under HEADWATER_HOME, the others are told of by the settings of their "
    "name.",
    "redshift",
    "duckdb",
    ("duckdb", "redshift", "postgres"),
)
WAREHOUSE_LOADER_ROLE = Setting(
    "WAREHOUSE_LOADER_ROLE",
    "Role that a migration grants what loading takes, where tables are not owned by who loads; no grants when not set.",
    "headwater_loader",
)
WAREHOUSE_DBT_ROLE = Setting(
    "WAREHOUSE_DBT_ROLE",
    "Role that a migration grants what dbt takes: to read the loaded tables and make its own beside them.",
    "headwater_dbt",
)
WAREHOUSE_READER_ROLE = Setting(
    "WAREHOUSE_READER_ROLE", "Role that a migration grants reading every table.", "headwater_reader"
)

REDSHIFT_HOST = Setting(
    "REDSHIFT_HOST",
    "Endpoint of the cluster or of the serverless workgroup.",
    "headwater.123456789012.eu-central-1.redshift-serverless.amazonaws.com",
)
REDSHIFT_PORT = Setting("REDSHIFT_PORT", "Its port.", "5439", "5439")
REDSHIFT_DATABASE = Setting("REDSHIFT_DATABASE", "Database that the tables are in.", "headwater", "headwater")
REDSHIFT_USER = Setting(
    "REDSHIFT_USER",
    "Database user that loads; with REDSHIFT_CLUSTER alone, the one that the IAM identity maps to when not set.",
    "headwater",
)
REDSHIFT_PASSWORD = Setting(
    "REDSHIFT_PASSWORD",
    "Its password. Instead of one: REDSHIFT_SECRET, REDSHIFT_CLUSTER or REDSHIFT_WORKGROUP.",
    "from-your-secret-store",
    secret=True,
)
REDSHIFT_SECRET = Setting(
    "REDSHIFT_SECRET",
    "Secret of AWS Secrets Manager, by name or ARN, that holds username and password as JSON.",
    "headwater/redshift",
)
REDSHIFT_CLUSTER = Setting(
    "REDSHIFT_CLUSTER",
    "Identifier of a provisioned cluster that gives temporary credentials to the IAM identity.",
    "headwater",
)
REDSHIFT_WORKGROUP = Setting(
    "REDSHIFT_WORKGROUP",
    "Name of a serverless workgroup that gives temporary credentials to the IAM identity.",
    "headwater",
)
REDSHIFT_IAM_ROLE = Setting(
    "REDSHIFT_IAM_ROLE",
    "ARN of the IAM role that Redshift reads the lake with, or default for the one associated as default.",
    "arn:aws:iam::123456789012:role/headwater-copy",
)
REDSHIFT_SSLMODE = Setting(
    "REDSHIFT_SSLMODE",
    "How the connection is secured: the server's certificate is verified, verify-full its name too; disable is for "
    "tests.",
    "verify-full",
    "verify-full",
    ("disable", "verify-ca", "verify-full"),
)
REDSHIFT_DBT_USER = Setting(
    "REDSHIFT_DBT_USER",
    "Database user that dbt builds with, where it is not the one that loads.",
    "headwater_dbt",
)
REDSHIFT_DBT_PASSWORD = Setting(
    "REDSHIFT_DBT_PASSWORD", "Its password; needs none with REDSHIFT_CLUSTER.", "from-your-secret-store", secret=True
)

POSTGRES_HOST = Setting(
    "POSTGRES_HOST",
    "Host of the PostgreSQL of the rooms that need one, or the directory of its socket file. Locally an embedded "
    "server under HEADWATER_HOME serves when it is not set.",
    "db.example.com",
)
POSTGRES_PORT = Setting("POSTGRES_PORT", "Port of the PostgreSQL server.", "5432", "5432")
POSTGRES_DATABASE = Setting("POSTGRES_DATABASE", "Database that the tables are in.", "headwater", "headwater")
POSTGRES_USER = Setting("POSTGRES_USER", "Role that loads the raw tables.", "headwater")
POSTGRES_PASSWORD = Setting("POSTGRES_PASSWORD", "Its password.", "from-your-secret-store", secret=True)
POSTGRES_SSLMODE = Setting(
    "POSTGRES_SSLMODE",
    "How the connection is secured: verify-full outside a private network.",
    "verify-full",
    "prefer",
    ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
)
POSTGRES_DBT_USER = Setting(
    "POSTGRES_DBT_USER",
    "Role that dbt builds with: reads the raw schema, owns the schemas of the models.",
    "headwater_dbt",
)
POSTGRES_DBT_PASSWORD = Setting("POSTGRES_DBT_PASSWORD", "Its password.", "from-your-secret-store", secret=True)

COINGECKO_PLAN = Setting(
    "COINGECKO_PLAN",
    "Which CoinGecko is asked: the sample of this repository, the public API without a key, or with a demo or pro "
    "key. Locally sample when not set; elsewhere it has to be set.",
    "demo",
    None,
    ("sample", "keyless", "demo", "pro"),
)
COINGECKO_API_KEY = Setting("COINGECKO_API_KEY", "Key of the demo or pro plan.", "CG-from-your-account", secret=True)
COINGECKO_URL = Setting(
    "COINGECKO_URL",
    "Root of the API, where it is not the plan's own (a proxy).",
    "https://api.coingecko.com/api/v3",
)
COINGECKO_CALLS_PER_MINUTE = Setting("COINGECKO_CALLS_PER_MINUTE", "Most calls a minute.", "100", "25")
BLOCKCHAIR_PLAN = Setting(
    "BLOCKCHAIR_PLAN",
    "Which Blockchair is asked: the sample of this repository, the public API without a key (free), or with one. "
    "Locally sample when not set; elsewhere it has to be set.",
    "free",
    None,
    ("sample", "free", "key"),
)
BLOCKCHAIR_API_KEY = Setting("BLOCKCHAIR_API_KEY", "Key of the plan.", "from-your-account", secret=True)
BLOCKCHAIR_URL = Setting(
    "BLOCKCHAIR_URL", "Root of the API, where it is not the public one (a proxy).", "https://api.blockchair.com"
)
BLOCKCHAIR_CALLS_PER_MINUTE = Setting("BLOCKCHAIR_CALLS_PER_MINUTE", "Most calls a minute.", "30", "30")
BLOCKCHAIR_UNITS_PER_DAY = Setting(
    "BLOCKCHAIR_UNITS_PER_DAY",
    "Request units a UTC day allows, over all runs; a fetch that would exceed what is left does not start.",
    "1440",
    "1440",
)
BLOCKCHAIR_TRANSACTIONS = Setting(
    "BLOCKCHAIR_TRANSACTIONS",
    "Most single transactions fetched for a day and chain, first ones first; 0 fetches none, the daily sums need none.",
    "500",
    "0",
)
BLOCKCHAIR_SOURCE = Setting(
    "BLOCKCHAIR_SOURCE",
    "Where blocks and single transactions come from: api, in request units, or dumps, the daily files, which take none "
    "and are published some time after the day. Daily sums and figures of the moment are always the API's.",
    "dumps",
    "api",
    ("api", "dumps"),
)
BLOCKCHAIR_DUMPS_URL = Setting(
    "BLOCKCHAIR_DUMPS_URL",
    "Address of a dump, with {chain}, {table} and {day} as YYYYMMDD in it; Blockchair's own when not set.",
    "https://gz.blockchair.com/{chain}/{table}/blockchair_{chain}_{table}_{day}.tsv.gz",
)
BLOCKCHAIR_DUMPS_KEY = Setting(
    "BLOCKCHAIR_DUMPS_KEY",
    "Key sent for dumps; without one they may be slow.",
    "from-your-account",
    secret=True,
)
MARKETS_FINALITY_HOURS = Setting(
    "MARKETS_FINALITY_HOURS",
    "Hours after a day's end from which its daily sums of a chain count as final.",
    "6",
    "6",
)
HEADWATER_URL = Setting(
    "HEADWATER_URL",
    "Address of the web server as people reach it; notices link to the failed run there.",
    "https://headwater.example.com",
)
NOTICE_URL = Setting(
    "NOTICE_URL",
    "Incoming webhook of Slack, or of a chat that takes the same, that is told of each failed run, in every stage.",
    "https://chat.example.com/hooks/from-your-secret-store",
    secret=True,
)
NOTICE_TELEGRAM_TOKEN = Setting(
    "NOTICE_TELEGRAM_TOKEN",
    "Token of the Telegram bot that tells of each failed run, in preprod and prod.",
    "123456:from-your-secret-store",
    secret=True,
)
NOTICE_TELEGRAM_CHAT = Setting("NOTICE_TELEGRAM_CHAT", "Id of the chat that the bot writes to.", "-1001234567890")
NOTICE_TELEGRAM_URL = Setting(
    "NOTICE_TELEGRAM_URL",
    "Root of the Bot API, where it is not Telegram's own (a proxy).",
    "https://api.telegram.org",
    "https://api.telegram.org",
)
NOTICE_MAIL_HOST = Setting(
    "NOTICE_MAIL_HOST", "SMTP server for the mail about each failed run, in preprod and prod.", "smtp.example.com"
)
NOTICE_MAIL_PORT = Setting("NOTICE_MAIL_PORT", "Its port.", "25", "587")
NOTICE_MAIL_STARTTLS = Setting(
    "NOTICE_MAIL_STARTTLS",
    "required sends nothing unencrypted; offered does where the server has no STARTTLS, but never a password.",
    "offered",
    "required",
    ("required", "offered"),
)
NOTICE_MAIL_USER = Setting("NOTICE_MAIL_USER", "Who signs in at the server; nobody does when not set.", "headwater")
NOTICE_MAIL_PASSWORD = Setting("NOTICE_MAIL_PASSWORD", "Its password.", "from-your-secret-store", secret=True)
NOTICE_MAIL_FROM = Setting("NOTICE_MAIL_FROM", "Sender of the mail.", "headwater@example.com")
NOTICE_MAIL_TO = Setting("NOTICE_MAIL_TO", "Its recipients, comma-separated.", "oncall@example.com,data@example.com")

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
    ETHEREUM_ENGINE,
    ETHEREUM_STATE_CHANGES,
    LAKE_URI,
    LAKE_FORMAT,
    LAKE_KMS_KEY,
    WAREHOUSE,
    WAREHOUSE_LOADER_ROLE,
    WAREHOUSE_DBT_ROLE,
    WAREHOUSE_READER_ROLE,
    REDSHIFT_HOST,
    REDSHIFT_PORT,
    REDSHIFT_DATABASE,
    REDSHIFT_USER,
    REDSHIFT_PASSWORD,
    REDSHIFT_SECRET,
    REDSHIFT_CLUSTER,
    REDSHIFT_WORKGROUP,
    REDSHIFT_IAM_ROLE,
    REDSHIFT_SSLMODE,
    REDSHIFT_DBT_USER,
    REDSHIFT_DBT_PASSWORD,
    POSTGRES_HOST,
    POSTGRES_PORT,
    POSTGRES_DATABASE,
    POSTGRES_USER,
    POSTGRES_PASSWORD,
    POSTGRES_SSLMODE,
    POSTGRES_DBT_USER,
    POSTGRES_DBT_PASSWORD,
    COINGECKO_PLAN,
    COINGECKO_API_KEY,
    COINGECKO_URL,
    COINGECKO_CALLS_PER_MINUTE,
    BLOCKCHAIR_PLAN,
    BLOCKCHAIR_API_KEY,
    BLOCKCHAIR_URL,
    BLOCKCHAIR_CALLS_PER_MINUTE,
    BLOCKCHAIR_UNITS_PER_DAY,
    BLOCKCHAIR_TRANSACTIONS,
    BLOCKCHAIR_SOURCE,
    BLOCKCHAIR_DUMPS_URL,
    BLOCKCHAIR_DUMPS_KEY,
    MARKETS_FINALITY_HOURS,
    HEADWATER_URL,
    NOTICE_URL,
    NOTICE_TELEGRAM_TOKEN,
    NOTICE_TELEGRAM_CHAT,
    NOTICE_TELEGRAM_URL,
    NOTICE_MAIL_HOST,
    NOTICE_MAIL_PORT,
    NOTICE_MAIL_STARTTLS,
    NOTICE_MAIL_USER,
    NOTICE_MAIL_PASSWORD,
    NOTICE_MAIL_FROM,
    NOTICE_MAIL_TO,
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
