"""The room's asset checks. Blocking ones keep a wrong day out of the layers below it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class _Found:
    """Of one day. problems: sentences; none, and it passed. account: more to show. note: what is said of it then."""

    problems: Iterable[str] = ()
    account: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True)
class _LakeCheck:
    name: str
    description: str
    find: Callable[[Lake, date], _Found]


def _lake_checks(table: Table, *checks: _LakeCheck, blocking: bool) -> dg.AssetChecksDefinition:
    """Checks of each of the run's days by what the lake holds, in one step: a step's own cost is above most checks'.

    Those that block and those that do not are apart, so that one of these that cannot be made holds nothing up.
    """
    kind = "blocking" if blocking else "warning"
    specs = [_spec(table.lake_key, check.name, check.description, blocking=blocking) for check in checks]

    @dg.multi_asset_check(name=f"{'__'.join(table.lake_key)}_{kind}_checks", specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[LakeIOManager]):
        for one in checks:
            if one.name in _selected(context):
                problems: dict[str, list[str]] = {}
                accounts: dict[str, Mapping[str, Any]] = {}
                notes: dict[str, str] = {}
                with failures_explained():
                    client = lake.lake()
                    for day in _days(context):  # one at a time: a day of a chain fills memory enough
                        found = one.find(client, day)
                        problems[str(day)] = [f"{day}: {problem}" for problem in found.problems]
                        accounts[str(day)] = found.account
                        notes |= {str(day): found.note} if found.note else {}
                yield from evaluations(context, problems, accounts, notes, name=one.name)

    return check


def _spec(key: Sequence[str], name: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking, partitions_def=DAILY)


def _selected(context: dg.AssetCheckExecutionContext) -> set[str]:
    return {key.name for key in context.selected_asset_check_keys}


def _days(context: dg.AssetCheckExecutionContext) -> list[date]:
    return [parse_day(key) for key in context.partition_keys]


def _rows(lake: Lake, table: Table, day: date, *columns: str):
    return lake.open(table, [day]).table(list(columns))


def _chain(lake: Lake, day: date) -> _Found:
    problems = list(consistency.chain_problems(_rows(lake, BLOCKS, day, "number", "hash", "parent_hash")))
    manifest = lake.manifest(BLOCKS, day)
    if manifest and (span := span_of(manifest)):
        problems += consistency.neighbour_problems(span, day, lambda other: lake.manifest(BLOCKS, other))
    return _Found(problems)


def _timestamps(lake: Lake, day: date) -> _Found:
    return _Found(consistency.timestamp_problems(_rows(lake, BLOCKS, day, "number", "timestamp"), day))


def _transaction_counts(lake: Lake, day: date) -> _Found:
    blocks = _rows(lake, BLOCKS, day, "number", "transaction_count")
    return _Found(consistency.count_problems(blocks, _rows(lake, TRANSACTIONS, day, "block_number")))


def _receipts(lake: Lake, day: date) -> _Found:
    transactions = _rows(lake, TRANSACTIONS, day, "hash")
    return _Found(consistency.receipt_problems(transactions, _rows(lake, RECEIPTS, day, "transaction_hash")))


def _logs(lake: Lake, day: date) -> _Found:
    return _Found(consistency.log_problems(_rows(lake, LOGS, day, "block_number", "log_index")))


def _traces(lake: Lake, day: date) -> _Found:
    transactions = _rows(lake, TRANSACTIONS, day, "block_number", "transaction_index")
    traces = _rows(lake, TRACES, day, "block_number", "transaction_index", "trace_address")
    return _Found(consistency.trace_problems(transactions, traces))


def _contracts(lake: Lake, day: date) -> _Found:
    traces = _rows(lake, TRACES, day, "trace_type", "status", "to_address")
    return _Found(consistency.contract_problems(traces, _rows(lake, CONTRACTS, day, "address")))


def _usual_volume(table: Table) -> dg.AssetChecksDefinition:
    def find(lake: Lake, day: date) -> _Found:
        before = [lake.manifest(table, day - distance * ONE_DAY) for distance in range(1, TRAILING_DAYS + 1)]
        (manifest,) = (lake_day.manifest for lake_day in lake.open(table, [day]).days)
        problem = consistency.volume_problem(manifest.rows, [found.rows for found in before if found])
        return _Found([problem] if problem else [])

    description = "Rows are within half and double of the week before."
    return _lake_checks(table, _LakeCheck("usual_volume", description, find), blocking=False)


def _header_commitments(table: Table) -> _LakeCheck:
    def find(lake: Lake, day: date) -> _Found:
        (manifest,) = (lake_day.manifest for lake_day in lake.open(table, [day]).days)
        evidence = lake.evidence(manifest) or {}
        blocks, proved = len(span_of(manifest) or ()), evidence.get("blocks_proved", 0)
        account = {
            "blocks_proved": proved,
            "senders_recovered": evidence.get("senders_recovered", 0),
            "seconds_proving": evidence.get("seconds", 0.0),
        }
        note = None if manifest.verify == VERIFY_FULL else f"{_what_was_not_verified(manifest)} {day}"
        short = manifest.verify != VERIFY_OFF and proved < blocks
        return _Found([f"{proved} blocks were proved, the day has {blocks}"] if short else [], account, note)

    description = "Every block's rows were proved against its header before they were published."
    return _LakeCheck("header_commitments", description, find)


def _what_was_not_verified(manifest: Manifest) -> str:
    if manifest.engine == etl.ENGINE:
        return "Not verified: ethereum-etl exported"
    if manifest.verify == VERIFY_ROOTS:
        return "Only roots were verified, no senders or other recomputed columns: ETHEREUM_VERIFY was roots for"
    return "Not verified: ETHEREUM_VERIFY was off for"


ROWS_EQUAL, CONTENTS_EQUAL = "rows_equal_the_lake", "contents_equal_the_lake"


def _loaded(table: Table) -> dg.AssetChecksDefinition:
    """Whether each day is in the warehouse as it is in the lake, by one look at both."""
    key, rows = table.warehouse_key, "Each day has as many rows in the warehouse as its manifest in the lake lists."
    contents = "Each day's columns add up to the same in the warehouse as in the lake, by its manifest."
    specs = [_spec(key, ROWS_EQUAL, rows, blocking=True), _spec(key, CONTENTS_EQUAL, contents, blocking=True)]

    @dg.multi_asset_check(name=f"{'__'.join(key)}_checks", specs=specs, can_subset=True, pool="warehouse")
    def check(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[LakeIOManager],
        warehouse: dg.ResourceParam[WarehouseIOManager],
    ):
        days, client = _days(context), warehouse.warehouse()
        with failures_explained():
            loaded = client.contents_by_day(table, DayWindow(days[0], days[-1]))
            listed = lake.lake().open(table, days).days
        if ROWS_EQUAL in _selected(context):
            problems = {str(day.day): _miscounted(day, loaded) for day in listed}
            yield from evaluations(context, problems, name=ROWS_EQUAL)
        if CONTENTS_EQUAL in _selected(context):
            with failures_explained():
                problems = {
                    str(day.day): [f"{day.day}: {said} in the lake" for said in _differences(day, loaded, client)]
                    for day in listed
                }
            yield from evaluations(context, problems, name=CONTENTS_EQUAL)

    return check


def _miscounted(day: LakeDay, loaded: Mapping[date, Contents]) -> list[str]:
    there, rows = loaded.get(day.day, Contents()).rows, day.manifest.rows
    return [f"{day.day}: {there:,} rows in {day.table_.address}, {rows:,} in the lake"] if there != rows else []


def _differences(day: LakeDay, loaded: Mapping[date, Contents], warehouse: Warehouse) -> list[str]:
    """What a day's columns add up to, by its manifest; by its files where that is not so, or the manifest is old.

    A warehouse takes NUL characters out of texts, so that bytes may differ from the manifest's though all is well.
    """
    there, listed = loaded.get(day.day, Contents()), day.manifest.contents
    if listed and not list(there.differences(listed)):
        return []
    return list(there.differences(contents_of(day.batches(), day.table_, warehouse.dialect)))


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
    _lake_checks(
        BLOCKS,
        _header_commitments(BLOCKS),
        _LakeCheck("contiguous", "Numbers and parent hashes link up, in the day and to its neighbours.", _chain),
        _LakeCheck("inside_the_day", "Every block's time lies inside the UTC day.", _timestamps),
        blocking=True,
    ),
    _lake_checks(
        TRANSACTIONS,
        _header_commitments(TRANSACTIONS),
        _LakeCheck("counts_match", "Every block has as many as it counts.", _transaction_counts),
        blocking=True,
    ),
    _lake_checks(WITHDRAWALS, _header_commitments(WITHDRAWALS), blocking=True),
    _lake_checks(
        RECEIPTS,
        _header_commitments(RECEIPTS),
        _LakeCheck("one_per_transaction", "Every transaction has exactly one receipt.", _receipts),
        blocking=True,
    ),
    _lake_checks(
        LOGS,
        _header_commitments(LOGS),
        _LakeCheck("indexes_contiguous", "Log indexes run from 0 without gap in every block.", _logs),
        blocking=True,
    ),
    _lake_checks(
        TRACES,
        _LakeCheck("one_call_tree_each", "Every transaction has one outermost trace.", _traces),
        blocking=False,
    ),
    _lake_checks(
        CONTRACTS,
        _LakeCheck("match_creations", "Contracts are the successful creations.", _contracts),
        blocking=False,
    ),
    *(_usual_volume(table) for table in (BLOCKS, TRANSACTIONS, LOGS)),
    still_on_the_chain,
    *(_loaded(table) for table in TABLES),
)
