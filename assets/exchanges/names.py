"""Names that other systems know the data by: dataset signatures, their paths, jobs, task definitions."""

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from datetime import date

from core.settings.exchanges import PAIR

STAGES = ("test", "preprod", "prod")
SCHEMA = "v3"
# In the order of a signature. The universe is checked by its form here, and by existence where it is loaded.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "download_mode": ("bulk", "periodic_daily", "periodic_10min", "realtime"),
    "downloading_entity": ("airflow", "manual"),
    "action_tag": (
        *("downloaded_all", "downloaded_1sec", "downloaded_1min", "downloaded_200ms", "downloaded_250ms"),
        *("resampled_1min", "resampled_10sec"),
        *("archived_1sec", "archived_1min", "archived_200ms", "archived_250ms"),
    ),
    "data_format": ("parquet", "csv", "postgres"),
    "data_type": ("ohlcv", "bid_ask", "trades"),
    "asset_type": ("futures", "spot"),
    "vendor": ("ccxt", "crypto_chassis", "binance"),
    "exchange_id": ("binance", "binanceus", "okx", "kraken", "cryptocom"),
    "version": ("v1_0_0", "v2_0_0"),
}
_UNIVERSE = re.compile(r"v[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2})?|all")
_USERNAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Signature:
    """What a dataset is, in ten words.

    Raises:
        ValueError: naming the word that is unknown, and those that are known.
    """

    download_mode: str
    downloading_entity: str
    action_tag: str
    data_format: str
    data_type: str
    asset_type: str
    universe: str
    vendor: str
    exchange_id: str
    version: str

    def __post_init__(self):
        for name, known in ALLOWED.items():
            if getattr(self, name) not in known:
                raise ValueError(f"dataset signature: {name} {getattr(self, name)!r} is none of {', '.join(known)}")
        if not _UNIVERSE.fullmatch(self.universe):
            raise ValueError(
                f"dataset signature: universe {self.universe!r} is no version such as v7 or v7.3, and not all"
            )

    def __str__(self) -> str:
        return ".".join(word.replace(".", "_") for word in astuple(self))

    @property
    def path(self) -> str:
        """The dataset's folder under the bucket's root, without slashes at its ends."""
        return f"{SCHEMA}/{str(self).replace('.', '/')}"


def parse_signature(text: str) -> Signature:
    """The signature of its text, or of a dataset's path with or without the ``v3/`` before it.

    Raises:
        ValueError: when it has another number of words, or an unknown one.
    """
    words = text.removeprefix(f"{SCHEMA}/").replace("/", ".").split(".")
    names = [field.name for field in fields(Signature)]
    if len(words) != len(names):
        raise ValueError(f"dataset signature {text[:200]!r} has {len(words)} words; {len(names)} were expected")
    found = dict(zip(names, words, strict=True))
    found["universe"] = found["universe"].replace("_", ".")
    return Signature(**found)


@dataclass(frozen=True)
class JobName:
    """One job of the old DAG, and one partition key of the day's assets: ``ccxt.binance.spot.v7``."""

    vendor: str
    exchange_id: str
    contract: str
    universe: str

    @property
    def key(self) -> str:
        return f"{self.vendor}.{self.exchange_id}.{self.contract}.{self.universe}"

    def signature(self, action_tag: str = "downloaded_1min") -> Signature:
        """The dataset that the job's bars belong to."""
        return Signature(
            *("periodic_daily", "airflow", action_tag, "parquet", "ohlcv"),
            *(self.contract, self.universe, self.vendor, self.exchange_id, "v1_0_0"),
        )

    @property
    def task(self) -> str:
        """What the old DAG called the job's task."""
        return f"download.periodic_daily.{self.vendor}.{self.exchange_id}.{self.contract}.{self.universe}"


def parse_job(key: str) -> JobName:
    """The job of its partition key.

    Raises:
        ValueError: when it has fewer than four words, or one that no signature has.
    """
    parts = key.split(".", 3)
    if len(parts) != 4:
        raise ValueError(f"job {key[:80]!r}: expected vendor.exchange.contract.universe, such as ccxt.binance.spot.v7")
    job = JobName(*parts)
    job.signature()
    return job


def dataset_path(signature: Signature, pair: str, day: date, name: str = "data.parquet") -> str:
    """The key of a symbol's object of one day; numbers of month and day are not padded.

    Raises:
        ValueError: when the pair is not written as in a universe.
    """
    if not PAIR.fullmatch(pair):
        raise ValueError(f"currency pair {pair[:60]!r}: expected capitals and digits around one _, such as BTC_USDT")
    return f"{signature.path}/currency_pair={pair}/year={day.year}/month={day.month}/day={day.day}/{name}"


def task_definition_name(stage: str, username: str = "", *, full_system_run: bool = False) -> str:
    """The ECS task definition that runs a stage's downloads, which is its container's name as well.

    Raises:
        ValueError: for an unknown stage, no user in test, or a user elsewhere.
    """
    if stage not in STAGES:
        raise ValueError(f"stage {stage!r} is none of {', '.join(STAGES)}")
    check_username(stage, username)
    system = "-system" if full_system_run and stage != "test" else ""
    return f"cmamp{system}{'' if stage == 'prod' else f'-{stage}'}{f'-{username}' if username else ''}"


def check_username(stage: str, username: str) -> None:
    """In test, each user has data and a task definition of their own; the other stages have one.

    Raises:
        ValueError: saying which rule is broken.
    """
    if stage == "test" and not _USERNAME.fullmatch(username):
        raise ValueError(
            f"user {username!r}: stage test needs one, of small letters, digits and _, such as EXCHANGES_USER=ann"
        )
    if stage != "test" and username:
        raise ValueError(f"user {username!r}: only stage test has users; leave EXCHANGES_USER unset in {stage}")
