"""The node's answers as Arrow arrays: JSON read by arrow-rs in one pass, outside the interpreter's lock.

The shape that is read follows from the table declarations. Reading takes known fields only, so one answer in each
batch is also decoded strictly, and all of a batch in which a transaction type comes up first: a field that nothing
takes is noticed there, and so is an answer of another shape.
"""

from collections.abc import Collection, Iterable, Mapping
from keyword import iskeyword
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from arro3.io import read_json

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.nesting import require_shallow
from core.plain import one_line
from core.tables import Column, Table
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.refusals import Kind, Refusal

_TYPE = "type"
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
    RECEIPTS.name: frozenset({"logsBloom", _TYPE}),
    LOGS.name: frozenset(),
    WITHDRAWALS.name: frozenset(),
}
# What an item says of the block or receipt it stands in, beyond the hashes that are compared.
REPEATED_FIELDS: dict[str, frozenset[str]] = {
    TRANSACTIONS.name: frozenset({"blockNumber"}),
    RECEIPTS.name: frozenset({"blockNumber"}),
    LOGS.name: frozenset({"blockNumber", "transactionIndex"}),
}
# Unknown fields that are named, and characters of each.
MOST_NAMED = 50
_VERSION = b'"jsonrpc"'
# An answer is one row, but has about as many fields as so many rows of plain values: arrow-rs makes room for these at
# first, and copies less while it reads.
_ROOM = 8192
_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_SIGNED = ("chainId", "address", "nonce", "yParity", "r", "s")
# Published as JSON text.
STRUCTURES = {
    "accessList": pa.list_(pa.struct([("address", _TEXT), ("storageKeys", _TEXTS)])),
    "authorizationList": pa.list_(pa.struct([(name, _TEXT) for name in _SIGNED])),
}


def _sources(table: Table, without: Collection[str] = ()) -> dict[str, Column | None]:
    """The fields that a table or the proofs take, with their columns."""
    taken: dict[str, Column | None] = {column.source: column for column in table.columns if column.source}
    return {name: taken.get(name) for name in sorted(taken.keys() | PROOF_FIELDS[table.name]) if name not in without}


def _fields(table: Table, children: Mapping[str, pa.DataType], *, proofs: bool) -> list[tuple[str, pa.DataType]]:
    """What is read of an object: text as it stands, lists of text, structures."""
    only_proved = PROOF_FIELDS[table.name] - {_TYPE}
    unread = REPEATED_FIELDS.get(table.name, frozenset()) | (frozenset() if proofs else only_proved)
    fields = list(children.items())
    for source, column in _sources(table, children.keys() | unread).items():
        fields.append((source, STRUCTURES.get(source) or (_TEXTS if column and column.joined else _TEXT)))
    return fields


def _list_of(table: Table, children: Mapping[str, pa.DataType], *, proofs: bool) -> pa.ListType:
    return pa.list_(pa.struct(_fields(table, children, proofs=proofs)))


def _schemas(*, proofs: bool) -> tuple[pa.Schema, pa.Schema]:
    """What is read of a batch of responses about blocks, and of one about blocks' receipts."""
    log, transaction, withdrawal = (_list_of(table, {}, proofs=proofs) for table in (LOGS, TRANSACTIONS, WITHDRAWALS))
    block = pa.struct(_fields(BLOCKS, {"transactions": transaction, "withdrawals": withdrawal}, proofs=proofs))
    receipts = _list_of(RECEIPTS, {"logs": log}, proofs=proofs)
    of_block, of_receipts = (
        pa.list_(pa.struct([("id", pa.int64()), ("result", kind), ("error", _TEXT)])) for kind in (block, receipts)
    )
    return pa.schema([("responses", of_block)]), pa.schema([("responses", of_receipts)])


def _struct(table: Table, children: Mapping[str, Any]) -> Any:
    """The same as a type that refuses unknown fields."""
    # A block before Shanghai has no list of withdrawals.
    fields: list[Any] = [(name, list[kind] | None, None) for name, kind in children.items()]  # type: ignore[valid-type]
    for source, column in _sources(table, children).items():
        kind = Any if source in STRUCTURES else list[str] | None if column and column.joined else str | None
        fields.append((f"{source}_" if iskeyword(source) else source, kind, msgspec.field(default=None, name=source)))
    for name in IGNORED_FIELDS[table.name] - _sources(table).keys() - children.keys():
        unread = msgspec.field(default=msgspec.Raw(), name=name)
        fields.append((f"{name}_" if iskeyword(name) else name, msgspec.Raw, unread))
    return msgspec.defstruct(table.name.capitalize(), fields, forbid_unknown_fields=True, gc=False)


def _strict(result: Any) -> msgspec.json.Decoder:
    """Decodes a response with such a result."""
    return msgspec.json.Decoder(msgspec.defstruct("Response", [("result", result)]))


_BLOCK = _struct(BLOCKS, {"transactions": _struct(TRANSACTIONS, {}), "withdrawals": _struct(WITHDRAWALS, {})})
_RECEIPT = _struct(RECEIPTS, {"logs": _struct(LOGS, {})})
_STRICT = {BLOCKS.name: _strict(_BLOCK), RECEIPTS.name: _strict(list[_RECEIPT | None])}  # type: ignore[valid-type]


