"""Traces from either kind of node: ``trace_block`` (parity style) and ``callTracer`` (geth)."""

import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from assets.ethereum.tables import TRACES
from assets.ethereum.transform.rows import batch
from core.errors import InvalidAnswer
from core.plain import one_line
from core.tables import LARGEST_DECIMAL

Record = Mapping[str, Any]
Row = dict[str, Any]

# Names of fields, and characters of each, that a warning repeats of a node.
MOST_NAMED = 50
# Characters of a node's own words that are repeated.
MOST_TOLD = 200
# What the machine's stack holds: 256 bits, with leading zeros from some nodes.
_QUANTITY = re.compile("0x0*[0-9a-fA-F]{1,64}")
# No header commits to traces, so their shape is all that is known of them: hashes and addresses, and kinds.
_HEX, _KIND = re.compile("0x[0-9a-fA-F]{0,64}"), re.compile("[0-9A-Za-z_]{1,32}")
_GETH_CALLS = {"call", "callcode", "delegatecall", "staticcall"}


# The fields that rows are made of, or that only repeat where a trace stands; all others are named in a warning.
_PLACES = {"blockHash", "blockNumber", "transactionHash", "transactionPosition", "txHash"}
_TRACE = {"action", "result", "subtraces", "traceAddress", "type", "error", *_PLACES}
_ACTION = {"callType", "from", "to", "value", "gas", "input", "init"}
_ACTION |= {"address", "refundAddress", "balance", "author", "rewardType"}
_RESULT = {"gasUsed", "output", "address", "code"}
_CALL = {"type", "from", "to", "value", "gas", "gasUsed", "input", "output", "error", "calls"}


def unknown_fields(answer: Sequence[Record]) -> set[str]:
    """Fields of a block's traces, of either kind, that no column takes: ``traces.action.creationMethod``."""
    found: set[str] = set()
    for trace in answer:
        if "action" in trace:
            found |= trace.keys() - _TRACE
            found |= {f"action.{name}" for name in (trace["action"] or {}).keys() - _ACTION}
            found |= {f"result.{name}" for name in (trace.get("result") or {}).keys() - _RESULT}
        else:
            found |= trace.keys() - {"result", "error", "txHash"}
            found |= _unknown_of_calls(trace.get("result") or {})
    return {f"traces.{name[:MOST_NAMED]}" for name in sorted(found)[:MOST_NAMED]}


def _unknown_of_calls(outermost: Record) -> set[str]:
    return {name for call, _ in _call_tree(outermost) for name in call.keys() - _CALL}


def _call_tree(outermost: Record) -> Iterator[tuple[Record, list[int]]]:
    """Every call with its path, each before those inside it. Without recursion: the EVM goes 1,024 calls deep."""
    waiting: list[tuple[Record, list[int]]] = [(outermost, [])]
    while waiting:
        call, path = waiting.pop()
        yield call, path
        inside = call.get("calls") or ()
        waiting.extend((inside[at], [*path, at]) for at in reversed(range(len(inside))))


def quantity(value: Any) -> int | None:
    """An exact integer from a hex quantity; JSON numbers, as some nodes' traces hold them, pass through.

    Raises:
        ValueError: when it is none of 256 bits.
    """
    if value is None:
        return None
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 256:
        return value
    raise ValueError(f"{str(value)[:100]!r} is no quantity")


def trace_batch(rows: Sequence[Row], day: date) -> pa.RecordBatch:
    """The rows, ordered by block, as one batch; ``trace_address`` is a list in each row."""
    columns: dict[str, list[Any]] = {c.name: [row.get(c.name) for row in rows] for c in TRACES.columns}
    columns["trace_address"] = [_path(row["trace_address"], ",") for row in rows]
    columns["block_date"] = [day] * len(rows)
    # Only calls and creations that fail ask for so much, so no sum over what was moved lacks it.
    values = columns["value"]
    columns["value"] = [None if value is None or value > LARGEST_DECIMAL else value for value in values]
    columns["value_text"] = [str(value) if value is not None and value > LARGEST_DECIMAL else None for value in values]
    return batch(TRACES, columns)


def parity_traces(traces: Sequence[Record]) -> list[Row]:
    """One block's answer of trace_block, with statuses and ids."""
    rows = [_parity_row(trace) for trace in traces]
    set_statuses(rows)
    _set_ids(rows)
    return rows


def _parity_row(trace: Record) -> Row:
    action, result, kind = trace.get("action") or {}, trace.get("result") or {}, trace.get("type")
    row: Row = {
        "block_number": trace.get("blockNumber"),
        "transaction_hash": _hash(trace.get("transactionHash")),
        "transaction_index": trace.get("transactionPosition"),
        "subtraces": trace.get("subtraces"),
        "trace_address": list(trace.get("traceAddress") or ()),
        "error": trace.get("error") or None,
        "trace_type": _type(kind),
    }
    if kind in ("call", "create"):
        row |= {"from_address": _address(action.get("from")), "value": quantity(action.get("value"))}
        row |= {"gas": quantity(action.get("gas")), "gas_used": quantity(result.get("gasUsed"))}
    if kind == "call":
        row |= {"call_type": _kind(action.get("callType")), "to_address": _address(action.get("to"))}
        row |= {"input": _data(action.get("input")), "output": _data(result.get("output"))}
    elif kind == "create":
        row |= {"to_address": _address(result.get("address"))}
        row |= {"input": _data(action.get("init")), "output": _data(result.get("code"))}
    elif kind == "suicide":
        row |= {"from_address": _address(action.get("address")), "to_address": _address(action.get("refundAddress"))}
        row |= {"value": quantity(action.get("balance"))}
    elif kind == "reward":
        row |= {"to_address": _address(action.get("author")), "value": quantity(action.get("value"))}
        row |= {"reward_type": _kind(action.get("rewardType"))}
    return row


