"""Which pairs a job's day has: those of its universe's file or, of the universe ``all``, every active symbol.

What is active changes from day to day. So the list is stored when a day is fetched first, before any of its symbols,
and all later runs of the day go by it: every minute of every symbol on it stays explained, and a symbol that comes
later is not added to a day before it.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec

from assets.exchanges.names import JobName
from assets.exchanges.universe import MOST_BYTES, MOST_PAIRS, load
from core.errors import DayMissing, InvalidAnswer, LakeDamaged
from core.plain import one_line, plain
from core.settings.exchanges import PAIR
from core.windows import end_of
from resources.clients.exchanges.bars import DAY_MS, FIRST_MS, LAST_MS
from resources.clients.exchanges.markets import Market
from resources.clients.lake.object_store import ObjectStore

log = logging.getLogger("headwater.exchanges")
ALL = "all"
LISTS = "universes/"
# What the exchange lists, by pair, and its own time in milliseconds.
Ask = Callable[[], tuple[Mapping[str, Market], int]]
Pair = Annotated[str, msgspec.Meta(pattern=rf"\A{PAIR.pattern}\Z")]


class ActiveSymbols(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is stored of a day. listed_ms: the exchange's time when it was asked. left_out: active symbols whose names
    no key can have, such as those with other letters than A to Z."""

    listed_ms: Annotated[int, msgspec.Meta(ge=FIRST_MS, le=LAST_MS)]
    pairs: Annotated[tuple[Pair, ...], msgspec.Meta(min_length=1, max_length=MOST_PAIRS)]
    left_out: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_PAIRS)] = ()


@dataclass(frozen=True)
class DayPairs:
    """The pairs of a job's day. sha256: of the bytes they were read from. told: figures of the list of ``all``."""

    pairs: tuple[str, ...]
    sha256: str
    told: Mapping[str, Any] = field(default_factory=dict)


def list_key(prefix: str, job: JobName, day: date) -> str:
    """Where a day's list is kept: outside the dataset, whose readers take every file in it."""
    return f"{LISTS}{prefix}{job.signature().path}/{day}.json"


def pairs_of(store: ObjectStore, prefix: str, job: JobName, day: date, ask: Ask | None = None) -> DayPairs:
    """The pairs of a job's day. ask: of a day of ``all`` without a list, what is stored as its list; a list that was
    taken before the day was over is replaced by one that has all of its pairs, too.

    Raises:
        SettingError: when the universe is no version there is, or has no pairs of the job.
        DayMissing: when the day has no list, and nobody to ask.
        LakeDamaged: when its list is none.
        InvalidAnswer: when the exchange lists no active symbol, or too many; and what ``ask`` raises.
    """
    if job.universe != ALL:
        universe = load(job.universe)
        return DayPairs(universe.of(job), universe.sha256)
    key, over_ms = list_key(prefix, job, day), end_of(day) * 1000
    data = store.read(key, MOST_BYTES)
    found = None if data is None else _decoded(data, store.uri(key))
    if ask and (found is None or found.listed_ms < over_ms):
        found = _taken(f"{job.key} {day}", found, *ask())
        _warn_of(found, f"{job.key} {day}", over_ms)
        data = msgspec.json.encode(found)
        store.write(key, data)
    if found is None or data is None:
        raise DayMissing(
            f"Lake: {store.uri(key)}, the list of active symbols of {job.key} on {day}, is not there. Materialize "
            "lake/exchanges/ohlcv_1m_raw for that day; it stores the list first."
        )
    return DayPairs(found.pairs, hashlib.sha256(data).hexdigest(), _figures(found, over_ms))


def _taken(subject: str, before: ActiveSymbols | None, markets: Mapping[str, Market], now_ms: int) -> ActiveSymbols:
    active = {pair for pair, market in markets.items() if market.trading}
    named = {pair for pair in active if PAIR.fullmatch(pair)}
    if not named or len(active) > MOST_PAIRS:
        raise InvalidAnswer(
            f"{subject}: the exchange lists {len(active):,} active symbols; 1 to {MOST_PAIRS:,} were expected. Nothing "
            "was stored. Name the pairs in a universe of their own, or run again."
        )
    pairs = tuple(sorted(named.union(before.pairs if before else ())))
    return ActiveSymbols(now_ms, pairs, tuple(plain(pair, 60) for pair in sorted(active - named)))


def _warn_of(found: ActiveSymbols, subject: str, over_ms: int) -> None:
    if _is_late(found, over_ms):
        log.warning("%s: no list was stored; it gets that of %s, with what is active then", subject, _moment(found))
    if found.left_out:
        log.warning("%s: left out, since no key can have their names: %s", subject, ", ".join(found.left_out))


def _is_late(found: ActiveSymbols, over_ms: int) -> bool:
    """Whether it was taken more than a day after its own, so that it tells of other symbols than were active then."""
    return found.listed_ms >= over_ms + DAY_MS


def _moment(found: ActiveSymbols) -> str:
    return datetime.fromtimestamp(found.listed_ms // 1000, UTC).isoformat()


def _figures(found: ActiveSymbols, over_ms: int) -> dict[str, Any]:
    return {
        "universe_pairs": len(found.pairs),
        "universe_listed_at": _moment(found),
        "universe_is_of_a_later_day": _is_late(found, over_ms),
        "universe_left_out": ", ".join(found.left_out),
    }


def _decoded(data: bytes, uri: str) -> ActiveSymbols:
    try:
        found = msgspec.json.decode(data, type=ActiveSymbols)
        if len(set(found.pairs)) != len(found.pairs):
            raise ValueError("a pair stands in it twice")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LakeDamaged(
            f"Lake: {uri} is no list of active symbols ({one_line(error, 200)}). Restore it, or delete it and "
            "materialize lake/exchanges/ohlcv_1m_raw for that day, which then takes the list of today."
        ) from None
    return found
