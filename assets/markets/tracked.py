"""The coins and chains followed: the rows of dbt's seed, the one place where they are listed."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SEED = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "marts" / "markets" / "dim_asset.csv"

# All capitalisations and prices are in this currency; the column vs_currency says so in every row.
CURRENCY = "usd"


@dataclass(frozen=True)
class Tracked:
    """One coin. ``chain``: Blockchair's name of its chain."""

    coin: str
    chain: str


@cache
def tracked() -> tuple[Tracked, ...]:
    with SEED.open(newline="") as file:
        return tuple(Tracked(row["coin_id"], row["chain"]) for row in csv.DictReader(file))


def coins() -> list[str]:
    return [entry.coin for entry in tracked()]


def chains() -> list[str]:
    return [entry.chain for entry in tracked()]


# The old loader wrote the upper-cased name of the chain where a ticker was expected; docs/markets.md maps the two.
_UTXO_SUMS = {"fee": "fee", "fee_usd": "fee_usd", "transferred": "output_total", "transferred_usd": "output_total_usd"}
_ACCOUNT_SUMS = {"fee": "fee", "fee_usd": "fee_usd", "transferred": "value", "transferred_usd": "value_usd"}


def summed_fields(chain: str) -> Mapping[str, str]:
    """Our column to Blockchair's field, of the sums over a day's transactions."""
    return _ACCOUNT_SUMS if chain == "ethereum" else _UTXO_SUMS
