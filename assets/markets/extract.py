"""From the clients to batches, one per partition: what belongs together is merged together, or not at all."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from assets.markets.tables import (
    BLOCKS,
    CHAIN_STATS,
    COIN_LIST,
    GLOBAL_DAILY,
    MARKET_SNAPSHOT,
    TRANSACTIONS,
)
from assets.markets.tracked import CURRENCY, summed_fields
from assets.markets.transform import NEAR_MIDNIGHT, above_zero, chain_row, closes, in_block, sums_row, typed
from core.errors import DayIncomplete, SettingError
from core.merging import Batch, Row, Rows
from core.windows import ONE_DAY, end_of
from resources.clients.markets.blockchair import COST_OF_STATS, COST_OF_SUMS, Blockchair
from resources.clients.markets.chain_source import ChainSource
from resources.clients.markets.coingecko import CoinGecko
from resources.clients.postgres.database import Postgres

LOG = logging.getLogger("headwater.markets")

NO_FIGURES = "without a moment or a price"
# Figures of a traded coin that are above zero, or unknown.
NEVER_ZERO = (
    "market_cap",
    "market_cap_rank",
    "fully_diluted_valuation",
    "volume",
    "circulating_supply",
    "total_supply",
    "max_supply",
)
# The days before its own that the models build anew: dbt's variable of the same meaning.
LOOKBACK_DAYS = 3

Hashes = Callable[[str, Iterable[int]], Mapping[int, str]]


@dataclass(frozen=True)
class ChainDay:
    """A partition of the chains' tables."""

    chain: str
    day: date

    def __str__(self) -> str:
        return f"{self.chain} on {self.day}"


def coin_list(gecko: CoinGecko) -> Batch:
    """Every active coin."""
    rows = [typed(COIN_LIST, entry, {}) for entry in gecko.coin_list()]
    return Batch(rows, gecko.http.address("coins/list"), requests=gecko.http.requests)


def market_snapshot(gecko: CoinGecko, coins: Sequence[str]) -> Batch:
    """The coins' figures of this moment."""
    found = [entry for entry in gecko.markets(coins, CURRENCY) if entry["id"] in set(coins)]
    usable = [entry for entry in found if entry.get("last_updated") is not None and _price(entry)]
    if missing := sorted(set(coins) - {entry["id"] for entry in usable}):
        # Of the others, the figures of this moment can never be asked for again: they are written.
        LOG.warning(
            "CoinGecko has no market figures of %s: check the ids in dbt_project/seeds/marts/markets/dim_asset.csv",
            ", ".join(missing),
        )
    if coins and not usable:
        raise DayIncomplete(
            f"CoinGecko sent no market figures of {', '.join(missing)}. Run again later; if it stays so, check the ids "
            "in dbt_project/seeds/marts/markets/dim_asset.csv."
        )
    rows = [_without_zeros(typed(MARKET_SNAPSHOT, entry, {"vs_currency": CURRENCY})) for entry in usable]
    rejected = {NO_FIGURES: len(found) - len(usable)} if len(found) > len(usable) else {}
    return Batch(rows, gecko.http.address("coins/markets"), rejected=rejected, requests=gecko.http.requests)


def _price(entry: Mapping[str, Any]) -> bool:
    """Whether the entry has a price, of whatever kind; a wrong one is found where it is read."""
    return entry.get("current_price") not in (None, 0)


def _without_zeros(row: dict[str, Any]) -> dict[str, Any]:
    """The figures of a coin that has a price, with null for zeros that stand for unknown."""
    return row | {name: above_zero(row[name], f"{row['coin_id']}: {name}", row["price"]) for name in NEVER_ZERO}


