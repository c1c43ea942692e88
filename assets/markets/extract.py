"""From CoinGecko to batches, one per partition: what belongs together is merged together, or not at all."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from assets.markets.apart import Apart
from assets.markets.tables import COIN_LIST, GLOBAL_DAILY, MARKET_SNAPSHOT
from assets.markets.tracked import CURRENCY
from assets.markets.transform import NEAR_MIDNIGHT, above_zero, closes, typed
from core.errors import DayIncomplete, InvalidAnswer, SourceInconsistent, SourceRefused
from core.merging import Batch, Row
from core.plain import one_line
from core.windows import ONE_DAY, end_of
from resources.clients.markets.coingecko import CoinGecko

LOG = logging.getLogger("headwater.markets")

NO_FIGURES, UNREADABLE, TWICE = "without a moment or a price", "unreadable", "given twice"
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
# A list that lacks more than this of what is known is cut short: half, or of a long one a tenth.
MOST_GONE, MOST_GONE_OF_MANY, MANY = 0.5, 0.1, 20
# Entries left out of a list that are told one by one.
MOST_TOLD = 10
IDS = "check the ids in dbt_project/seeds/marts/markets/dim_asset.csv"

Lives = Callable[[str, date], bool]


def coin_list(gecko: CoinGecko, listed: Collection[str]) -> Batch:
    """Every active coin; what the list lacks of those known is no longer there.

    listed: the ids that the table has as there.

    Raises:
        SourceInconsistent: when so much is lacking that the list must be cut short.
    """
    rows: dict[str, Row] = {}
    rejected: Counter[str] = Counter()
    unreadable: set[str] = set()
    for entry in gecko.coin_list():
        try:
            row = typed(COIN_LIST, entry, {})
        except InvalidAnswer as error:
            rejected[UNREADABLE] += 1
            unreadable.add(str(entry.get("id")))
            if rejected[UNREADABLE] <= MOST_TOLD:
                LOG.warning("the list's entry %s was left out: %s", one_line(entry.get("id"), 80), error)
            continue
        rejected[TWICE] += row["coin_id"] in rows
        rows.setdefault(row["coin_id"], row)
    gone = len(set(listed) - set(rows))
    if not rows or gone > MOST_GONE * len(listed) or gone > max(MANY, MOST_GONE_OF_MANY * len(listed)):
        raise SourceInconsistent(
            f"CoinGecko's list of {len(rows)} coins lacks {gone} of the {len(listed)} known: it is cut short. Nothing "
            "was written; run again. If they are gone for good, delete them from raw.coin_list first."
        )
    # A coin whose entry cannot be read is listed all the same, and has no row here that would say so.
    complete: dict[str, Any] | None = None if (unreadable - set(rows)) & set(listed) else {}
    if complete is None:
        LOG.warning("entries of coins that are known cannot be read: no coin is marked as gone by this list")
    found = list(rows.values())
    return Batch(
        found, gecko.http.address("coins/list"), +rejected, complete_for=complete, requests=gecko.http.requests
    )


def market_snapshot(gecko: CoinGecko, coins: Sequence[str]) -> Batch:
    """The coins' figures of this moment."""
    # Of the others, the figures of this moment can never be asked for again: one coin takes none with it.
    rows: list[Row] = []
    unreadable: dict[str, InvalidAnswer] = {}
    found = [entry for entry in gecko.markets(coins, CURRENCY) if entry["id"] in set(coins)]
    for entry in found:
        try:
            row = typed(MARKET_SNAPSHOT, entry, {"vs_currency": CURRENCY}) if entry.get("last_updated") else {}
        except InvalidAnswer as error:
            unreadable[entry["id"]] = error
            LOG.warning("the figures of %s were left out: %s", entry["id"], error)
        else:
            if (row.get("price") or 0) > 0:
                rows.append(_without_zeros(row))
    if missing := sorted(set(coins) - {str(row["coin_id"]) for row in rows} - set(unreadable)):
        LOG.warning("CoinGecko has no market figures of %s: %s", ", ".join(missing), IDS)
    if coins and not rows:
        raise next(iter(unreadable.values()), None) or DayIncomplete(
            f"CoinGecko sent no market figures of {', '.join(missing)}. Run again later; if it stays so, {IDS}."
        )
    rejected = +Counter({UNREADABLE: len(unreadable), NO_FIGURES: len(found) - len(rows) - len(unreadable)})
    return Batch(rows, gecko.http.address("coins/markets"), rejected=rejected, requests=gecko.http.requests)


def _without_zeros(row: dict[str, Any]) -> dict[str, Any]:
    """The figures of a coin that has a price, with null for zeros that stand for unknown."""
    return row | {name: above_zero(row[name], f"{row['coin_id']}: {name}", row["price"]) for name in NEVER_ZERO}


def _always(coin: str, day: date) -> bool:
    return True


