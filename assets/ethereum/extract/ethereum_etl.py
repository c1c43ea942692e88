"""The same steps by ethereum-etl: its own commands on its own files, read back as spooled days in block order.

It cannot be proved (its files lack the signatures that transactions are hashed with) and knows fewer columns; what
it writes is checked to be whole: each block of the day in one chain, each transaction's receipt.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.ethereum.extract.day_range import CONFIRMATIONS, block_range
from assets.ethereum.extract.exports import (
    BLOCK_TABLES,
    VERIFY_OFF,
    WIDE_VALUES,
    check_successor,
    meta_batch,
    wide_values,
)
from assets.ethereum.extract.receipts import RECEIPT_TABLES
from assets.ethereum.spans import BlockSpan, span_of, telling
from assets.ethereum.tables import (
    BLOCKS,
    BLOCKS_META,
    CONTRACTS,
    LOGS,
    RECEIPTS,
    TOKEN_TRANSFERS,
    TOKENS,
    TRACES,
    TRANSACTIONS,
    WITHDRAWALS,
)
from assets.ethereum.transform.ether import without_ether
from assets.ethereum.transform.rows import batch
from core.errors import ChainReorganised, NodeUnavailable, SettingError
from core.scratch import ScratchDirectory
from core.spool import DaySpool, Spool, SpooledTable
from core.tables import Table
from resources.clients.duckdb.warehouse import parquet
from resources.clients.ethereum.node import EthereumNode
from resources.clients.ethereum_etl import files as etl_files
from resources.clients.ethereum_etl.runner import PROVIDER
from resources.clients.lake.reading import LakeDay, LakeObject

ENGINE = "ethereum-etl"
# The old DAG's: blocks of a batch, and receipts of one.
WORKERS, BLOCKS_AT_ONCE, RECEIPTS_AT_ONCE = "10", "10", "100"
# What rows are put in order by; those of a block without more to go by stand together already, in their order.
_ORDER = {
    BLOCKS.name: "number",
    TRANSACTIONS.name: "block_number, transaction_index",
    RECEIPTS.name: "block_number, transaction_index",
    LOGS.name: "block_number, log_index",
    TOKEN_TRANSFERS.name: "block_number, log_index",
}
_ROWS_AT_ONCE = 16_384
# Columns that tell whether all is there.
_TELLING = {
    BLOCKS.name: ["number", "hash", "parent_hash", "withdrawals"],
    RECEIPTS.name: ["block_hash", "transaction_hash"],
    TRACES.name: ["value_text"],
}

Command = Sequence[str]


@dataclass(frozen=True)
class EtlExport:
    """One step by ethereum-etl.

    node: for the days' block ranges and their finality. run: runs commands of ethereum-etl, one after the other.
    """

    node: EthereumNode
    run: Callable[[Sequence[Command]], None]
    confirmations: int = CONFIRMATIONS


def export_blocks(etl: EtlExport, days: Sequence[date]) -> dict[str, SpooledTable]:
    """blocks_meta, blocks, transactions and withdrawals of the days.

    Raises:
        DayIncomplete: before anything is fetched, when a day is not over and final.
        NodeUnavailable: when ethereum-etl fails, or leaves out a block.
    """
    spool = Spool((BLOCKS_META, *BLOCK_TABLES), ENGINE, VERIFY_OFF)
    ranges = {day: block_range(etl.node, day, etl.confirmations) for day in days}
    for day, blocks in ranges.items():
        spooled = spool.day(day)
        if not blocks:
            spool.finish(spooled, telling(None))
            continue
        with _scratch() as scratch:
            paths = {table: scratch / f"{table.name}.csv" for table in (BLOCKS, TRANSACTIONS)}
            outputs = ["--blocks-output", str(paths[BLOCKS]), "--transactions-output", str(paths[TRANSACTIONS])]
            span = ["-s", str(blocks.first), "-e", str(blocks.last), "-b", BLOCKS_AT_ONCE]
            etl.run([["export_blocks_and_transactions", *_provider(), *span, *outputs]])
            headers = _add(spooled, BLOCKS, day, paths[BLOCKS])
            _add(spooled, TRANSACTIONS, day, paths[TRANSACTIONS])
        found = _one_chain(headers, blocks.first, blocks.last, day)
        check_successor(etl.node, blocks, found.last_hash, day)
        spooled.add({WITHDRAWALS.name: _withdrawals(headers, day)})
        spooled.add({BLOCKS_META.name: meta_batch(found, day)})
        spool.finish(spooled, telling(found))
    return spool.tables()


def _one_chain(headers: pa.Table, first: int, last: int, day: date) -> BlockSpan:
    rows = headers.select(["number", "hash", "parent_hash"]).to_pylist()
    linked = all(above["parent_hash"] == below["hash"] for below, above in pairwise(rows))
    if [row["number"] for row in rows] != list(range(first, last + 1)) or not linked:
        raise NodeUnavailable(
            f"Ethereum day {day}: ethereum-etl left {len(rows)} blocks that are not the chain from {first} to {last}. "
            "Run again."
        )
    return BlockSpan(first, last, rows[0]["hash"], rows[-1]["hash"], rows[0]["parent_hash"])


def _withdrawals(headers: pa.Table, day: date) -> pa.RecordBatch:
    """The rows of the cells in which ethereum-etl joins a block's withdrawals."""
    items = [
        (item, number)
        for number, cell in zip(*(headers.column(name).to_pylist() for name in ("number", "withdrawals")), strict=True)
        for item in json.loads(f"[{cell or ''}]")
    ]
    columns = {name: [item[name] for item, _ in items] for name in ("index", "validator_index", "amount")}
    columns |= {
        "address": [item["address"].lower() for item, _ in items],
        "block_number": [number for _, number in items],
        "block_date": [day] * len(items),
    }
    return batch(WITHDRAWALS, columns)


