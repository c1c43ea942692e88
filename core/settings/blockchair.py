"""Blockchair, its dumps, and when its days are final."""

from typing import Annotated, Literal

from core.settings.base import Address, Between, Secret, Settings, setting


class Blockchair(Settings):
    """Blockchair, its dumps, and when its days are final."""

    plan: Literal["sample", "free", "key"] | None = setting(
        "BLOCKCHAIR_PLAN",
        "Which Blockchair is asked: the sample of this repository, the public API without a key (free), or with "
        "one. Locally sample when not set; elsewhere it has to be set.",
        "free",
    )
    api_key: Secret | None = setting(
        "BLOCKCHAIR_API_KEY",
        "Key of the plan.",
        "from-your-account",
    )
    url: Address | None = setting(
        "BLOCKCHAIR_URL",
        "Root of the API, where it is not the public one (a proxy).",
        "https://api.blockchair.com",
    )
    calls_per_minute: Annotated[float, Between(0.01, 100_000)] = setting(
        "BLOCKCHAIR_CALLS_PER_MINUTE",
        "Most calls a minute.",
        "30",
        30,
    )
    units_per_day: Annotated[int, Between(1, 1_000_000_000)] = setting(
        "BLOCKCHAIR_UNITS_PER_DAY",
        "Request units a UTC day allows, over all runs; a fetch that would exceed what is left does not start.",
        "1440",
        1440,
    )
    transactions: Annotated[int, Between(0, 1_000_000)] = setting(
        "BLOCKCHAIR_TRANSACTIONS",
        "Most single transactions fetched for a day and chain, first ones first; 0 fetches none, the daily sums "
        "need none.",
        "500",
        0,
    )
    source: Literal["api", "dumps"] = setting(
        "BLOCKCHAIR_SOURCE",
        "Where blocks and single transactions come from: api, in request units, or dumps, the daily files, which "
        "take none and are published some time after the day. Daily sums and figures of the moment are always "
        "the API's.",
        "dumps",
        "api",
    )
    dumps_url: Address | None = setting(
        "BLOCKCHAIR_DUMPS_URL",
        "Address of a dump, with {chain}, {table} and {day} as YYYYMMDD in it; Blockchair's own when not set.",
        "https://gz.blockchair.com/{chain}/{table}/blockchair_{chain}_{table}_{day}.tsv.gz",
    )
    dumps_key: Secret | None = setting(
        "BLOCKCHAIR_DUMPS_KEY",
        "Key sent for dumps; without one they may be slow.",
        "from-your-account",
    )
    finality_hours: Annotated[float, Between(0, 8_760)] = setting(
        "MARKETS_FINALITY_HOURS",
        "Hours after a day's end from which its daily sums of a chain count as final.",
        "6",
        6,
    )
