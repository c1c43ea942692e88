"""From Blockchair to batches, one per chain and day: what belongs together is merged together, or not at all."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from assets.markets.apart import Apart
from assets.markets.fields import Genuine, as_declared, sorts_of, summed_fields
from assets.markets.tables import BLOCKS, CHAIN_STATS, TRANSACTIONS
from assets.markets.transform import chain_row, in_block, sums_row, typed
from core.errors import DayIncomplete, SettingError, SourceInconsistent
from core.merging import Batch, Row, Rows
from core.windows import ONE_DAY, end_of
from resources.clients.markets.blockchair import COST_OF_STATS, COST_OF_SUMS, Blockchair
from resources.clients.markets.chain_source import ChainSource

LOG = logging.getLogger("headwater.markets")

# The days before its own that the models build anew: dbt's variable of the same meaning.
LOOKBACK_DAYS = 3
NO_TRANSACTIONS = "rewards, which are no transactions"


@dataclass(frozen=True)
class ChainDay:
    """A partition of the chains' tables."""

    chain: str
    day: date

    def __str__(self) -> str:
        return f"{self.chain} on {self.day}"


# A chain and heights to the hashes there; a chain and day to the lowest and highest height of it and the days beside;
# a chain and days to those whose sums are there, but not final or not all known.
Hashes = Callable[[str, Iterable[int]], Mapping[int, str]]
Reach = Callable[[str, date], Mapping[date, tuple[int, int]]]
Unsettled = Callable[[str, Sequence[date]], Sequence[date]]


def blocks(source: ChainSource, parts: Mapping[str, ChainDay], loaded: Reach) -> Iterator[tuple[str, Batch]]:
    """The blocks of chains and days, a batch for each; one that fails takes no other with it.

    loaded: what the table holds of a chain's day and of those beside.

    Raises:
        QuotaSpent: before the first request, when not all of them fit into what is left of the units.
        SourceInconsistent: when heights between a day and one beside it are in neither.
    """
    source.require_blocks([part.chain for part in parts.values()], _named("the blocks of", parts))
    apart = Apart()
    for key, part in parts.items():
        batch = None
        with apart.item():
            answers, spent = _accounted(source, partial(source.blocks, part.chain, part.day))
            rows = [chain_row(BLOCKS, part.chain, as_declared(BLOCKS, part.chain, answer)) for answer in answers]
            _must_join(part, [row["height"] for row in rows], loaded(part.chain, part.day))
            complete = {"chain": part.chain, "block_date": part.day}
            address = source.address_of(part.chain, "blocks", part.day)
            batch = Batch(rows, address, complete_for=complete, **spent)
        if batch:
            yield key, batch
        if apart.over:
            break
    apart.tell()


def _must_join(part: ChainDay, heights: Sequence[int], loaded: Mapping[date, tuple[int, int]]) -> None:
    """The day begins where the one before ends, and ends where the one after begins, as far as these are loaded.

    A day that comes nearer to its neighbour than what was loaded of it is taken: it mends a part of the hole.
    """
    if not heights:
        return
    lowest, highest = min(heights), max(heights)
    was_lowest, was_highest = loaded.get(part.day, (lowest, highest))
    before, after = loaded.get(part.day - ONE_DAY), loaded.get(part.day + ONE_DAY)
    holes = []
    if before and lowest > before[1] + 1 and lowest >= was_lowest:
        holes.append((before[1] + 1, lowest - 1, part.day - ONE_DAY))
    if after and after[0] > highest + 1 and highest <= was_highest:
        holes.append((highest + 1, after[0] - 1, part.day + ONE_DAY))
    for first, last, beside in holes:
        raise SourceInconsistent(
            f"Blockchair: {part.chain} has heights {first} to {last} neither in the blocks of {part.day} nor in those "
            f"of {beside} that are loaded. Nothing of {part.day} was written; load both days again, with "
            "BLOCKCHAIR_SOURCE=api if dumps lack them."
        )


