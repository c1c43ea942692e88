"""A node's JSON objects as the exporter reads them: decoded and turned into rows."""

import msgspec
import pyarrow as pa

from assets.ethereum.proofs.derived import TRANSACTION_COLUMNS
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import block_rows, receipt_rows
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.shapes import BlockRef


def rows_of_blocks(*blocks, reader=None):
    """The rows of some blocks, and the node's fields they were made of. blocks: eth_getBlockByNumber results."""
    answers = (reader or AnswerReader()).blocks(Answer.of([msgspec.json.encode(block) for block in blocks]))
    return block_rows(answers), answers


def rows_of_receipts(block, receipts, reader=None):
    """The same of one block's receipts. block: its result of eth_getBlockByNumber; receipts: its receipts."""
    answers = (reader or AnswerReader()).receipts(Answer.of([msgspec.json.encode(receipts)]))
    number, stamp = (int(block[name], 16) for name in ("number", "timestamp"))
    return receipt_rows(answers, [BlockRef(number, block["hash"], stamp, len(receipts))]), answers


def ref_of(block):
    """A block as the receipts' step knows it from the lake, its transactions with it."""
    tables = rows_of_blocks(block)[0].tables
    (row,) = tables["blocks"].to_pylist()
    return BlockRef(
        number=row["number"],
        hash=row["hash"],
        timestamp=row["timestamp"],
        transaction_count=row["transaction_count"],
        receipts_root=row["receipts_root"],
        transactions=pa.Table.from_batches([tables["transactions"]]).select(["hash", *TRANSACTION_COLUMNS]),
        excess_blob_gas=row["excess_blob_gas"],
    )


def block_batches(blocks, reader=None):
    """Batches of blocks, transactions and withdrawals by table name. blocks: eth_getBlockByNumber results."""
    return rows_of_blocks(*blocks, reader=reader)[0].tables


def receipt_batches(receipts, timestamp=1_700_000_000, reader=None):
    """Batches of receipts and logs of one block. receipts: an eth_getBlockReceipts result."""
    block = {"number": receipts[0]["blockNumber"], "hash": receipts[0]["blockHash"], "timestamp": hex(timestamp)}
    return rows_of_receipts(block, receipts, reader)[0].tables
