"""Ether that moves, out of logs: since Amsterdam the protocol itself emits one for each movement (EIP-7708)."""

import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.tables import ETHER_TRANSFERS
from core.columns import decimals
from core.errors import InvalidAnswer

# No contract's: these logs look like a token's, and are none's.
ETHER = "0xfffffffffffffffffffffffffffffffffffffffe"
# keccak256 of Transfer(address,address,uint256), and of what a self-destruct that burns emits: its name was
# Selfdestruct(address,uint256), then Burn(address,uint256).
MOVED = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
BURNT = (
    "0x4bfaba3443c1a1836cd362418edc679fc96cae8449cbefccb6457cdf2c943083",
    "0xcc16f5dbb4873280815c1ee09dbd06736cffcc184412cf7a71a0fdb75d397ca5",
)

WORD = 64  # hex characters of a 32-byte word
_LOW = 32  # of its lower half: what a decimal holds
_END = 2**31 - 1
# What is not of the event.
_PLACE = ("transaction_hash", "log_index", "block_number", "block_date")


def ether_transfers(logs: pa.RecordBatch, left_out: list[str]) -> pa.RecordBatch:
    """One row per movement or burning of ether.

    logs: a batch of the logs table. left_out: takes a sentence about every other event of that address.

    Raises:
        InvalidAnswer: for an amount that no ether can be.
    """
    events = logs.filter(_is_ether(logs.column("address")))
    if not events.num_rows:  # all days before the fork
        return pa.RecordBatch.from_pylist([], schema=ETHER_TRANSFERS.arrow_schema)
    topics, data = events.column("topics"), events.column("data")
    first, words = pc.ascii_lower(part(topics, 0, WORD + 2)), pc.binary_length(topics)
    moved = pc.and_(pc.equal(first, MOVED), pc.equal(words, characters(3)))
    burnt = pc.and_(pc.is_in(first, pa.array(BURNT)), pc.equal(words, characters(2)))
    known = pc.and_(pc.or_(moved, burnt), pc.fill_null(pc.equal(pc.binary_length(data), WORD + 2), False))
    for event in events.filter(pc.invert(known)).select(["log_index", "transaction_hash"]).to_pylist():
        place = f"log {event['log_index']} of transaction {event['transaction_hash']}"
        left_out.append(f"{place} is of ether, but neither a movement nor a burning that is known")
    events, moved = events.filter(known), moved.filter(known)
    topics = events.column("topics")
    columns = {
        "from_address": addresses(topics, word=1),
        "to_address": pc.if_else(moved, addresses(topics, word=2), pa.scalar(None, pa.string())),
        "value": _wei(events),
    }
    columns |= {name: events.column(name) for name in _PLACE}
    arrays = [columns[name] for name in ETHER_TRANSFERS.arrow_schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=ETHER_TRANSFERS.arrow_schema)


def without_ether(rows: pa.RecordBatch, column: str) -> pa.RecordBatch:
    """The rows whose address in a column is not the one of ether's logs."""
    return rows.filter(pc.invert(_is_ether(rows.column(column))))


def _is_ether(addresses: pa.StringArray) -> pa.BooleanArray:
    return pc.fill_null(pc.equal(pc.ascii_lower(addresses), ETHER), False)


def _wei(events: pa.RecordBatch) -> pa.Decimal128Array:
    data = events.column("data")
    small = pc.starts_with(data, "0x" + "0" * (WORD - _LOW))
    try:
        if pc.all(small, min_count=0).as_py():
            return decimals(part(data, -_LOW))
        at = pc.index(small, False).as_py()
    except ValueError:
        at = 0
    raise InvalidAnswer(
        f"The lake's logs of block {events.column('block_number')[at]}: ether_transfers.value of log "
        f"{events.column('log_index')[at]} or one after it does not fit DECIMAL(38,0): {data[at]}. There is not that "
        "much ether; compare the block with another node."
    )


def characters(words: int) -> int:
    """Length of so many 32-byte words, comma-joined."""
    return words * (WORD + 2) + words - 1


def addresses(topics: pa.Array, word: int) -> pa.Array:
    """The last 20 bytes of the word at a position."""
    end = characters(word + 1)
    return pc.binary_join_element_wise("0x", pc.ascii_lower(part(topics, end - 40, end)), "")


def part(texts: pa.StringArray, start: int, end: int = _END) -> pa.StringArray:
    """Some of the characters, all of them ASCII."""
    return pc.binary_slice(texts.cast(pa.binary()), start, end).cast(pa.string())