class AnswerReader:
    """Reads blocks and receipts, and collects the names of fields that no column takes.

    proofs: read what only the proofs need, too.
    """

    def __init__(self, *, proofs: bool = True) -> None:
        self.unknown: set[str] = set()
        self._types: set[tuple[str, str | None]] = set()
        self._block, self._receipts = _schemas(proofs=proofs)

    def blocks(self, answer: Answer) -> pa.StructArray:
        """Blocks with full transactions: one struct for each call, its fields as text under the node's names.

        Raises:
            Refusal: when the results are not blocks, one for each call in their order.
        """
        self._look_through(BLOCKS, _first_response(answer.body))
        found = _results(answer, self._block)
        if found.field("transactions").null_count:
            raise Refusal(Kind.BROKEN, "a block came without its list of transactions")
        self._look_at_new_types(BLOCKS, answer, pc.list_flatten(found.field("transactions")))
        return found

    def receipts(self, answer: Answer) -> pa.ListArray:
        """Blocks' receipts with their logs: one list for each call; null where the node has no receipt yet.

        Raises:
            Refusal: when the results are not lists of receipts, one for each call in their order.
        """
        self._look_through(RECEIPTS, _first_response(answer.body))
        found = _results(answer, self._receipts)
        self._look_at_new_types(RECEIPTS, answer, pc.list_flatten(found))
        return found

    def unknown_of_headers(self, answer: Answer) -> dict[int, list[str]]:
        """The fields of headers that no column takes, by the block's position in the answer; they are collected, too.

        Only one block of a batch is read strictly at first: a fork may begin behind it.
        """
        known = _sources(BLOCKS).keys() | IGNORED_FIELDS[BLOCKS.name] | {"transactions", "withdrawals"}
        found = {}
        for at, response in enumerate(answer.responses()):
            if names := sorted(msgspec.json.decode(response.result, type=dict[str, Any]).keys() - known):
                found[at] = names
                self._collect(f"{BLOCKS.name}.{name}" for name in names)
        return found

    def _look_at_new_types(self, table: Table, answer: Answer, items: pa.StructArray) -> None:
        """Look through the whole answer when items of a transaction type stand in it that none before had."""
        types = {(table.name, type_) for type_ in pc.unique(items.field(_TYPE)).to_pylist()}
        if types - self._types:
            for response in answer.responses():
                self._look_through(table, b'{"result":%b}' % response.result)
            self._types |= types

    def _look_through(self, table: Table, response: bytes) -> None:
        try:
            require_shallow(response)
            _STRICT[table.name].decode(response)
        except (msgspec.DecodeError, ValueError) as error:
            if "unknown field" not in str(error):
                raise Refusal(Kind.BROKEN, one_line(error, 200)) from error
            self._note(msgspec.json.decode(response)["result"])

    def _note(self, found: Any) -> None:
        """Collect the unknown fields of a block or of its receipts."""
        if isinstance(found, dict):
            self._compare(BLOCKS, [found], {"transactions", "withdrawals"})
            self._compare(TRANSACTIONS, found.get("transactions"))
            self._compare(WITHDRAWALS, found.get("withdrawals"))
        else:
            for receipt in self._compare(RECEIPTS, found, {"logs"}):
                self._compare(LOGS, receipt.get("logs"))

    def _compare(self, table: Table, records: Any, children: Collection[str] = ()) -> list[dict[str, Any]]:
        """Collect the unknown fields of records; returns those that are any, whatever the node sent in their place."""
        known = _sources(table).keys() | IGNORED_FIELDS[table.name] | set(children)
        found = [record for record in records or () if isinstance(record, dict)] if isinstance(records, list) else []
        for record in found:
            self._collect(f"{table.name}.{name}" for name in record.keys() - known)
        return found

    def _collect(self, names: Iterable[str]) -> None:
        """Keep some of the names, and as much of each as a warning can show: they are the node's."""
        for name in names:
            if len(self.unknown) < MOST_NAMED:
                self.unknown.add(name[:MOST_NAMED])


def _first_response(body: bytes) -> bytes:
    """A batch's first object, without decoding the others: it ends before the object that names the version again.

    Where a node writes the version last, this is no JSON; such answers are taken apart elsewhere and then read.
    """
    named = _next_version(body, _next_version(body, 0) + len(_VERSION))
    following = len(body) if named < 0 else body.rfind(b"{", 0, named)
    return body[body.find(b"{") : body.rfind(b"}", 0, following) + 1]


def _next_version(body: bytes, start: int) -> int:
    """Where the version is named next; found by its j, many times faster: fields have other letters, values are hex."""
    at = body.find(b"j", start)
    while at >= 0 and not body.startswith(_VERSION, at - 1):
        at = body.find(b"j", at + 1)
    return at - 1 if at >= 0 else -1


def _results(answer: Answer, schema: pa.Schema) -> pa.Array:
    """The results of all responses."""
    if b"\0" in answer.body or (b"\\" in answer.body and b"\\u0000" in answer.body):
        # arrow-rs hands errors on as C strings: one that quotes a NUL would end the process.
        raise Refusal(Kind.BROKEN, "a NUL character where there is hex text only")
    before, after = (b'{"responses":', b"}") if answer.body[:1] == b"[" else (b'{"responses":[', b"]}")
    try:
        stream = read_json(b"".join((before, answer.body, after)), schema, batch_size=_ROOM)
        (row,) = pa.RecordBatchReader.from_stream(stream)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refusal(Kind.BROKEN, one_line(error, 200)) from error
    responses = pc.list_flatten(row.column("responses"))
    if responses.field("id").to_pylist() != list(answer.ids):
        raise Refusal(Kind.BROKEN, f"{len(responses)} answers to {len(answer.ids)} requests, or in another order")
    results = responses.field("result")
    if results.null_count or responses.field("error").null_count < len(responses):
        raise Refusal(Kind.BROKEN, "an answer without a result, or with an error")
    return results