def tx_daily_aggregate(
    blockchair: Blockchair, parts: Mapping[str, ChainDay], now: datetime, finality: timedelta, unsettled: Unsettled
) -> Iterator[tuple[str, Batch]]:
    """The sums over the transactions of chains and days; one that fails takes no other with it, nor a day asked again.

    A run of yesterday asks again for the days before, as far as the models look back, whose sums may still have changed
    since or were not all known: they come with yesterday's batch.

    Raises:
        QuotaSpent: before the first request, when not all of them fit into what is left of the units.
    """
    again = {key: _again(part, parts.values(), now, unsettled) for key, part in parts.items()}
    asked = len(parts) + sum(map(len, again.values()))
    blockchair.ledger.require(COST_OF_SUMS * asked, _named("the daily sums of", parts))
    apart = Apart()
    for key, part in parts.items():
        days = [ChainDay(part.chain, day) for day in (part.day, *again[key])]
        rows, spent = _accounted(blockchair, partial(_sums, blockchair, days, now, finality, apart))
        if rows:
            yield key, Batch(rows, blockchair.http.address(f"{part.chain}/transactions"), **spent)
        if apart.over:
            break
    apart.tell()


def _again(part: ChainDay, parts: Iterable[ChainDay], now: datetime, unsettled: Unsettled) -> list[date]:
    yesterday = now.date() - ONE_DAY
    if part.day != yesterday:
        return []
    others = {other.day for other in parts if other.chain == part.chain}
    days = [yesterday - ONE_DAY * back for back in range(1, LOOKBACK_DAYS + 1)]
    found = [day for day in unsettled(part.chain, days) if day not in others]
    if days[-1] in found:
        LOG.warning(
            "Blockchair: the sums of %s on %s are asked for once more, and not again by themselves: if they are still "
            "unknown or not final, materialize raw/markets/tx_daily_aggregate for that day later",
            part.chain, days[-1],
        )  # fmt: skip
    return found


def _sums(
    blockchair: Blockchair, days: Sequence[ChainDay], now: datetime, finality: timedelta, apart: Apart
) -> list[Row]:
    """The sums of a chain's days, of those that can be had."""
    rows: list[Row] = []
    for of in days:
        with apart.item():
            if of.day >= now.date():
                raise DayIncomplete(f"Blockchair: {of} is not over in UTC. Run again after midnight.")
            fields = summed_fields(of.chain)
            _, sums = blockchair.sums_by(sorts_of(of.chain), of.chain, of.day, list(fields.values()))
            rows.append(sums_row(of.chain, of.day, sums, fields, is_final=now >= _end(of.day) + finality))
        if apart.over:
            break
    return rows


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
    """The first transactions of chains and days, each with the hash of its block if that is known; a day that fails
    takes no other with it.

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
    apart = Apart()
    for key, part in parts.items():
        batch = None
        with apart.item():
            answers, spent = _accounted(source, partial(source.transactions, part.chain, part.day, most))
            genuine = Genuine(answers)
            rows = Converted(genuine, partial(_transaction, part.chain))
            known = hashes(part.chain, {row["block_id"] for row in rows} - {None})
            rejected = {NO_TRANSACTIONS: left_out} if (left_out := len(answers) - len(genuine)) else {}
            address = source.address_of(part.chain, "transactions", part.day)
            batch = Batch(Converted(rows, partial(in_block, known)), address, rejected=rejected, **spent)
        if batch:
            yield key, batch
        if apart.over:
            break
    apart.tell()


def _transaction(chain: str, answer: Row) -> dict[str, Any]:
    return chain_row(TRANSACTIONS, chain, as_declared(TRANSACTIONS, chain, answer))


def chain_stats(blockchair: Blockchair, chains: Sequence[str]) -> Iterator[tuple[None, Batch]]:
    """The chains' figures of this moment; a chain that fails takes no other with it."""
    blockchair.ledger.require(COST_OF_STATS * len(chains), "the figures of the chains")
    apart = Apart()
    rows: list[Row] = []
    requests, units = blockchair.requests, blockchair.units
    for chain in chains:
        with apart.item():
            rows.append(typed(CHAIN_STATS, as_declared(CHAIN_STATS, chain, blockchair.stats(chain)), {"chain": chain}))
        if apart.over:
            break
    if rows:
        spent: dict[str, Any] = {"requests": blockchair.requests - requests, "units": blockchair.units - units}
        yield None, Batch(rows, blockchair.http.address("*/stats"), **spent)
    apart.tell()


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
