"""What the node's answers have to look like to be taken: everything else is a refusal of that endpoint."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from core.plain import one_line
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal

Header = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class BlockRef:
    """A block known from the lake: what its receipts and traces must belong to.

    transactions: their hashes, and other columns as they are asked for, in order. excess_blob_gas: null before Cancun.
    """

    number: int
    hash: str
    timestamp: int
    transaction_count: int
    receipts_root: str = ""
    transactions: pa.Table | None = None
    excess_blob_gas: int | None = None


ReadTraces = Callable[[BlockRef, list[dict[str, Any]]], T]


def as_they_came(block: BlockRef, traces: list[dict[str, Any]]) -> Any:
    return traces


def header(raw: msgspec.Raw) -> Header:
    found = msgspec.json.decode(raw, type=dict[str, Any])
    for name, pattern in _HEADER_FIELDS.items():
        if not (isinstance(value := found.get(name), str) and pattern.fullmatch(value)):
            raise Refusal(Kind.BROKEN, f"a header came whose {name} is {str(value)[:QUOTED]!r}")
    return found


def header_of(number: int, raw: msgspec.Raw) -> Header:
    """The header of the block that was asked for."""
    found = header(raw)
    if found["number"] != hex(number):
        raise Refusal(Kind.BROKEN, f"block {found['number']} came for {hex(number)}")
    return found


# From here on a hash is hex text, so that no node's text reaches a page as markup.
QUANTITY, _HEX = re.compile("0x[0-9a-fA-F]{1,16}"), re.compile("0x[0-9a-fA-F]{1,64}")
_HEADER_FIELDS = {"number": QUANTITY, "hash": _HEX, "parentHash": _HEX, "timestamp": QUANTITY}
# eth_call returns what the contract does: memory, so megabytes are possible, a hundred are not.
_DATA = re.compile("0x(?:[0-9a-fA-F]{2})*")


def data(raw: msgspec.Raw) -> str:
    returned = msgspec.json.decode(raw, type=str)
    if not _DATA.fullmatch(returned):
        raise Refusal(Kind.BROKEN, f"data came that is {returned[:QUOTED]!r}")
    return returned


def text(raw: msgspec.Raw) -> str:
    return one_line(msgspec.json.decode(raw), QUOTED)


def whole_number(raw: msgspec.Raw) -> int:
    number = msgspec.json.decode(raw, type=str)
    if not QUANTITY.fullmatch(number):
        raise Refusal(Kind.BROKEN, f"a number came that is {number[:QUOTED]!r}")
    return int(number, 16)


def traces_of(block: BlockRef, read: ReadTraces[T], raw: msgspec.Raw) -> T:
    traces = msgspec.json.decode(raw, type=list[dict[str, Any]])
    for trace in traces:
        if trace.get("blockHash", block.hash) != block.hash:
            raise Refusal(Kind.MOVED, moved(block, trace["blockHash"]))
        if trace.get("blockNumber", block.number) != block.number:
            raise Refusal(
                Kind.BROKEN, f"a trace of block {one_line(trace['blockNumber'], QUOTED)} came for {block.number}"
            )
    if block.transaction_count and not traces:
        raise Refusal(Kind.BEHIND, f"block {block.number} has transactions but no traces")
    return read(block, traces)


def calls_of(block: BlockRef, read: ReadTraces[T], raw: msgspec.Raw) -> T:
    return read(block, one_each(block, msgspec.json.decode(raw, type=list[dict[str, Any]])))


def one_each(block: BlockRef, items: list[T]) -> list[T]:
    """The items, one for each of the block's transactions; raises Refusal when there are more or fewer."""
    if len(items) != block.transaction_count:
        detail = f"{len(items)} items came for the {block.transaction_count} transactions of block {block.number}"
        raise Refusal(Kind.BROKEN, detail)
    return items


def moved(block: BlockRef, found: str | None) -> str:
    """That the node's block of a number is another one by now."""
    return f"block {block.number} is {one_line(found, QUOTED)}, the lake holds {block.hash}"
