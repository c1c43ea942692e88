"""What the objects of days hold: projections of the tables of days."""

from datetime import date
from typing import Any

from assets.stacks.extract import now, published
from assets.stacks.extract.sources import Sources
from assets.stacks.transform.balances import histogram, raw_balances
from assets.stacks.transform.series import by_midnight, by_moment
from assets.stacks.transform.stacking import Cycles, stacked_over_time
from core.errors import DayMissing, InvalidAnswer
from core.windows import end_of
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.answers import decimal, moment

# Every second day, and the last one.
SAMPLED = 2


def daily_txs(stacks: Sources, database: Postgres, day: date) -> Any:
    """Transactions of every second day up to this one, and of this one."""
    counts = published.tx_counts(database, day, legacy=stacks.figures().legacy)
    return by_midnight(counts, SAMPLED)


def active_addresses(stacks: Sources, database: Postgres, day: date) -> Any:
    """Addresses active on every second day up to this one, and on this one."""
    counts = published.active_addresses(database, day, legacy=stacks.figures().legacy)
    return by_midnight(counts, SAMPLED)


def known_addresses(stacks: Sources, database: Postgres, day: date) -> Any:
    """Addresses ever seen until the end of every second day up to this one, and of this one."""
    counts = published.known_addresses(database, day, legacy=stacks.figures().legacy)
    return by_midnight(counts, SAMPLED)


def wallet_balances_raw(stacks: Sources, database: Postgres, day: date) -> Any:
    """Balances of 10,000 STX or more at the day's end, in STX, descending, and how many are more than nothing."""
    return raw_balances(*published.large_balances(database, day))


def wallet_balances(stacks: Sources, database: Postgres, day: date) -> Any:
    """Balances of 10,000 STX or more at the day's end, counted by bins of 500 STX."""
    return histogram(published.large_balances(database, day)[0])


def stx_stacked(stacks: Sources, database: Postgres, day: date) -> Any:
    """STX stacked in each cycle that had begun by the day's end, by the time it began.

    Cycles from before the database has reward sets come from a file that was kept once, raw/stacks/stacked_seed.
    """
    cycles = Cycles.of(stacks.raw().newest("node_state").document("pox"))
    with stacks.indexer().snapshot() as snapshot:
        stacked = now.stacked_by_cycle(snapshot)
        times = now.burn_times(snapshot, [cycles.start(number) for number in stacked])
    series = _seed(stacks) | stacked_over_time(stacked, times, cycles)
    return by_moment({at: value for at, value in series.items() if at < end_of(day)})


def _seed(stacks: Sources) -> dict[int, float]:
    try:
        found = stacks.raw().newest("stacked_seed").document("seed")
    except DayMissing:
        return {}
    if not isinstance(found, dict):
        raise InvalidAnswer("Stacks: raw/stacks/stacked_seed is no object of moments and STX. Keep a right one.")
    return {
        moment(at, "stacked_seed's moment"): decimal(value, f"stacked_seed's value at {at[:20]}")
        for at, value in found.items()
    }