def market_daily(
    gecko: CoinGecko, coins: Sequence[str], days: Sequence[date], now: datetime
) -> Iterator[tuple[str, Batch]]:
    """The coins' closes of the days, a batch per day; one request per coin covers them all.

    A run of yesterday asks for the days before as well, as far as the models look back: what the source corrected
    since, or did not know then, comes with yesterday's batch.

    Raises:
        DayIncomplete: when a day is not over, or its close is not there yet.
    """
    _must_be_over(days, now)
    yesterday = now.date() - ONE_DAY
    before = [yesterday - ONE_DAY * back for back in range(1, LOOKBACK_DAYS + 1)] if yesterday in days else []
    again = [day for day in before if day not in days]
    by_day: dict[date, list[Row]] = {day: [] for day in days}
    corrected: list[Row] = []
    rejected: Counter[str] = Counter()
    for coin in coins:
        chart = gecko.market_chart(coin, CURRENCY, (now.date() - min([*days, *again])).days)
        rows, left_out = closes(coin, CURRENCY, chart, [*days, *again])
        rejected += left_out
        for day, row in rows.items():
            if day in by_day:
                by_day[day].append(row)
            elif row["price"] is not None:
                corrected.append(row)
    _must_be_there(by_day, coins, now)
    source, newest = gecko.http.address("coins/*/market_chart"), max(days)
    for day, of_day in by_day.items():
        # What the requests brought besides is counted once, with the newest day.
        extra: dict[str, Any] = {"rejected": rejected, "requests": gecko.http.requests} if day == newest else {}
        yield str(day), Batch(of_day + corrected if day == yesterday else of_day, source, **extra)


def _must_be_over(days: Sequence[date], now: datetime) -> None:
    if running := [str(day) for day in days if day >= now.date()]:
        raise DayIncomplete(
            f"CoinGecko: {', '.join(running)} has no close yet, the day is not over in UTC. Run again after midnight."
        )


def _must_be_there(by_day: Mapping[date, Sequence[Row]], coins: Sequence[str], now: datetime) -> None:
    """Yesterday has a close of every coin; an older day may lack coins that were not traded yet, not all of them."""

    def settled(day: date) -> bool:
        # Until then the point of this moment cannot be told from that of the midnight.
        return now.timestamp() * 1000 > end_of(day) * 1000 + NEAR_MIDNIGHT

    for day, rows in by_day.items():
        missing = sorted(
            set(coins) - {str(row["coin_id"]) for row in rows if row["price"] is not None and settled(day)}
        )
        if missing and (day == now.date() - ONE_DAY or not rows):
            raise DayIncomplete(
                f"CoinGecko has no close of {day} for {', '.join(missing)}. The close of a day is there about 00:35 "
                "UTC of the next one; run again then."
            )


def global_daily(gecko: CoinGecko, days: Sequence[date], now: datetime) -> Iterator[tuple[str, Batch]]:
    """The whole market's capitalisation, for the day that ended last; older days cannot be asked and stay unknown."""
    _must_be_over(days, now)
    source, yesterday = gecko.http.address("global"), now.date() - ONE_DAY
    for day in days:
        if day != yesterday:
            yield str(day), Batch([], source)
            continue
        caps = gecko.global_figures().get("total_market_cap")
        answer = {"total_market_cap": caps.get(CURRENCY) if isinstance(caps, dict) else None}
        row = typed(GLOBAL_DAILY, answer, {"vs_currency": CURRENCY, "price_date": day, "observed_at": now})
        if not row["total_market_cap"]:
            # The first figure of a day stays for good: an unknown one must not.
            raise DayIncomplete(
                f"CoinGecko does not know the whole market's capitalisation after {day}. Run again later."
            )
        yield str(day), Batch([row], source, requests=gecko.http.requests)


def blocks(source: ChainSource, parts: Mapping[str, ChainDay]) -> Iterator[tuple[str, Batch]]:
    """The blocks of chains and days, a batch for each.

    Raises:
        QuotaSpent: before the first request, when not all of them fit into what is left of the units.
    """
    source.require_blocks([part.chain for part in parts.values()], _named("the blocks of", parts))
    for key, part in parts.items():
        answers, spent = _accounted(source, partial(source.blocks, part.chain, part.day))
        rows = [chain_row(BLOCKS, part.chain, answer) for answer in answers]
        complete = {"chain": part.chain, "block_date": part.day}
        yield key, Batch(rows, source.address_of(part.chain, "blocks", part.day), complete_for=complete, **spent)


