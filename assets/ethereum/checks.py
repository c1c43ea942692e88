"""The room's asset checks. Blocking ones keep a wrong day out of the layers below it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg

from assets.ethereum import consistency
from assets.ethereum.extract import ethereum_etl as etl
from assets.ethereum.extract.exports import VERIFY_FULL, VERIFY_OFF, VERIFY_ROOTS
from assets.ethereum.partitions import DAILY
from assets.ethereum.spans import span_of
from assets.ethereum.tables import BLOCKS, CONTRACTS, LOGS, RECEIPTS, TABLES, TRACES, TRANSACTIONS, WITHDRAWALS
from assets.evaluations import evaluations
from core.contents import Contents
from core.errors import HeadwaterError
from core.manifest import Manifest
from core.sql.contents import contents_of
from core.tables import Table
from core.windows import ONE_DAY, DayWindow, parse_day
from resources.clients.lake.lake import Lake
from resources.clients.lake.reading import LakeDay
from resources.clients.warehouse import Warehouse
from resources.ethereum import EthereumNodeResource
from resources.io_managers.lake import LakeIOManager
from resources.io_managers.selected import WarehouseIOManager
from resources.retries import failures_explained

TRAILING_DAYS = 7

Problems = Callable[[Lake, date], Iterable[str]]


def _lake_check(
    table: Table, problems: Problems, name: str, description: str, blocking: bool
) -> dg.AssetChecksDefinition:
    """A check of each of the run's days by what the lake holds."""

    @dg.asset_check(asset=table.lake_key, name=name, description=description, blocking=blocking, partitions_def=DAILY)
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[LakeIOManager]):
        with failures_explained():
            client = lake.lake()
            found = {str(day): [f"{day}: {problem}" for problem in problems(client, day)] for day in _days(context)}
        yield from evaluations(context, found)

    return check


def _days(context: dg.AssetCheckExecutionContext) -> list[date]:
    return [parse_day(key) for key in context.partition_keys]


def _rows(lake: Lake, table: Table, day: date, *columns: str):
    return lake.open(table, [day]).table(list(columns))


def _chain(lake: Lake, day: date) -> Iterator[str]:
    yield from consistency.chain_problems(_rows(lake, BLOCKS, day, "number", "hash", "parent_hash"))
    manifest = lake.manifest(BLOCKS, day)
    if manifest and (span := span_of(manifest)):
        yield from consistency.neighbour_problems(span, day, lambda other: lake.manifest(BLOCKS, other))


def _timestamps(lake: Lake, day: date) -> Iterable[str]:
    return consistency.timestamp_problems(_rows(lake, BLOCKS, day, "number", "timestamp"), day)


def _transaction_counts(lake: Lake, day: date) -> Iterable[str]:
    blocks = _rows(lake, BLOCKS, day, "number", "transaction_count")
    return consistency.count_problems(blocks, _rows(lake, TRANSACTIONS, day, "block_number"))


def _receipts(lake: Lake, day: date) -> Iterable[str]:
    transactions = _rows(lake, TRANSACTIONS, day, "hash")
    return consistency.receipt_problems(transactions, _rows(lake, RECEIPTS, day, "transaction_hash"))


def _logs(lake: Lake, day: date) -> Iterable[str]:
    return consistency.log_problems(_rows(lake, LOGS, day, "block_number", "log_index"))


def _traces(lake: Lake, day: date) -> Iterable[str]:
    transactions = _rows(lake, TRANSACTIONS, day, "block_number", "transaction_index")
    traces = _rows(lake, TRACES, day, "block_number", "transaction_index", "trace_address")
    return consistency.trace_problems(transactions, traces)


def _contracts(lake: Lake, day: date) -> Iterable[str]:
    traces = _rows(lake, TRACES, day, "trace_type", "status", "to_address")
    return consistency.contract_problems(traces, _rows(lake, CONTRACTS, day, "address"))


def _volume(table: Table) -> Problems:
    def problems(lake: Lake, day: date) -> Iterable[str]:
        before = [lake.manifest(table, day - distance * ONE_DAY) for distance in range(1, TRAILING_DAYS + 1)]
        (manifest,) = (lake_day.manifest for lake_day in lake.open(table, [day]).days)
        problem = consistency.volume_problem(manifest.rows, [found.rows for found in before if found])
        return [problem] if problem else []

    return problems


def _rows_loaded(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table.warehouse_key,
        name="rows_equal_the_lake",
        description="Each day has as many rows in the warehouse as its manifest in the lake lists.",
        blocking=True,
        partitions_def=DAILY,
        pool="warehouse",
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        warehouse: dg.ResourceParam[WarehouseIOManager],
    ):
        days = _days(context)
        with failures_explained():
            loaded = warehouse.warehouse().count_by_day(table, DayWindow(days[0], days[-1]))
            listed = {day.day: day.manifest.rows for day in lake.lake().open(table, days).days}
        problems = {
            str(day): [f"{day}: {loaded.get(day, 0):,} rows in {table.address}, {rows:,} in the lake"]
            if loaded.get(day, 0) != rows
            else []
            for day, rows in listed.items()
        }
        yield from evaluations(context, problems)

    return check


