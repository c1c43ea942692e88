"""Days of the Stacks chain, what is so now, and the public objects made of both.

What is so now comes between the days and their publication: where cycles begin is asked of the node.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from assets.stacks.extract.days import FIRST_DAY
from assets.stacks.objects import DAILY_TXS, SPOT, WALLET_BALANCES
from core.objects import declared_objects
from core.partitions import PartitionAddress
from core.windows import ONE_DAY, DayWindow
from jobs.plan import Plan, Rows, Step
from resources.io_managers.postgres import PostgresIOManager
from resources.stacks import StacksObjectIOManager, StacksResource

DAYS = """
    SELECT counts.day, counts.tx_count AS transactions, counts.tx_count_legacy AS "with forks",
        addresses.active AS "active addresses", heights.last_height AS "last height",
        totals.nonzero_bals AS "with a balance", totals.whales AS "with 10,000 STX"
    FROM stacks.daily_tx_count AS counts JOIN stacks.block_range AS heights USING (day)
    LEFT JOIN stacks.daily_addresses AS addresses USING (day) LEFT JOIN stacks.balance_totals AS totals USING (day)
    WHERE counts.day BETWEEN %s AND %s ORDER BY counts.day
"""
SHOWN = 70


def _route() -> str:
    (source,) = StacksResource().in_force().values()
    database = PostgresIOManager().postgres().uri("stacks")
    return f"{source} -> {database} -> {StacksObjectIOManager().objects().store.uri('')}"


def _steps(window: DayWindow) -> list[Step]:
    first, last = str(window.first), str(window.last)
    return [
        Step(f"Days, {window}", "stacks_days_job", first, last),
        Step("What is so now", "stacks_moment_job"),
        Step("What is told once a day", "stacks_once_a_day_job"),
        *(Step(f"Publishing {day}", "stacks_publish_job", str(day), str(day)) for day in window),
    ]


def _summaries(window: DayWindow) -> Iterator[tuple[str, Rows]]:
    yield "Days", PostgresIOManager().postgres().records(DAYS, [window.first, window.last])
    yield "Public objects", list(_published(window.last))


def _published(day: date) -> Iterator[dict[str, Any]]:
    objects = StacksObjectIOManager().objects()
    for declared in declared_objects():
        if declared.system == SPOT.system:
            key = declared.key_of(PartitionAddress(day) if declared.latest else None)
            data = objects.store.read(key)
            if data is not None:
                text = objects.read(declared, PartitionAddress(day) if declared.latest else None).decode()
                yield {"key": declared.latest or key, "bytes": len(data), "begins": " ".join(text[:SHOWN].split())}


def _closing() -> str:
    store = StacksObjectIOManager().objects().store
    wanted = (DAILY_TXS.latest or "", WALLET_BALANCES.latest or "", SPOT.key)
    return "Look at " + ", ".join(store.uri(key) for key in wanted) + "."


# The chain of the sandbox begins as mainnet did, and balances follow from all days since.
SAMPLE = DayWindow(FIRST_DAY, FIRST_DAY + 2 * ONE_DAY)
PLAN = Plan("Stacks", _route, _steps, _summaries, _closing, ("stacks", "postgres", "stacks_objects"), sample=SAMPLE)