def market_daily(
    gecko: CoinGecko, coins: Sequence[str], days: Sequence[date], now: datetime, lives: Lives = _always
) -> Iterator[tuple[str, Batch]]:
    """The coins' closes of the days, a batch per day; one request per coin covers them all.

    A run of yesterday asks for the days before as well, as far as the models look back: what the source corrected
    since, or did not know then, comes with yesterday's batch. A coin that fails takes no other with it: what the others
    have is delivered, and its failure is raised then. lives: whether a coin has a price on a day.

    Raises:
        DayIncomplete: when a day is not over, or its close is not there yet.
        InvalidAnswer, SourceUnavailable, ...: when a coin's points cannot be had, after those of the others.
    """
    _must_be_over(days, now)
    yesterday = now.date() - ONE_DAY
    before = [yesterday - ONE_DAY * back for back in range(1, LOOKBACK_DAYS + 1)] if yesterday in days else []
    again = [day for day in before if day not in days]
    asked = [coin for coin in coins if any(lives(coin, day) for day in days)]
    fetched = _fetched(gecko, asked, [*days, *again], now, lives)
    source, newest = gecko.http.address("coins/*/market_chart"), max(days)
    for day in days:
        rows = fetched.of(day)
        if day == yesterday:
            # Unknown today, it is asked for again: a row would say that it is known.
            rows = [row for of in (day, *again) for row in fetched.of(of) if row["price"] is not None]
        # What the requests brought besides is counted once, with the newest day.
        extra: dict[str, Any] = {"rejected": fetched.rejected, "requests": gecko.http.requests} if day == newest else {}
        if rows or not any(lives(coin, day) for coin in asked):
            yield str(day), Batch(rows, source, **extra)
    for day in days:
        with fetched.apart.item():
            _must_be_there(fetched, [coin for coin in asked if lives(coin, day)], day, now.date() - ONE_DAY)
    if before:
        _give_up(fetched, asked, before[-1], lives)
    fetched.apart.tell()


@dataclass
class Fetched:
    """The closes of a run's coins by coin and day. ``silent``: coins without any price of late."""

    rows: dict[str, dict[date, Row]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    apart: Apart = field(default_factory=Apart)

    def of(self, day: date) -> list[Row]:
        return [rows[day] for rows in self.rows.values() if day in rows]


def _fetched(gecko: CoinGecko, coins: Sequence[str], days: Sequence[date], now: datetime, lives: Lives) -> Fetched:
    fetched = Fetched()
    span = (now.date() - min(days)).days
    for coin in coins:
        if fetched.apart.over:
            break
        with fetched.apart.item():
            chart = gecko.market_chart(coin, CURRENCY, span)
            if chart is None or not any(_has_value(point) for point in chart["prices"]):
                fetched.silent.append(coin)
            if chart is None:
                continue
            wanted = [day for day in days if lives(coin, day) and _settled(day, now)]
            rows, left_out = closes(coin, CURRENCY, chart, wanted)
            fetched.rows[coin] = rows
            fetched.rejected += left_out
    if coins and not fetched.rows and len(fetched.silent) == len(coins):
        raise SourceRefused(f"CoinGecko knows none of {', '.join(coins)} (404): {IDS}, and COINGECKO_URL.")
    if fetched.silent:
        LOG.warning(
            "CoinGecko has no prices of %s any more: %s, or enter the last day there", ", ".join(fetched.silent), IDS
        )
    return fetched


def _settled(day: date, now: datetime) -> bool:
    """Whether the point of this moment can be told from that of the midnight that ended the day."""
    return now.timestamp() * 1000 > end_of(day) * 1000 + NEAR_MIDNIGHT


def _has_value(point: Any) -> bool:
    return not isinstance(point, list) or len(point) != 2 or point[1] is not None


def _must_be_over(days: Sequence[date], now: datetime) -> None:
    if running := [str(day) for day in days if day >= now.date()]:
        raise DayIncomplete(
            f"CoinGecko: {', '.join(running)} has no close yet, the day is not over in UTC. Run again after midnight."
        )


def _must_be_there(fetched: Fetched, coins: Sequence[str], day: date, yesterday: date) -> None:
    """Yesterday has a close of every coin that still has prices; an older day may lack coins, not all of them."""
    there = {str(row["coin_id"]) for row in fetched.of(day) if row["price"] is not None}
    waits = set(coins) - there - set(fetched.silent if there else ())
    # A coin that could not be fetched is told of by its own failure.
    missing = sorted(waits & set(fetched.rows))
    if missing and (day == yesterday or not fetched.of(day)):
        raise DayIncomplete(
            f"CoinGecko has no close of {day} for {', '.join(missing)}. The close of a day is there about 00:35 UTC of "
            "the next one; run again then. What it has of other coins is written."
        )


def _give_up(fetched: Fetched, coins: Sequence[str], day: date, lives: Lives) -> None:
    """Name what is still unknown of the last day that is asked for again by itself."""
    for coin in coins:
        row = fetched.rows.get(coin, {}).get(day, {})
        unknown = [name for name in ("price", "volume", "market_cap") if row.get(name) is None]
        if unknown and lives(coin, day):
            LOG.warning(
                "CoinGecko still has no %s of %s on %s. It is not asked for again by itself: materialize "
                "raw/markets/market_daily for that day when CoinGecko has it",
                " and ".join(unknown), coin, day,
            )  # fmt: skip


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
        if (row["total_market_cap"] or 0) <= 0:
            # The first figure of a day stays for good: an unknown one must not.
            raise DayIncomplete(
                f"CoinGecko does not know the whole market's capitalisation after {day}. Run again later."
            )
        yield str(day), Batch([row], source, requests=gecko.http.requests)
