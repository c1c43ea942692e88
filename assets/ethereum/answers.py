"""The node's answers as typed objects, decoded in one pass, with every field that the tables or the proofs need.

The types follow from the table declarations. A field that nothing takes is noticed by the strict decoding; from then
on answers are decoded leniently, and one in ``SAMPLED`` is looked through for more such fields.
"""

import re
from collections.abc import Collection, Mapping
from itertools import count
from keyword import iskeyword
from typing import Any

import msgspec

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.tables import Column, Table
from resources.clients.transports import Kind, Refusal

SAMPLED = 20

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
_STRUCTURES = {"accessList", "authorizationList"}


def attribute(source: str) -> str:
    """The attribute that holds a field: its name, unless Python reserves it."""
    return f"{source}_" if iskeyword(source) else source


def _type_of(column: Column | None, source: str) -> Any:
    if source in _STRUCTURES:
        return Any
    return list[str] | None if column and column.joined else str | None


def _struct(table: Table, children: Mapping[str, Any], strict: bool) -> Any:
    columns = {column.source: column for column in table.columns if column.source}
    taken = sorted((columns.keys() | PROOF_FIELDS[table.name]) - children.keys())
    # A block before Shanghai has no list of withdrawals.
    fields: list[Any] = [
        (name, list[kind] | None, msgspec.field(default=None))  # type: ignore[valid-type]
        for name, kind in children.items()
    ]
    for source in taken:
        field = msgspec.field(default=None, name=source)
        fields.append((attribute(source), _type_of(columns.get(source), source), field))
    if strict:
        skipped = IGNORED_FIELDS[table.name] - columns.keys() - children.keys()
        fields += [(attribute(name), msgspec.Raw, msgspec.field(default=msgspec.Raw(), name=name)) for name in skipped]
    return msgspec.defstruct(table.name.capitalize(), fields, forbid_unknown_fields=strict, gc=False)


def _decoders(strict: bool) -> tuple[msgspec.json.Decoder, msgspec.json.Decoder]:
    transaction = _struct(TRANSACTIONS, {}, strict)
    withdrawal = _struct(WITHDRAWALS, {}, strict)
    log = _struct(LOGS, {}, strict)
    block = _struct(BLOCKS, {"transactions": transaction, "withdrawals": withdrawal}, strict)
    receipt = _struct(RECEIPTS, {"logs": log}, strict)
    return msgspec.json.Decoder(block), msgspec.json.Decoder(list[receipt | None])  # type: ignore[valid-type]


_STRICT, _LENIENT = _decoders(strict=True), _decoders(strict=False)
_BLOCK, _RECEIPTS = 0, 1


class AnswerReader:
    """Decodes blocks and receipts, and collects the names of fields that no column takes."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self._seen = count()

    def block(self, raw: bytes | msgspec.Raw) -> Any:
        """A block with full transactions.

        Raises:
            Refusal: when the answer has another shape.
        """
        return self._decode(_BLOCK, raw)

    def receipts(self, raw: bytes | msgspec.Raw) -> list[Any]:
        """A block's receipts with their logs; an item is None where the node does not have it yet.

        Raises:
            Refusal: when the answer has another shape.
        """
        return self._decode(_RECEIPTS, raw)

    def _decode(self, kind: int, raw: bytes | msgspec.Raw) -> Any:
        if not self.unknown:
            try:
                return _STRICT[kind].decode(raw)
            except msgspec.ValidationError as error:
                if "unknown field" not in str(error):
                    raise _misshapen(error) from error
                self._note(kind, raw)
        elif next(self._seen) % SAMPLED == 0:
            self._note(kind, raw)
        try:
            return _LENIENT[kind].decode(raw)
        except msgspec.ValidationError as error:
            raise _misshapen(error) from error

    def _note(self, kind: int, raw: bytes | msgspec.Raw) -> None:
        found = msgspec.json.decode(raw)
        if kind == _BLOCK:
            self._compare(BLOCKS, [found], {"transactions", "withdrawals"})
            self._compare(TRANSACTIONS, found["transactions"])
            self._compare(WITHDRAWALS, found.get("withdrawals") or [])
        else:
            receipts = [receipt for receipt in found if receipt]
            self._compare(RECEIPTS, receipts, {"logs"})
            self._compare(LOGS, [log for receipt in receipts for log in receipt["logs"]])

    def _compare(self, table: Table, records: list[dict[str, Any]], children: Collection[str] = ()) -> None:
        known = {column.source for column in table.columns} | PROOF_FIELDS[table.name] | IGNORED_FIELDS[table.name]
        for record in records:
            self.unknown.update(f"{table.name}.{name}" for name in record.keys() - known - set(children))


def _misshapen(error: Exception) -> Refusal:
    return Refusal(Kind.BROKEN, re.sub(r"\s+", " ", str(error))[:200])