def geth_traces(block_number: int, transactions: Sequence[Record]) -> list[Row]:
    """One block's answer of debug_traceBlock with callTracer, one object per transaction.

    Statuses and ids need the transaction's hash, which newer nodes send; answers of older ones keep these
    columns empty, as ethereum-etl leaves them.
    """
    rows: list[Row] = []
    for index, transaction in enumerate(transactions):
        if "result" not in transaction:
            problem = one_line(transaction.get("error", "no result"), MOST_TOLD)
            raise InvalidAnswer(
                f"The node could not trace transaction {index} of block {block_number}: {problem}. "
                "Point ETHEREUM_PROVIDER_URI_ARCHIVAL at a node that holds the block's state."
            )
        place = {
            "block_number": block_number,
            "transaction_hash": _hash(transaction.get("txHash")),
            "transaction_index": index,
        }
        rows.extend(_geth_row(call, place, path) for call, path in _call_tree(transaction["result"]))
    named = [row for row in rows if row["transaction_hash"]]
    set_statuses(named)
    _set_ids(named)
    return rows


def _geth_row(call: Record, place: Row, path: list[int]) -> Row:
    kind = _type(call["type"]).lower()
    return place | {
        "from_address": _address(call.get("from")),
        "to_address": _address(call.get("to")),
        "value": quantity(call.get("value")),
        "input": _data(call.get("input")),
        "output": _data(call.get("output")),
        "trace_type": "call" if kind in _GETH_CALLS else "suicide" if kind == "selfdestruct" else kind,
        "call_type": kind if kind in _GETH_CALLS else None,
        "gas": quantity(call.get("gas")),
        "gas_used": quantity(call.get("gasUsed")),
        "subtraces": len(call.get("calls") or ()),
        "trace_address": path,
        "error": call.get("error"),
    }


def state_changes(rows: Sequence[Row]) -> list[Row]:
    """Genesis or DAO-fork balance changes of one block as traces, with ids.

    rows: block_number, from_address, to_address, value (wei), trace_type.
    """
    traces = [{"trace_address": [], **row} for row in rows]
    set_statuses(traces)
    _set_ids(traces)
    return traces


def set_statuses(rows: Sequence[Row]) -> None:
    """Status 0 for a trace that failed or stands inside one that failed, else 1."""
    for row in rows:
        row["status"] = 0 if row.get("error") else 1
    by_transaction: dict[Any, dict[tuple, Row]] = defaultdict(dict)
    for row in rows:
        if row.get("transaction_index") is not None:
            by_transaction[row["transaction_index"]][tuple(row["trace_address"])] = row
    for traces in by_transaction.values():
        for path in sorted(traces, key=len):
            if path and path[:-1] not in traces:
                block = traces[path]["block_number"]
                raise InvalidAnswer(f"Trace {list(path)} of block {block} came without its parent trace.")
            if path and traces[path[:-1]]["status"] == 0:
                traces[path]["status"] = 0


def _set_ids(rows: Sequence[Row]) -> None:
    scoped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.get("transaction_hash"):
            path = _path(row["trace_address"], "_")
            row["trace_id"] = f"{row['trace_type']}_{row['transaction_hash']}_{path}"
        else:
            scoped[row["trace_type"]].append(row)
    for kind, traces in scoped.items():
        for index, row in enumerate(sorted(traces, key=_order)):
            row["trace_id"] = f"{kind}_{row['block_number']}_{index}"


def _order(row: Row) -> tuple:
    return (*(row.get(name) or "" for name in ("reward_type", "from_address", "to_address")), row["value"])


def _path(address: Sequence[int], separator: str) -> str:
    return separator.join(map(str, address))


def _address(text: str | None) -> str | None:
    found = _hash(text)
    return found.lower() if found else found


def _hash(text: str | None) -> str | None:
    if text and not _HEX.fullmatch(text):
        raise ValueError(f"{text[:100]!r} is no hash or address")
    return text


def _kind(text: str | None) -> str | None:
    return _type(text) if text else text


def _type(text: str | None) -> str:
    if not text or not _KIND.fullmatch(text):
        raise ValueError(f"{str(text)[:100]!r} is no kind of trace")
    return text


def _data(text: str | None) -> str | None:
    """Call data or code, of which contracts are made: whole bytes in hex."""
    try:
        binascii.unhexlify((text or "").removeprefix("0x"))
    except ValueError as error:
        raise ValueError(f"{str(text)[:100]!r} is no data: {error}") from error
    return text
