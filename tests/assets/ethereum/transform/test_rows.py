"""Real blocks and receipts of several eras, the newest forks' fields, and what does not fit."""

import copy
import json

import msgspec
import pytest

from assets.ethereum.tables import BLOCKS, RECEIPTS, TRANSACTIONS
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import batch
from core.errors import InvalidAnswer
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.refusals import Refusal
from sandbox.ethereum.node import RecordedChain
from tests.standins.answers import block_batches, receipt_batches
from tests.standins.captured import execution_api, mainnet, needs_captured_data

BLOCK = {
    "number": "0x10",
    "hash": "0xaa",
    "parentHash": "0xbb",
    "timestamp": "0x659345f0",
    "miner": "0xABCDEF",
    "difficulty": hex(10**30),
    "transactions": [
        {
            "hash": "0x01",
            "nonce": "0x0",
            "blockHash": "0xaa",
            "blockNumber": "0x10",
            "transactionIndex": "0x0",
            "from": "0xAB",
            "to": None,
            "value": hex(10**38 - 1),
            "gas": "0x5208",
            "type": "0x3",
            "blobVersionedHashes": ["0x01aa", "0x01bb"],
            "accessList": [{"address": "0x1", "storageKeys": ["0x2"]}],
        }
    ],
    "withdrawals": [
        {"index": "0x1", "validatorIndex": "0x2", "address": "0xCC", "amount": "0x3b9aca00"},
        {"index": "0x2", "validatorIndex": "0x3", "address": "0xdd", "amount": "0x1"},
    ],
}


def _changed(**fields):
    block = copy.deepcopy(BLOCK)
    block["transactions"][0] |= fields
    return block


def test_values_are_exact_and_formatted_as_ethereum_etl_does():
    rows = {name: found.to_pylist() for name, found in block_batches([BLOCK], AnswerReader()).items()}
    (block,), (transaction,) = rows["blocks"], rows["transactions"]
    assert (block["number"], block["miner"], int(block["difficulty"])) == (16, "0xabcdef", 10**30)
    assert block["withdrawals"] == (
        '{"index":1,"validator_index":2,"address":"0xCC","amount":1000000000},'
        '{"index":2,"validator_index":3,"address":"0xdd","amount":1}'
    )
    assert int(transaction["value"]) == 10**38 - 1
    assert (transaction["to_address"], transaction["from_address"]) == (None, "0xab")
    assert transaction["blob_versioned_hashes"] == "0x01aa,0x01bb"
    assert transaction["access_list"] == '[{"address":"0x1","storageKeys":["0x2"]}]'
    assert [(row["index"], row["amount"], row["address"]) for row in rows["withdrawals"]] == [
        (1, 10**9, "0xcc"),
        (2, 1, "0xdd"),
    ]
    assert {str(row["block_date"]) for table in rows.values() for row in table} == {"2024-01-01"}


def test_structures_become_json_with_their_keys_sorted():
    signed = {"yParity": "0x1", "s": "0x2", "r": "0x3", "nonce": "0x4", "chainId": "0x5", "address": "0x6"}
    listed = [{"storageKeys": [], "address": "0x1"}, {"storageKeys": ["0x2", "0x3"], "address": "0x4"}]
    blocks = [
        _changed(authorizationList=[signed, signed], accessList=listed),
        _changed(authorizationList=[], accessList=[]),
        _changed(authorizationList=None, accessList=None),
    ]
    rows = [block_batches([block])[TRANSACTIONS.name].to_pylist()[0] for block in blocks]
    assert [row["authorization_list"] for row in rows] == [_sorted_json([signed, signed]), "[]", None]
    assert [row["access_list"] for row in rows] == [_sorted_json(listed), "[]", None]


def _sorted_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"value": hex(10**38)}, r"block 16: transactions.value = '1000.*' does not fit DECIMAL\(38,0\)"),
        ({"gas": hex(2**63)}, "block 16: transactions.gas = '9223372036854775808' does not fit BIGINT"),
        ({"hash": None}, "block 16: transactions.hash = 'None' is missing"),
    ],
)
def test_what_does_not_fit_names_block_field_and_value(fields, complaint):
    with pytest.raises(InvalidAnswer, match=complaint):
        block_batches([_changed(**fields)], AnswerReader())


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"nonce": "0xzz"}, "nonce of a row of transactions of block 16: '0xzz' is no number"),
        ({"blobVersionedHashes": 7}, "Expected `array .*got `int` - at `.*blobVersionedHashes`"),
        ({"value": None}, "transactions.value = 'None' is missing"),
        ({"accessList": [{"address": "0x1"}]}, "an entry of accessList lacks a field"),
        ({"authorizationList": [{"chainId": "0x1", "address": "0x1"}]}, "an entry of authorizationList lacks a field"),
    ],
)
def test_what_is_malformed_is_refused(fields, complaint):
    with pytest.raises((Refusal, InvalidAnswer), match=complaint):
        block_batches([_changed(**fields)])