def tx_daily_aggregate(
    blockchair: Blockchair, parts: Mapping[str, ChainDay], now: datetime, finality: timedelta
) -> Iterator[tuple[str, Batch]]:
    """The sums over the transactions of chains and days.

    Raises:
        QuotaSpent: before the first request, when not all of them fit into what is left of the units.
    """
    blockchair.ledger.require(COST_OF_SUMS * len(parts), _named("the daily sums of", parts))
    for key, part in parts.items():
        if part.day >= now.date():
            raise DayIncomplete(f"Blockchair: {part} is not over in UTC. Run again after midnight.")
        fields = summed_fields(part.chain)
        (_, sums), spent = _accounted(blockchair, partial(blockchair.sums, part.chain, part.day, list(fields.values())))
        row = sums_row(part.chain, part.day, sums, fields, is_final=now >= _end(part.day) + finality)
        yield key, Batch([row], blockchair.http.address(f"{part.chain}/transactions"), **spent)


@dataclass(frozen=True)
class Converted:
    """Rows made of a source's while they are gone through: a file of them is never held as a whole."""

    answers: Rows
    convert: Callable[[Row], Row]

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Row]:
        return map(self.convert, self.answers)


def transactions(
    source: ChainSource, parts: Mapping[str, ChainDay], most: int, hashes: Hashes
) -> Iterator[tuple[str, Batch]]:
    """The first transactions of chains and days, each with the hash of its block if that is known.

    hashes: a chain and heights to the hashes of the blocks there.

    Raises:
        SettingError: when none are wanted.
        QuotaSpent: before the first request, when not all of them fit into what is left of the units.
    """
    if most < 1:
        raise SettingError(
            "BLOCKCHAIR_TRANSACTIONS is 0, so no single transactions are fetched. Set how many of a day and chain are "
            "wanted, such as BLOCKCHAIR_TRANSACTIONS=500."
        )
    source.require_transactions(most, len(parts), _named("single transactions of", parts))
    for key, part in parts.items():
        answers, spent = _accounted(source, partial(source.transactions, part.chain, part.day, most))
        rows = Converted(answers, partial(chain_row, TRANSACTIONS, part.chain))
        known = hashes(part.chain, {row["block_id"] for row in rows} - {None})
        rows = Converted(rows, partial(in_block, known))
        yield key, Batch(rows, source.address_of(part.chain, "transactions", part.day), **spent)


def block_hashes(database: Postgres, chain: str, heights: Iterable[int]) -> dict[int, str]:
    """Hashes of the current blocks at these heights, as far as they were loaded."""
    database.migrate(BLOCKS)
    found = database.records(
        f"SELECT height, block_hash FROM {BLOCKS.address} WHERE chain = %s AND height = ANY(%s) AND NOT is_orphan",
        [chain, sorted(heights)],
    )
    return {row["height"]: row["block_hash"] for row in found}


def chain_stats(blockchair: Blockchair, chains: Sequence[str]) -> Batch:
    """The chains' figures of this moment."""
    blockchair.ledger.require(COST_OF_STATS * len(chains), "the figures of the chains")
    answers, spent = _accounted(blockchair, lambda: {chain: blockchair.stats(chain) for chain in chains})
    rows = [typed(CHAIN_STATS, answer, {"chain": chain}) for chain, answer in answers.items()]
    return Batch(rows, blockchair.http.address("*/stats"), **spent)


def _end(day: date) -> datetime:
    return datetime.fromtimestamp(end_of(day), tz=UTC)


def _accounted(source: ChainSource, fetch: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """What was fetched, with the requests and units it took."""
    requests, units = source.requests, source.units
    found = fetch()
    return found, {"requests": source.requests - requests, "units": source.units - units}


def _named(what: str, parts: Mapping[str, ChainDay]) -> str:
    days = sorted({part.day for part in parts.values()})
    chains = sorted({part.chain for part in parts.values()})
    span = str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
    return f"{what} {', '.join(chains)} for {span}"
