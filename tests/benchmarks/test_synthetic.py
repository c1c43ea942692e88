"""The synthetic chain is a chain: linked, reproducible, with every kind of content, and true to its headers."""

import json
from itertools import pairwise

import pytest

from assets.ethereum.proofs.prover import Prover
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import block_rows, receipt_rows
from assets.ethereum.transform.token_events import TRANSFER
from benchmarks.synthetic import DAY, SyntheticChain
from core.windows import day_of
from resources.clients.ethereum.endpoints import Answer
from tests.standins.answers import ref_of

BLOCKS = 12


@pytest.fixture(scope="module")
def chain():
    return SyntheticChain(BLOCKS, distinct=5)


@pytest.fixture(scope="module")
def blocks(chain):
    numbers = range(chain.first, chain.head + 1)
    return [json.loads(chain.answers(number).block(chain.at(number), full=True)) for number in numbers]


@pytest.fixture(scope="module")
def receipts(chain):
    numbers = range(chain.first, chain.head + 1)
    return [json.loads(chain.answers(number).receipts(chain.at(number))) for number in numbers]


def _hex(data):
    return "0x" + data.hex()


def test_every_commitment_holds_for_the_exported_rows(chain):
    reader, prover = AnswerReader(), Prover()
    numbers = range(chain.first, chain.first + 6)
    places, held = [chain.at(number) for number in numbers], [chain.answers(number) for number in numbers]
    answers = reader.blocks(Answer.of([one.block(place, full=True) for one, place in zip(held, places, strict=True)]))
    rows = block_rows(answers)
    assert prover.prove_blocks(rows, answers) == {}
    refs = [ref_of(json.loads(one.block(place, full=True))) for one, place in zip(held, places, strict=True)]
    answers = reader.receipts(Answer.of([one.receipts(place) for one, place in zip(held, places, strict=True)]))
    assert prover.prove_receipts(receipt_rows(answers, refs), answers, refs) == {}
    assert prover.senders == rows.tables["transactions"].num_rows
    assert prover.blocks == 12  # once for the block, once for its receipts
    assert not reader.unknown


def test_blocks_are_linked_and_fill_the_day(chain, blocks):
    assert all(above["parentHash"] == below["hash"] for below, above in pairwise(blocks))
    days = [day_of(int(block["timestamp"], 16)) for block in blocks]
    assert days.count(DAY) == BLOCKS == chain.last - chain.first + 1
    assert chain.last < chain.finalized < chain.head
    assert day_of(chain.distant(chain.first - 1).timestamp) < DAY
    assert blocks[0]["parentHash"] == chain.distant(chain.first - 1).hash


def test_the_items_belong_to_their_block(blocks, receipts):
    for block, answers in zip(blocks, receipts, strict=True):
        items = [*block["transactions"], *answers, *(log for receipt in answers for log in receipt["logs"])]
        assert {(item["blockHash"], item["blockNumber"]) for item in items} == {(block["hash"], block["number"])}
        logs = [log for receipt in answers for log in receipt["logs"]]
        assert [int(log["logIndex"], 16) for log in logs] == list(range(len(logs)))


def test_every_kind_of_content_is_there(blocks, receipts):
    transactions = [tx for block in blocks for tx in block["transactions"]]
    assert {tx["type"] for tx in transactions} == {"0x0", "0x1", "0x2", "0x3", "0x4"}
    assert all(tx["blobVersionedHashes"] for tx in transactions if tx["type"] == "0x3")
    assert all(tx["authorizationList"] for tx in transactions if tx["type"] == "0x4")
    assert any(tx.get("accessList") for tx in transactions if tx["type"] == "0x1")
    assert any(tx["to"] is None for tx in transactions)
    answers = [receipt for found in receipts for receipt in found]
    assert {receipt["status"] for receipt in answers} == {"0x0", "0x1"}
    assert any(receipt["contractAddress"] for receipt in answers)
    logs = [log for receipt in answers for log in receipt["logs"]]
    assert {len(log["topics"]) for log in logs} == {1, 2, 3, 4}
    assert 0.3 < sum(log["topics"][0] == TRANSFER for log in logs) / len(logs) < 0.8
    assert all(len(block["withdrawals"]) == 16 for block in blocks)
    assert {int(block["logsBloom"], 16) > 0 for block in blocks} == {True}


def test_the_sizes_are_mainnets():
    chain = SyntheticChain(30, distinct=30, seed=5)
    numbers = range(chain.first, chain.last + 1)
    held = [chain.answers(number) for number in numbers]
    sizes = [
        len(one.block(chain.at(at), full=True)) + len(one.receipts(chain.at(at)))
        for at, one in zip(numbers, held, strict=True)
    ]
    assert 165 < sum(len(one.of.hashes) for one in held) / 30 < 195
    assert 310 < sum(one.of.logs for one in held) / 30 < 410
    assert 560_000 < sum(sizes) / 30 < 680_000


def test_the_same_seed_makes_the_same_chain(chain):
    again, another = SyntheticChain(BLOCKS, distinct=5), SyntheticChain(BLOCKS, distinct=5, seed=2)
    assert again.at(again.head) == chain.at(chain.head)
    assert another.at(another.head).hash != chain.at(chain.head).hash
