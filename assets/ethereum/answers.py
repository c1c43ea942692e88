"""The node's answers as Arrow arrays: JSON read by DuckDB in one pass, outside the interpreter's lock.

The shape that is read follows from the table declarations. Reading takes known fields only, so one answer in each
batch is also decoded strictly: a field that nothing takes is noticed there, and so is an answer of another shape.
"""

import json
import re
import threading
from collections.abc import Collection, Mapping, Sequence
from keyword import iskeyword
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.tables import Column, Table
from resources.clients.transports import Kind, Refusal

# Left out on purpose: uncles have no table, the rest repeats other fields.
IGNORED_FIELDS: dict[str, frozenset[str]] = {
    BLOCKS.name: frozenset({"uncles"}),
    TRANSACTIONS.name: frozenset({"creates", "publicKey", "raw", "standardV", "condition", "blockTimestamp"}),
    RECEIPTS.name: frozenset({"from", "to", "blockTimestamp"}),
    LOGS.name: frozenset({"removed", "blockTimestamp", "transactionLogIndex", "type"}),
    WITHDRAWALS.name: frozenset(),
}
# Bound by the header's commitments, but without a column.
PROOF_FIELDS: dict[str, frozenset[str]] = {
    BLOCKS.name: frozenset({"mixHash"}),
    TRANSACTIONS.name: frozenset({"v", "r", "s", "yParity", "chainId"}),
    RECEIPTS.name: frozenset({"logsBloom", "type"}),
    LOGS.name: frozenset(),
    WITHDRAWALS.name: frozenset(),
}
# What an item says of the block or receipt it stands in, beyond the hashes that are compared.
REPEATED_FIELDS: dict[str, frozenset[str]] = {
    TRANSACTIONS.name: frozenset({"blockNumber"}),
    RECEIPTS.name: frozenset({"blockNumber"}),
    LOGS.name: frozenset({"blockNumber", "transactionIndex"}),
}
_STRUCTURES = {"accessList", "authorizationList"}


def _sources(table: Table, without: Collection[str] = ()) -> dict[str, Column | None]:
    """The fields that a table or the proofs take, with their columns."""
    taken: dict[str, Column | None] = {column.source: column for column in table.columns if column.source}
    return {name: taken.get(name) for name in sorted(taken.keys() | PROOF_FIELDS[table.name]) if name not in without}


def _shape(table: Table, children: Mapping[str, Any], *, proofs: bool) -> dict[str, Any]:
    """What DuckDB is to read of an object: text as it stands, lists of text, structures as JSON text."""
    shape: dict[str, Any] = dict(children)
    unread = REPEATED_FIELDS.get(table.name, frozenset()) | (frozenset() if proofs else PROOF_FIELDS[table.name])
    for source, column in _sources(table, children.keys() | unread).items():
        text = "JSON" if source in _STRUCTURES else "VARCHAR"
        shape[source] = [text] if column and column.joined else text
    return shape


def _reading(shape: Any) -> str:
    return f"json_transform(answer, '{json.dumps(shape)}') AS found"


def _readings(*, proofs: bool) -> tuple[str, str]:
    """The expressions that read a block, and a block's receipts."""
    log, transaction, withdrawal = (_shape(table, {}, proofs=proofs) for table in (LOGS, TRANSACTIONS, WITHDRAWALS))
    block = _shape(BLOCKS, {"transactions": [transaction], "withdrawals": [withdrawal]}, proofs=proofs)
    return _reading(block), _reading([_shape(RECEIPTS, {"logs": [log]}, proofs=proofs)])


def _struct(table: Table, children: Mapping[str, Any]) -> Any:
    """The same as a type that refuses unknown fields."""
    # A block before Shanghai has no list of withdrawals.
    fields: list[Any] = [(name, list[kind] | None, None) for name, kind in children.items()]  # type: ignore[valid-type]
    for source, column in _sources(table, children).items():
        kind = Any if source in _STRUCTURES else list[str] | None if column and column.joined else str | None
        fields.append((f"{source}_" if iskeyword(source) else source, kind, msgspec.field(default=None, name=source)))
    for name in IGNORED_FIELDS[table.name] - _sources(table).keys() - children.keys():
        unread = msgspec.field(default=msgspec.Raw(), name=name)
        fields.append((f"{name}_" if iskeyword(name) else name, msgspec.Raw, unread))
    return msgspec.defstruct(table.name.capitalize(), fields, forbid_unknown_fields=True, gc=False)