def _contents_loaded(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table.warehouse_key,
        name="contents_equal_the_lake",
        description="Each day's columns add up to the same in the warehouse as in the lake, by its manifest.",
        blocking=True,
        partitions_def=DAILY,
        pool="warehouse",
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        warehouse: dg.ResourceParam[WarehouseIOManager],
    ):
        days, client = _days(context), warehouse.warehouse()
        with failures_explained():
            loaded = client.contents_by_day(table, DayWindow(days[0], days[-1]))
            problems = {
                str(day.day): [f"{day.day}: {sentence} in the lake" for sentence in _differences(day, loaded, client)]
                for day in lake.lake().open(table, days).days
            }
        yield from evaluations(context, problems)

    return check


def _differences(day: LakeDay, loaded: Mapping[date, Contents], warehouse: Warehouse) -> list[str]:
    """What a day's columns add up to, by its manifest; by its files where that is not so, or the manifest is old.

    A warehouse takes NUL characters out of texts, so that bytes may differ from the manifest's though all is well.
    """
    there, listed = loaded.get(day.day, Contents()), day.manifest.contents
    if listed and not list(there.differences(listed)):
        return []
    return list(there.differences(contents_of(day.batches(), day.table_, warehouse.dialect)))


def _header_commitments(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table.lake_key,
        name="header_commitments",
        description="Every block's rows were proved against its header before they were published.",
        blocking=True,
        partitions_def=DAILY,
    )
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[LakeIOManager]):
        problems: dict[str, list[str]] = {}
        accounts: dict[str, dict[str, Any]] = {}
        notes: dict[str, str] = {}
        with failures_explained():
            client = lake.lake()
            for day in client.open(table, _days(context)).days:
                key, manifest = str(day.day), day.manifest
                evidence = client.evidence(manifest) or {}
                blocks, proved = len(span_of(manifest) or ()), evidence.get("blocks_proved", 0)
                accounts[key] = {
                    "blocks_proved": proved,
                    "senders_recovered": evidence.get("senders_recovered", 0),
                    "seconds_proving": evidence.get("seconds", 0.0),
                }
                if manifest.verify != VERIFY_FULL:
                    notes[key] = f"{_what_was_not_verified(manifest)} {key}"
                short = manifest.verify != VERIFY_OFF and proved < blocks
                problems[key] = [f"{key}: {proved} blocks were proved, the day has {blocks}"] if short else []
        yield from evaluations(context, problems, accounts, notes)

    return check


def _what_was_not_verified(manifest: Manifest) -> str:
    if manifest.engine == etl.ENGINE:
        return "Not verified: ethereum-etl exported"
    if manifest.verify == VERIFY_ROOTS:
        return "Only roots were verified, no senders or other recomputed columns: ETHEREUM_VERIFY was roots for"
    return "Not verified: ETHEREUM_VERIFY was off for"


@dg.asset_check(
    asset=BLOCKS.lake_key,
    name="still_on_the_chain",
    description="The node's chain still holds the last block that was exported for each day.",
    partitions_def=DAILY,
)
def still_on_the_chain(
    context: dg.AssetCheckExecutionContext, ethereum: EthereumNodeResource, lake: dg.ResourceParam[LakeIOManager]
):
    """Whether the exported days were reorganised since."""
    days = _days(context)
    try:
        node, client = ethereum.client(), lake.lake()
        moved = {day: moved_to(client, node, day) for day in days}
        problems = {
            str(day): [f"{day}: its last block is {hash_} on the node's chain by now"] if hash_ else []
            for day, hash_ in moved.items()
        }
    except HeadwaterError as error:  # a node in trouble is no reason to fail the run that exported the day
        problems = {str(day): [f"{day}: could not compare: {error}"] for day in days}
    yield from evaluations(context, problems)


def moved_to(lake: Lake, node, day: date) -> str | None:
    """The node's hash of the day's last exported block, if it is another one by now."""
    manifest = lake.manifest(BLOCKS, day)
    span = span_of(manifest) if manifest else None
    if span is None:
        return None
    found = node.header(span.last)["hash"]
    return found if found != span.last_hash else None


CHECKS = (
    *(_header_commitments(table) for table in (BLOCKS, TRANSACTIONS, WITHDRAWALS, RECEIPTS, LOGS)),
    _lake_check(
        BLOCKS, _chain, "contiguous", "Numbers and parent hashes link up, in the day and to its neighbours.", True
    ),
    _lake_check(BLOCKS, _timestamps, "inside_the_day", "Every block's time lies inside the UTC day.", True),
    _lake_check(TRANSACTIONS, _transaction_counts, "counts_match", "Every block has as many as it counts.", True),
    _lake_check(RECEIPTS, _receipts, "one_per_transaction", "Every transaction has exactly one receipt.", True),
    _lake_check(LOGS, _logs, "indexes_contiguous", "Log indexes run from 0 without gap in every block.", True),
    _lake_check(TRACES, _traces, "one_call_tree_each", "Every transaction has one outermost trace.", False),
    _lake_check(CONTRACTS, _contracts, "match_creations", "Contracts are the successful creations.", False),
    *(
        _lake_check(table, _volume(table), "usual_volume", "Rows are within half and double of the week before.", False)
        for table in (BLOCKS, TRANSACTIONS, LOGS)
    ),
    still_on_the_chain,
    *(_rows_loaded(table) for table in TABLES),
    *(_contents_loaded(table) for table in TABLES),
)
