"""Token transfers out of logs: ERC-20 and ERC-721 as ethereum-etl reads them, and ERC-1155."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.tables import ERC1155_TRANSFERS, TOKEN_TRANSFERS
from assets.ethereum.transform.ether import WORD, addresses, characters, part, without_ether
from assets.ethereum.transform.rows import batch
from core.columns import decimals

# keccak256 of Transfer(address,address,uint256), TransferSingle(...) and TransferBatch(...)
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TRANSFER_SINGLE = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
TRANSFER_BATCH = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"

_SMALL = 31  # hex characters that always fit a decimal

LOG_COLUMNS = ["log_index", "transaction_hash", "block_number", "address", "data", "topics", "block_date"]


def token_transfers(logs: pa.RecordBatch, left_out: list[str]) -> pa.RecordBatch:
    """One row per Transfer event of a contract whose topics and data words total four.

    logs: a batch of the logs table. left_out: takes a sentence about every other Transfer event.
    """
    events = without_ether(_with_signature(logs, TRANSFER), "address")
    topics = pc.binary_length(events.column("topics"))
    data = pc.binary_length(events.column("data"))
    # Nearly all: an amount as data, or a token id as the fourth topic. Their words stand at fixed places.
    fungible = pc.and_(pc.equal(topics, characters(3)), pc.equal(data, WORD + 2))
    unique = pc.and_(pc.equal(topics, characters(4)), pc.equal(data, 2))
    plain = pc.fill_null(pc.or_(fungible, unique), False)
    parts = [_plain_transfers(events.filter(plain), fungible.filter(plain))]
    if parts[0].num_rows < events.num_rows:
        parts.append(_odd_transfers(events.filter(pc.invert(plain)), left_out))
    if not parts[-1].num_rows:
        return parts[0]
    order = [("block_number", "ascending"), ("log_index", "ascending")]
    return pa.Table.from_batches(parts).sort_by(order).combine_chunks().to_batches()[0]


def _odd_transfers(events: pa.RecordBatch, left_out: list[str]) -> pa.RecordBatch:
    """Transfers whose words are spread over topics and data in another way, and complaints about the others."""
    rows = []
    for entry in _entries(events):
        words = entry["topics"] + _words(entry["data"])
        if len(words) != 4:
            left_out.append(_complaint(entry, f"a Transfer of {len(words)} words, not 4"))
            continue
        rows.append(
            _place(entry)
            | {"from_address": _address(words[1]), "to_address": _address(words[2]), "value": str(int(words[3], 16))}
        )
    return _from_rows(TOKEN_TRANSFERS, rows)


def _plain_transfers(events: pa.RecordBatch, fungible: pa.Array) -> pa.RecordBatch:
    """Transfers whose words all stand where they are expected, column by column."""
    topics = events.column("topics")
    last = pc.if_else(fungible, events.column("data"), part(topics, characters(3) + 1))
    columns = {
        "token_address": pc.ascii_lower(events.column("address")),
        "from_address": addresses(topics, word=1),
        "to_address": addresses(topics, word=2),
        "value": _decimal_text(last),
    }
    columns |= {name: events.column(name) for name in ("transaction_hash", "log_index", "block_number", "block_date")}
    arrays = [columns[name] for name in TOKEN_TRANSFERS.arrow_schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=TOKEN_TRANSFERS.arrow_schema)


def _decimal_text(words: pa.StringArray) -> pa.StringArray:
    """Words as decimal digits. Amounts are rarely too large for the columns' own numbers, token ids often are."""
    small = pc.starts_with(words, "0x" + "0" * (WORD - _SMALL))
    texts = pc.cast(decimals(pc.if_else(small, part(words, -_SMALL), "0")), pa.string())
    large = pc.invert(small)
    long = [str(int(word, 16)) for word in words.filter(large).to_pylist()]
    return pc.replace_with_mask(texts, large, pa.array(long, pa.string()))


def erc1155_transfers(logs: pa.RecordBatch, left_out: list[str]) -> pa.RecordBatch:
    """One row per token id of a TransferSingle or TransferBatch event.

    logs: a batch of the logs table. left_out: takes a sentence about every malformed event.
    """
    rows = []
    for entry in _entries(_with_signature(logs, TRANSFER_SINGLE, TRANSFER_BATCH)):
        words = entry["topics"] + _words(entry["data"])
        if len(words) < 6 or any(len(word) != WORD + 2 for word in words):
            left_out.append(_complaint(entry, f"an ERC-1155 transfer of {len(words)} words, not 6 whole ones or more"))
            continue
        operator, sender, receiver = (_address(word) for word in words[1:4])
        pairs = _ids_and_values(words)
        if pairs is None:
            left_out.append(_complaint(entry, "an ERC-1155 transfer that is not two lists of equal length"))
            continue
        for index, (token_id, value) in enumerate(pairs):
            rows.append(
                _place(entry)
                | {"operator": operator, "from_address": sender, "to_address": receiver}
                | {"token_id": str(token_id), "value": str(value), "batch_index": index}
            )
    return _from_rows(ERC1155_TRANSFERS, rows)


def _with_signature(logs: pa.RecordBatch, *signatures: str) -> pa.RecordBatch:
    """The log entries whose first topic is one of ``signatures``, in any letter case."""
    first_topic = pc.ascii_lower(part(logs.column("topics"), 0, WORD + 2))
    return logs.select(LOG_COLUMNS).filter(pc.is_in(first_topic, pa.array(signatures)))


def _entries(events: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Log entries with their topics as a list."""
    for entry in events.to_pylist():
        yield entry | {"topics": entry["topics"].split(",")}


def _ids_and_values(words: list[str]) -> list[tuple[int, int]] | None:
    """Token ids and amounts of an event of either kind, from topics and data words; None if malformed."""
    if words[0].lower() == TRANSFER_SINGLE:
        return [(int(words[4], 16), int(words[5], 16))] if len(words) == 6 else None
    data = words[4:]
    lists = []
    for offset_word in data[:2]:
        start = int(offset_word, 16)
        at = start // 32
        if start % 32 or at >= len(data):
            return None
        length = int(data[at], 16)
        lists.append([int(word, 16) for word in data[at + 1 : at + 1 + length]])
        if len(lists[-1]) != length:
            return None
    return list(zip(*lists, strict=True)) if len(lists[0]) == len(lists[1]) else None


def _words(data: str | None) -> list[str]:
    body = (data or "0x")[2:]
    return ["0x" + body[at : at + WORD] for at in range(0, len(body), WORD)]


def _address(word: str) -> str:
    return ("0x" + word[-40:] if len(word) >= 40 else word).lower()


def _place(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "token_address": entry["address"].lower(),
        "transaction_hash": entry["transaction_hash"],
        "log_index": entry["log_index"],
        "block_number": entry["block_number"],
        "block_date": entry["block_date"],
    }


def _complaint(entry: dict[str, Any], problem: str) -> str:
    return f"log {entry['log_index']} of transaction {entry['transaction_hash']} is {problem}"


def _from_rows(table, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    columns = {column.name: [row[column.name] for row in rows] for column in table.columns}
    return batch(table, columns)
