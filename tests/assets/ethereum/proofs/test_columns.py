"""Nothing is published unproved: when a field of an answer is changed, the block is refused or the rows stay the same,
or the column is declared to be the node's word."""

import functools
from types import SimpleNamespace

import msgspec
import pytest

from assets.ethereum.extract.exports import read_blocks
from assets.ethereum.extract.receipts import read_receipts
from assets.ethereum.proofs.prover import Prover
from assets.ethereum.tables import BLOCKS, LOGS, NODES_WORD, PROVED, RECEIPTS, RECOMPUTED, TRANSACTIONS, WITHDRAWALS
from assets.ethereum.transform.answers import REPEATED_FIELDS, AnswerReader
from core.errors import InvalidAnswer
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.refusals import Refusal
from tests.standins.amsterdam import AFTER, BEFORE, AmsterdamChain
from tests.standins.answers import ref_of

TABLES = (BLOCKS, TRANSACTIONS, WITHDRAWALS, RECEIPTS, LOGS)
OF_THE_BLOCK = (BLOCKS, TRANSACTIONS, WITHDRAWALS)
FIELDS = [(table, column) for table in TABLES for column in table.columns if column.source]
CHAIN = AmsterdamChain()
PROVER = Prover()
# Values that say the same: clients send the one or the other.
SAME = {
    "transaction_type": {None, 0},
    "access_list": {None, "[]"},
    "authorization_list": {None, "[]"},
    "blob_versioned_hashes": {None, ""},
    "blob_gas_used": {None, 0},
}
# What the declarations themselves say nobody can prove.
UNPROVABLE = {"total_difficulty", "l1_fee", "l1_gas_used", "l1_gas_price", "l1_fee_scalar"}


def _export(prover=PROVER):
    return SimpleNamespace(reader=AnswerReader(), prover=prover, verify="full", proves=True)


def _read(number, block, receipts, of_block, prover=PROVER):
    """The rows that the export would publish of a block or of its receipts, by table; an error if it refuses."""
    if of_block:
        (found,) = read_blocks(_export(prover), False, [number], _answer(block))
    else:
        (found,) = read_receipts(_export(prover), [_ref(number)], _answer(receipts))
    if isinstance(found, Refusal):
        raise found
    return {name: rows.slice(start, stop - start).to_pylist() for name, (rows, start, stop) in found.tables.items()}


@functools.cache
def _ref(number):
    return ref_of(CHAIN.blocks[number])


def _answer(result):
    return Answer.of([msgspec.json.encode(result)])


def _copied(*answers):
    """Copies to change, a tenth of the work of ``copy.deepcopy``."""
    return msgspec.json.decode(msgspec.json.encode(answers))


def _items(table, block, receipts):
    """The objects of an answer that are rows of the table."""
    return {
        BLOCKS.name: [block],
        TRANSACTIONS.name: block["transactions"],
        WITHDRAWALS.name: block["withdrawals"],
        RECEIPTS.name: receipts,
        LOGS.name: [log for receipt in receipts for log in receipt["logs"]],
    }[table.name]


def _others(value):
    """Other values that a node might send in place of one."""
    if value is None:
        return ["0x1", "1.5", "0x" + "11" * 20, "0x" + "22" * 32, ["0x" + "33" * 32]]
    if isinstance(value, list):
        return [None, value[:-1], [*value, *value], []] if value else [None, ["0x" + "33" * 32]]
    raised = "0x" + f"{int(value, 16) + 1:x}".rjust(len(value) - 2, "0") if len(value) > 2 else "0x01"
    return [None, raised, value[:-2] or "0x0", value + "00", "0x" + "f" * (len(value) - 2)]