def export_receipts(etl: EtlExport, blocks: LakeObject, transactions: LakeObject) -> dict[str, SpooledTable]:
    """receipts and logs of the days whose blocks and transactions the lake holds.

    Raises:
        ChainReorganised: when a receipt is of another block than the lake's.
        NodeUnavailable: when ethereum-etl fails, or leaves out a receipt.
    """
    spool = Spool(RECEIPT_TABLES, ENGINE, VERIFY_OFF)
    for lake_day in blocks.days:
        spooled = spool.day(lake_day.day)
        sent = transactions.on(lake_day.day).table(["hash"]).column("hash").to_pylist()
        with _scratch() as scratch:
            receipts, logs, hashes = (scratch / name for name in ("receipts.csv", "logs.json", "hashes.txt"))
            if sent:
                hashes.write_text("\n".join(sent), encoding="utf-8")
                outputs = ["--receipts-output", str(receipts), "--logs-output", str(logs)]
                options = ["-b", RECEIPTS_AT_ONCE, "-t", str(hashes), *outputs]
                etl.run([["export_receipts_and_logs", *_provider(), *options]])
            found = _add(spooled, RECEIPTS, lake_day.day, receipts)
            _add(spooled, LOGS, lake_day.day, logs)
        _one_receipt_each(found, sent, lake_day)
        spool.finish(spooled, telling(span_of(lake_day.manifest)))
    return spool.tables()


def _one_receipt_each(receipts: pa.Table, sent: Sequence[str], blocks: LakeDay) -> None:
    known = set(blocks.table(["hash"]).column("hash").to_pylist())
    strange = set(receipts.column("block_hash").to_pylist()) - known
    if strange:
        raise ChainReorganised(
            f"Ethereum day {blocks.day}: a receipt is of block {min(strange)}, which the lake does not hold. "
            "Materialize the day's blocks again, then what follows from them."
        )
    if receipts.column("transaction_hash").to_pylist() != list(sent):
        raise NodeUnavailable(
            f"Ethereum day {blocks.day}: ethereum-etl left {receipts.num_rows} receipts for {len(sent)} transactions. "
            "Run again."
        )


def derive_token_transfers(etl: EtlExport, logs: LakeObject) -> dict[str, SpooledTable]:
    """token_transfers of the days whose logs the lake holds."""
    return _derived(
        etl, TOKEN_TRANSFERS, logs, lambda source, target: [_to(source, target, "extract_token_transfers", "-l")]
    )


def derive_contracts(etl: EtlExport, traces: LakeObject) -> dict[str, SpooledTable]:
    """contracts of the days whose traces the lake holds."""
    return _derived(etl, CONTRACTS, traces, lambda source, target: [_to(source, target, "extract_contracts", "-t")])


def export_tokens(etl: EtlExport, contracts: LakeObject) -> dict[str, SpooledTable]:
    """tokens: what the token contracts created on the days say of themselves, asked now."""
    provider = _provider()
    return _derived(
        etl, TOKENS, contracts, lambda source, target: [[*_to(source, target, "extract_tokens", "-c"), *provider]]
    )