_STRICT_BLOCK = msgspec.json.Decoder(
    _struct(BLOCKS, {"transactions": _struct(TRANSACTIONS, {}), "withdrawals": _struct(WITHDRAWALS, {})})
)
_STRICT_RECEIPTS = msgspec.json.Decoder(list[_struct(RECEIPTS, {"logs": _struct(LOGS, {})}) | None])  # type: ignore[misc]


def _in_place(answers: Sequence[bytes | msgspec.Raw]) -> pa.Array:
    """The answers as text that stays where it came from the network: Arrow's views of length, prefix and place."""
    # Views hold texts of up to 12 bytes themselves; spaces after it do not change a JSON text.
    buffers = [
        pa.py_buffer(answer if memoryview(answer).nbytes > 12 else bytes(answer).ljust(13)) for answer in answers
    ]
    views = np.zeros(len(buffers), [("length", "<i4"), ("prefix", "S4"), ("buffer", "<i4"), ("offset", "<i4")])
    views["length"] = [buffer.size for buffer in buffers]
    views["prefix"] = [bytes(buffer[:4]) for buffer in buffers]
    views["buffer"] = np.arange(len(buffers))
    return pa.Array.from_buffers(pa.string_view(), len(buffers), [None, pa.py_buffer(views), *buffers])


class AnswerReader:
    """Reads blocks and receipts, and collects the names of fields that no column takes.

    proofs: read what only the proofs need, too.
    """

    def __init__(self, *, proofs: bool = True) -> None:
        self.unknown: set[str] = set()
        self._block, self._receipts = _readings(proofs=proofs)
        self._database = duckdb.connect(config={"threads": 1})
        self._lock = threading.Lock()

    def blocks(self, answers: Sequence[bytes | msgspec.Raw]) -> pa.StructArray:
        """Blocks with full transactions: one struct for each answer, its fields as text under the node's names.

        Raises:
            Refusal: when an answer has another shape.
        """
        self._look_through(_STRICT_BLOCK, answers[0])
        found = self._read(answers, self._block)
        if found.field("transactions").null_count:
            raise Refusal(Kind.BROKEN, "a block came without its list of transactions")
        return found

    def receipts(self, answers: Sequence[bytes | msgspec.Raw]) -> pa.ListArray:
        """Blocks' receipts with their logs: one list for each answer; null where the node has no receipt yet.

        Raises:
            Refusal: when an answer has another shape.
        """
        self._look_through(_STRICT_RECEIPTS, answers[0])
        found = self._read(answers, self._receipts)
        if found.null_count:
            raise Refusal(Kind.BROKEN, "a block's receipts came as something else than a list")
        return found

    def _read(self, answers: Sequence[bytes | msgspec.Raw], reading: str) -> Any:
        with self._lock:
            texts = self._database.from_arrow(pa.table({"answer": _in_place(answers)}))
            try:
                read = texts.project(reading).to_arrow_table()
            except duckdb.Error as error:
                raise Refusal(Kind.BROKEN, str(error).splitlines()[0][:200]) from error
        return read.column("found").combine_chunks()

    def _look_through(self, decoder: msgspec.json.Decoder, raw: bytes | msgspec.Raw) -> None:
        try:
            decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if "unknown field" not in str(error):
                raise Refusal(Kind.BROKEN, re.sub(r"\s+", " ", str(error))[:200]) from error
            self._note(msgspec.json.decode(raw))

    def _note(self, found: Any) -> None:
        """Collect the unknown fields of a block or of its receipts."""
        if isinstance(found, dict):
            self._compare(BLOCKS, [found], {"transactions", "withdrawals"})
            self._compare(TRANSACTIONS, found["transactions"])
            self._compare(WITHDRAWALS, found.get("withdrawals") or [])
        else:
            receipts = [receipt for receipt in found if receipt]
            self._compare(RECEIPTS, receipts, {"logs"})
            self._compare(LOGS, [log for receipt in receipts for log in receipt["logs"]])

    def _compare(self, table: Table, records: list[dict[str, Any]], children: Collection[str] = ()) -> None:
        known = _sources(table).keys() | IGNORED_FIELDS[table.name] | set(children)
        for record in records:
            self.unknown.update(f"{table.name}.{name}" for name in record.keys() - known)