@pytest.mark.parametrize(("table", "column"), FIELDS, ids=lambda it: it.name)
def test_a_changed_field_is_refused_or_changes_nothing_or_is_declared(table, column):
    of_block, caught, slipped = table in OF_THE_BLOCK, 0, []
    for number in (CHAIN.numbers(BEFORE)[0], CHAIN.numbers(AFTER)[0]):
        block, receipts = CHAIN.blocks[number], CHAIN.receipts[number]
        honest = _read(number, block, receipts, of_block)
        for at, item in enumerate(_items(table, block, receipts)):
            for value in _others(item.get(column.source)):
                if value == item.get(column.source):
                    continue
                changed = _copied(block, receipts)
                _items(table, *changed)[at][column.source] = value
                try:
                    rows = _read(number, *changed, of_block)
                except (Refusal, InvalidAnswer):
                    caught += 1
                    continue
                if different := _different(honest, rows):
                    slipped.append((at, item.get(column.source), value, different))
    if column.trust == NODES_WORD:
        assert slipped, "declared to be the node's word, and yet nothing slips through"
        assert all(names == {column.name} for *_, names in slipped)
    else:
        assert not slipped
        assert caught or column.source in REPEATED_FIELDS[table.name]  # which are not read at all


def _different(honest, rows):
    """The columns whose values are not the honest ones."""
    return {
        name
        for table, expected in honest.items()
        for one, other in zip(expected, rows[table], strict=True)
        for name in one
        if one[name] != other[name] and not {one[name], other[name]} <= SAME.get(name, set())
    }


def test_every_column_says_how_it_is_known():
    for table in TABLES:
        assert {column.trust for column in table.columns} <= {PROVED, RECOMPUTED, NODES_WORD}
        assert all(column.trust in column.comment for column in table.columns)
    assert {column.name for table in TABLES for column in table.columns if column.trust == NODES_WORD} == UNPROVABLE


def test_without_recomputing_only_the_roots_bind():
    block, receipts = _copied(CHAIN.blocks[5], CHAIN.receipts[5])
    block["transactions"][2]["from"] = "0x" + "11" * 20
    assert _read(5, block, receipts, True, Prover(recomputes=False))
    block["transactions"][2]["value"] = "0x7"
    with pytest.raises(Refusal, match="transactionsRoot"):
        _read(5, block, receipts, True, Prover(recomputes=False))


def test_every_block_of_a_batch_that_differs_is_refused_and_only_these():
    prover, blocks = Prover(), _copied(*(CHAIN.blocks[number] for number in CHAIN.numbers(AFTER)))
    blocks[0]["transactions"][8]["from"] = blocks[2]["transactions"][0]["from"] = "0x" + "11" * 20
    export, numbers = _export(prover), [int(block["number"], 16) for block in blocks]
    found = read_blocks(export, False, numbers, Answer.of([msgspec.json.encode(block) for block in blocks]))
    assert [isinstance(one, Refusal) for one in found] == [True, False, True]
    assert f"block {numbers[0]}: transactions[8].from is 0x1111" in str(found[0])
    assert f"block {numbers[2]}: transactions[0].from is 0x1111" in str(found[2])


@pytest.mark.parametrize(
    ("table", "at", "field", "value"),
    [
        (TRANSACTIONS, 0, "from", "0x" + "11" * 20),
        (TRANSACTIONS, 3, "gasPrice", "0x1"),
        (BLOCKS, 0, "size", "0x10"),
        (RECEIPTS, 7, "contractAddress", "0x" + "22" * 20),
        (RECEIPTS, 8, "contractAddress", None),  # of a creation that failed
        (RECEIPTS, 2, "effectiveGasPrice", "0x1"),
        (RECEIPTS, 5, "blobGasPrice", "0x1"),
        (RECEIPTS, 5, "blobGasUsed", "0x20000"),
        (RECEIPTS, 1, "root", "0x" + "33" * 32),
    ],
)
def test_the_refusal_names_block_and_field(table, at, field, value):
    block, receipts = _copied(CHAIN.blocks[5], CHAIN.receipts[5])
    _items(table, block, receipts)[at][field] = value
    stated = int(value, 16) if value and len(value) < 40 else value
    with pytest.raises(Refusal, match=rf"block 5: ({table.name}\[{at}\]\.)?{field} is {stated}"):
        _read(5, block, receipts, table in OF_THE_BLOCK)
