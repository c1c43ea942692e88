"""The coins and chains followed: the rows of dbt's seed, the one place where they are listed."""

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

SEED = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds" / "marts" / "markets" / "dim_asset.csv"

# All capitalisations and prices are in this currency; the column vs_currency says so in every row.
CURRENCY = "usd"


@dataclass(frozen=True)
class Tracked:
    """One coin. ``chain``: Blockchair's name of its chain. ``last_day``: None while the coin is traded."""

    coin: str
    chain: str
    first_day: date
    last_day: date | None = None

    def lives(self, day: date) -> bool:
        """Whether the coin has a price on a day."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


@cache
def tracked() -> tuple[Tracked, ...]:
    with SEED.open(newline="") as file:
        return tuple(_tracked(row) for row in csv.DictReader(file))


def _tracked(row: dict[str, str]) -> Tracked:
    last = row.get("last_day")
    first = date.fromisoformat(row["first_day"])
    return Tracked(row["coin_id"], row["chain"], first, date.fromisoformat(last) if last else None)


def coins() -> list[str]:
    return [entry.coin for entry in tracked()]


def chains() -> list[str]:
    """Each chain once: a coin that got another id has two rows."""
    return list(dict.fromkeys(entry.chain for entry in tracked()))


def lives(coin: str, day: date) -> bool:
    """Whether a coin is one to ask for on a day: neither before its first day nor after its last."""
    return any(entry.coin == coin and entry.lives(day) for entry in tracked())
