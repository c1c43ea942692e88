"""What the indexer and the APIs say themselves of what the room computes: two ways to one figure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assets.stacks.extract.balances import require_days
from assets.stacks.extract.days import CHANGES
from assets.stacks.extract.now import require_tip
from assets.stacks.tables import BLOCK_RANGE, STX_BALANCE_DELTA
from core.errors import DayMissing
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.answers import required, whole
from resources.clients.stacks.indexer import Snapshot

# Principals that are compared, others every day.
SAMPLE = 200


@dataclass(frozen=True)
class Comparison:
    """What was compared, and where it differs; or why nothing could be."""

    compared: int
    problems: list[str]
    reason: str | None = None


def balances(database: Postgres, snapshot: Snapshot) -> Comparison:
    """Balances at the tip as the indexer keeps them, beside the days' changes and those since the newest day.

    An indexer from before 2025-07-18 may have kept wrong ones since a reorganisation of microblocks.
    """
    if not snapshot.records(_KEPT):
        return Comparison(0, [], "the indexer keeps no ft_balances that the role may read")
    database.migrate(BLOCK_RANGE, STX_BALANCE_DELTA)
    newest = database.records(f"SELECT day, last_height FROM {BLOCK_RANGE.address} ORDER BY day DESC LIMIT 1")
    if not newest:
        return Comparison(0, [], "no day is loaded")
    try:
        require_days(database, newest[0]["day"])
    except DayMissing as error:
        return Comparison(0, [], str(error))
    theirs = _by_address(snapshot.records(_THEIRS, {"salt": str(newest[0]["day"]), "most": SAMPLE}))
    tip = require_tip(snapshot).height
    since = {"before": newest[0]["last_height"], "last": tip, "who": list(theirs)}
    after = _by_address(snapshot.records(_SINCE, since))
    ours = _by_address(database.records(_OURS, {"who": list(theirs)}))
    problems = [
        f"{who}: {found} µSTX by its changes, {kept} by the indexer's ft_balances"
        for who, kept in sorted(theirs.items())
        if (found := ours.get(who, 0) + after.get(who, 0)) != kept
    ]
    return Comparison(len(theirs), problems)


def cycles(stacked: Mapping[int, int], told: Iterable[Mapping[str, Any]]) -> Comparison:
    """What was stacked in each cycle by the API's answer, beside the database, µSTX; of cycles that both have."""
    theirs = {
        whole(required(one, "cycle_number"), "cycle_number"): whole(
            required(one, "total_stacked_amount"), "total_stacked_amount"
        )
        for one in told
    }
    both = sorted(set(theirs) & set(stacked))
    problems = [
        f"cycle {number}: {theirs[number]} µSTX stacked by the API, {stacked[number]} by the database"
        for number in both
        if theirs[number] != stacked[number]
    ]
    return Comparison(len(both), problems)


def _by_address(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {row["address"]: int(row["amount"]) for row in rows}


_KEPT = """
    SELECT FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = 'ft_balances' AND column_name = 'balance'
"""
_THEIRS = """
    SELECT address, balance AS amount FROM ft_balances WHERE token = 'stx'
    ORDER BY md5(address || %(salt)s), address LIMIT %(most)s
"""
_SINCE = f"""
    SELECT address, sum(amount) AS amount FROM ({CHANGES}) AS change WHERE address = ANY(%(who)s) GROUP BY address
"""
_OURS = f"""
    SELECT address, sum(delta_ustx) AS amount FROM {STX_BALANCE_DELTA.address}
    WHERE address = ANY(%(who)s) GROUP BY address
"""
