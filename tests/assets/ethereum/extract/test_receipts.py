"""Receipts are asked for what the lake holds, which has to be one export."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.ethereum.extract import exports
from assets.ethereum.extract.receipts import export_receipts
from assets.ethereum.tables import BLOCKS, TRANSACTIONS
from core.errors import LakeDamaged
from core.frames import spooled
from resources.clients.ethereum.node import EthereumNode
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore

DAY = date(2024, 1, 2)


def _export(node_uri, verify=exports.VERIFY_FULL):
    node = EthereumNode(node_uri)
    return exports.Export(node=node, say=lambda line: None, monotonic=lambda: 0.0, verify=verify)


@pytest.fixture(scope="module")
def exported(node_uri):
    return exports.export_blocks(_export(node_uri), [DAY])


def _reorganised(rows):
    """The last block's transactions as of another block of its number."""
    *others, last = rows.column("block_hash").to_pylist()
    hashes = ["0x" + "99" * 32 if hash_ == last else hash_ for hash_ in (*others, last)]
    return rows.set_column(rows.schema.get_field_index("block_hash"), rows.schema.field("block_hash"), pa.array(hashes))


OF_ANOTHER_EXPORT = {
    "none": lambda rows: rows.slice(0, 0),
    "the last is missing": lambda rows: rows.slice(0, len(rows) - 1),
    "the first is missing": lambda rows: rows.slice(1),
    "one more": lambda rows: pa.concat_tables([rows, rows.slice(len(rows) - 1)]),
    "of another block": _reorganised,
}


@pytest.mark.parametrize("verify", [exports.VERIFY_FULL, exports.VERIFY_OFF])
@pytest.mark.parametrize("change", OF_ANOTHER_EXPORT)
def test_transactions_of_another_export_than_the_blocks_are_told(exported, node_uri, change, verify):
    lake, blocks = Lake(MemoryObjectStore()), spooled(BLOCKS, _rows(exported, BLOCKS), [DAY])
    transactions = spooled(TRANSACTIONS, OF_ANOTHER_EXPORT[change](_rows(exported, TRANSACTIONS)), [DAY])
    for tables in (blocks, transactions):
        lake.publish(tables.table, tables, tables.days[0], "run")
    with pytest.raises(
        LakeDamaged, match="materialize lake/ethereum/blocks and lake/ethereum/transactions .* together"
    ):
        export_receipts(_export(node_uri, verify), lake.open(BLOCKS, [DAY]), lake.open(TRANSACTIONS, [DAY]))


def _rows(exported, table):
    (file,) = exported[table.name].days[0].files
    return pq.read_table(file.path)