def export_traces(etl: EtlExport, blocks: LakeObject, tracer: str, changes: Sequence[str]) -> dict[str, SpooledTable]:
    """traces of the days whose blocks the lake holds. tracer: ``parity``; changes: kinds to add to them.

    Raises:
        SettingError: for another tracer.
    """
    if tracer != "parity":
        raise SettingError(
            f"ETHEREUM_TRACER={tracer}: from that tracer ethereum-etl makes traces without transactions and statuses, "
            "and finds no contracts in them. Set ETHEREUM_ENGINE=native, or use a node that offers trace_block."
        )
    spool, options = Spool((TRACES,), ENGINE, VERIFY_OFF), [f"--{kind}-traces" for kind in changes]
    for lake_day in blocks.days:
        spooled, span = spool.day(lake_day.day), span_of(lake_day.manifest)
        with _scratch() as scratch:
            target = scratch / "traces.csv"
            if span:
                # Nodes refuse to trace the genesis block: it runs no transactions.
                numbers = ["-s", str(max(span.first, 1)), "-e", str(span.last), "-b", BLOCKS_AT_ONCE]
                etl.run([["export_traces", *_provider(), *numbers, *options, "-o", str(target)]])
            found = _add(spooled, TRACES, lake_day.day, target)
        spool.finish(spooled, telling(span, figures={WIDE_VALUES: wide_values(found)}))
    return spool.tables()


def _derived(
    etl: EtlExport, table: Table, source: LakeObject, commands: Callable[[Path, Path], Sequence[Command]]
) -> dict[str, SpooledTable]:
    spool = Spool((table,), ENGINE, VERIFY_OFF)
    for lake_day in source.days:
        spooled = spool.day(lake_day.day)
        with _scratch() as scratch:
            target = scratch / f"{table.name}.{table.csv_layout}"
            if lake_day.manifest.rows:
                etl.run(commands(_own_file(lake_day, scratch), target))
            _add(spooled, table, lake_day.day, target)
        spool.finish(spooled, telling(span_of(lake_day.manifest)))
    return spool.tables()


def _own_file(lake_day: LakeDay, scratch: Path) -> Path:
    """A day of the lake as ethereum-etl would have written it."""
    path = scratch / f"{lake_day.table_.name}.parquet"
    with pq.ParquetWriter(path, lake_day.table_.arrow_schema) as file:
        for part in lake_day.batches():
            file.write_batch(part)
    return etl_files.write(lake_day.table_, path)


def _provider() -> Command:
    return ["-p", PROVIDER, "-w", WORKERS]


def _to(source: Path, target: Path, command: str, option: str) -> Command:
    return [command, option, str(source), "-o", str(target)]


def _add(spooled: DaySpool, table: Table, day: date, path: Path) -> pa.Table:
    """The rows of a file of ethereum-etl, in block order; returns those that tell of the chain."""
    kept = _TELLING.get(table.name, [])
    parts = []
    for found in _in_order(table, day, path):
        # ethereum-etl takes ether's own logs for a token's.
        rows = without_ether(found, "token_address") if table is TOKEN_TRANSFERS else found
        spooled.add({table.name: rows})
        parts.append(rows.select(kept))
    return pa.Table.from_batches(parts, pa.schema([table.arrow_schema.field(name) for name in kept]))


def _in_order(table: Table, day: date, path: Path) -> Iterator[pa.RecordBatch]:
    if not path.exists():
        return
    source = parquet([etl_files.to_parquet(table, day, path, path.parent)], numbered=True)
    order = _ORDER.get(table.name, "block_number")
    with duckdb.connect(config={"temp_directory": str(path.parent / "sorting"), "memory_limit": "300MB"}) as database:
        query = f"SELECT * EXCLUDE file_row_number FROM {source}"
        sorted_ = database.sql(f"{query} ORDER BY {order}, file_row_number")
        for part in sorted_.to_arrow_reader(_ROWS_AT_ONCE):
            rows: Mapping[str, pa.Array] = {name: part.column(name) for name in part.schema.names}
            arrays = [rows[field.name].cast(field.type) for field in table.arrow_schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


@contextmanager
def _scratch() -> Iterator[Path]:
    with ScratchDirectory("etl") as directory:
        yield Path(directory)
