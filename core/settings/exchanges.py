"""The exchanges."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from core.settings.base import Address, Between, Settings, Text, setting

# A pair as universes spell it.
PAIR = re.compile(r"[A-Z0-9]{1,20}_[A-Z0-9]{1,20}")


def words(text: str | None) -> tuple[str, ...]:
    """The words of a setting that holds some, with commas between them."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _pairs(text: str) -> str:
    if not all(map(PAIR.fullmatch, words(text))):
        raise ValueError("pairs of capitals and digits around one _, with commas between them")
    return text


class Exchanges(Settings):
    """The exchanges."""

    source: Literal["sample", "live"] | None = setting(
        "EXCHANGES_SOURCE",
        "Where bars come from: the sample of this repository, or the exchanges themselves. Locally sample when not "
        "set; elsewhere it has to be set.",
        "live",
    )
    url: Address | None = setting(
        "EXCHANGES_URL",
        "Scheme and host that answer instead of the exchanges' own (a proxy); each path stays.",
        "http://proxy.internal:8080",
    )
    dumps_url: Address = setting(
        "EXCHANGES_DUMPS_URL",
        "Root of Binance's public dumps.",
        "https://data.binance.vision",
        "https://data.binance.vision",
    )
    jobs: Text = setting(
        "EXCHANGES_JOBS",
        "Jobs that are fetched every day, vendor.exchange.contract.universe, with commas between them.",
        "ccxt.binance.spot.v7",
        "ccxt.binance.spot.v7,ccxt.binance.futures.v7.3",
    )
    user: Text = setting(
        "EXCHANGES_USER",
        "Whose data and task definition it is: in stage test each user has their own, elsewhere there is none.",
        "ann",
        "",
    )
    on_missing: Literal["fail", "warn"] = setting(
        "EXCHANGES_ON_MISSING",
        "What a day with symbols that are empty, failed or not complete ends with.",
        "warn",
        "fail",
    )
    min_completeness: Annotated[float, Between(0, 1)] = setting(
        "EXCHANGES_MIN_COMPLETENESS",
        "Share of a symbol's minutes that have to be there, or explained by the exchange.",
        "0.99",
        1.0,
    )
    required: Annotated[Text, AfterValidator(_pairs)] = setting(
        "EXCHANGES_REQUIRED",
        "Pairs that may not be delisted, with commas between them.",
        "BTC_USDT,ETH_USDT",
        "",
    )
    off_grid: Literal["leave", "floor"] = setting(
        "EXCHANGES_OFF_GRID",
        "Whether bars that open off the minute are left out of ohlcv_1m, or moved to it where it has none.",
        "floor",
        "leave",
    )
    perpetual_warn: Annotated[float, Between(0, 1)] = setting(
        "EXCHANGES_PERPETUAL_WARN",
        "Difference between the daily closes of spot and perpetual, as a share, from which on it is a warning.",
        "0.01",
        0.02,
    )
    perpetual_error: Annotated[float, Between(0, 1)] = setting(
        "EXCHANGES_PERPETUAL_ERROR",
        "Difference between the daily closes of spot and perpetual, as a share, from which on it is an error.",
        "0.05",
        0.10,
    )
    market_warn: Annotated[float, Between(0, 1)] = setting(
        "EXCHANGES_MARKET_WARN",
        "Difference between a daily close and the price in markets, as a share, from which on it is a warning.",
        "0.005",
        0.01,
    )
    market_error: Annotated[float, Between(0, 1)] = setting(
        "EXCHANGES_MARKET_ERROR",
        "Difference between a daily close and the price in markets, as a share, from which on it is an error.",
        "0.02",
        0.05,
    )
    lookback_days: Annotated[int, Between(1, 30)] = setting(
        "EXCHANGES_LOOKBACK_DAYS",
        "Days that are looked at again every day for bars that changed, yesterday among them.",
        "1",
        3,
    )
    execution: Literal["inline", "ecs"] = setting(
        "EXCHANGES_EXECUTION",
        "Where bars are fetched: in the run's own process, or as a task on ECS.",
        "ecs",
        "inline",
    )
    ecs_cluster: Text | None = setting("EXCHANGES_ECS_CLUSTER", "ECS cluster of the tasks.", "preprod-cluster")
    ecs_launch_type: Literal["FARGATE", "EC2"] = setting(
        "EXCHANGES_ECS_LAUNCH_TYPE", "What the tasks run on.", "EC2", "FARGATE"
    )
    ecs_subnets: Text | None = setting(
        "EXCHANGES_ECS_SUBNETS", "Subnets of the tasks, with commas between them.", "subnet-0a1b,subnet-2c3d"
    )
    ecs_security_groups: Text | None = setting(
        "EXCHANGES_ECS_SECURITY_GROUPS", "Security groups of the tasks, with commas between them.", "sg-0a1b2c3d"
    )

    @property
    def chosen(self) -> str | None:
        """The source that is set, or that follows from another address; None where nothing is."""
        return self.source or ("live" if self.url else None)