def test_unknown_fields_are_reported_and_known_ones_are_not():
    report = AnswerReader()
    block_batches([_changed(novelty="0x1", v="0x1", mintedBy="x") | {"laterRoot": "0x"}], report)
    assert report.unknown == {"transactions.novelty", "transactions.mintedBy", "blocks.laterRoot"}


@pytest.mark.parametrize("proofs", [True, False])
def test_unknown_fields_of_a_rare_type_are_reported_wherever_they_stand(proofs):
    report = AnswerReader(proofs=proofs)
    block_batches([BLOCK, BLOCK], report)
    block_batches([BLOCK, BLOCK, _changed(type="0x7f", novelty="0x1")], report)
    receipts = [{"transactionHash": f"0x{at}", "type": type_, "logs": []} for at, type_ in enumerate(("0x0", "0x7f"))]
    receipts[1]["oddity"] = "0x1"
    report.receipts(Answer.of([msgspec.json.encode([receipt]) for receipt in receipts]))
    assert report.unknown == {"transactions.novelty", "receipts.oddity"}


def test_the_sample_chain_has_no_unknown_fields(recorded_chain: RecordedChain):
    report = AnswerReader()
    for number in range(recorded_chain.head + 1):
        ask = {"jsonrpc": "2.0", "id": 1, "params": [hex(number), True]}
        block = recorded_chain.answer(ask | {"method": "eth_getBlockByNumber"})["result"]
        receipts = recorded_chain.answer(ask | {"method": "eth_getBlockReceipts"})["result"]
        block_batches([block], report)
        if receipts:
            receipt_batches(receipts, reader=report)
    # Foundry's own additions; totalDifficulty of anvil is taken by its column.
    assert report.unknown == set()


def test_an_empty_batch_has_the_schema():
    assert batch(BLOCKS, {column.name: [] for column in BLOCKS.columns}).schema == BLOCKS.arrow_schema


@needs_captured_data
@pytest.mark.parametrize("number", [16000000, 16000001, 16000003, 16000004])
def test_mainnet_blocks(number):
    block, report = mainnet("eth_getBlockByNumber", number), AnswerReader()
    batches = block_batches([block], report)
    rows = batches[TRANSACTIONS.name].to_pylist()
    assert [row["transaction_index"] for row in rows] == list(range(len(block["transactions"])))
    assert [int(row["value"]) for row in rows] == [int(tx["value"], 16) for tx in block["transactions"]]
    assert report.unknown == set()


@needs_captured_data
@pytest.mark.parametrize("number", [4306306, 18100000, 18100010, 20000010])
def test_mainnet_receipts(number):
    receipts, report = mainnet("eth_getBlockReceipts", number), AnswerReader()
    batches = receipt_batches(receipts, reader=report)
    rows = batches[RECEIPTS.name].to_pylist()
    assert [row["gas_used"] for row in rows] == [int(receipt["gasUsed"], 16) for receipt in receipts]
    assert all((row["status"] is None) == (row["root"] is not None) for row in rows)
    assert batches["logs"].num_rows == sum(len(receipt["logs"]) for receipt in receipts)
    assert report.unknown == set()


@needs_captured_data
@pytest.mark.parametrize("fork", ["genesis", "block-london-fork", "block-merge-fork", "block-shanghai-fork"])
def test_blocks_of_older_forks(fork):
    _assert_all_fields_taken(fork)


@needs_captured_data
@pytest.mark.parametrize(
    ("fork", "column"), [("block-cancun-fork", "parent_beacon_block_root"), ("block-prague-fork", "requests_hash")]
)
def test_blocks_of_the_newest_forks(fork, column):
    assert _assert_all_fields_taken(fork)[column]


def _assert_all_fields_taken(fork):
    _, response = execution_api("eth_getBlockByNumber", f"get-{fork}")
    block, report = response["result"], AnswerReader()
    full = block | {"transactions": []}  # these cases hold hashes only
    (row,) = block_batches([full], report)[BLOCKS.name].to_pylist()
    assert report.unknown == set()
    assert row["number"] == int(block["number"], 16)
    return row


@needs_captured_data
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("get-legacy-tx", "gas_price"),
        ("get-access-list", "access_list"),
        ("get-dynamic-fee", "max_fee_per_gas"),
        ("get-blob-tx", "blob_versioned_hashes"),
        ("get-setcode-tx", "authorization_list"),
    ],
)
def test_transactions_of_every_type(name, column):
    _, response = execution_api("eth_getTransactionByHash", name)
    transaction, report = response["result"], AnswerReader()
    block = BLOCK | {"transactions": [transaction | {"blockHash": BLOCK["hash"]}]}
    (row,) = block_batches([block], report)[TRANSACTIONS.name].to_pylist()
    assert row[column] not in (None, "")
    assert row["transaction_type"] == int(transaction["type"], 16)
    assert report.unknown == set()
