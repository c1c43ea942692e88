"""A node's JSON objects as the exporter reads them: decoded, turned into rows, batched."""

import msgspec

from assets.ethereum.answers import AnswerReader
from assets.ethereum.extract import BLOCK_TABLES
from assets.ethereum.receipts import RECEIPT_TABLES
from assets.ethereum.transform import batches, block_rows, receipt_rows
from resources.clients.ethereum_node import BlockRef


def block_batches(blocks, reader=None):
    """Batches of blocks, transactions and withdrawals by table name. blocks: eth_getBlockByNumber results."""
    reader = reader or AnswerReader()
    return batches([block_rows(reader.block(msgspec.json.encode(block))) for block in blocks], BLOCK_TABLES)


def receipt_batches(receipts, timestamp=1_700_000_000, reader=None):
    """Batches of receipts and logs of one block. receipts: an eth_getBlockReceipts result."""
    number, hash_ = int(receipts[0]["blockNumber"], 16), receipts[0]["blockHash"]
    decoded = (reader or AnswerReader()).receipts(msgspec.json.encode(receipts))
    return batches([receipt_rows(decoded, BlockRef(number, hash_, timestamp, len(receipts)))], RECEIPT_TABLES)
