"""Ether's own logs: a table of their own, and no token."""

import pyarrow as pa
import pytest

from assets.ethereum.tables import LOGS
from assets.ethereum.transform.ether import ether_transfers, without_ether
from assets.ethereum.transform.token_events import token_transfers
from core.errors import InvalidAnswer
from tests.standins import amsterdam
from tests.standins.amsterdam import AFTER, BEFORE, ETHER, TOKEN, TRANSFER, USERS, AmsterdamChain, ether, log, word
from tests.standins.answers import receipt_batches


def _logs(*logs):
    rows = [
        {"log_index": at, "transaction_hash": "0x1", "transaction_index": 0, "block_hash": "0x2", "block_number": 5}
        | {"address": entry["address"], "data": entry["data"], "topics": ",".join(entry["topics"]), "block_date": AFTER}
        for at, entry in enumerate(logs)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=LOGS.arrow_schema)


def test_movements_and_burnings_are_rows_and_no_token_is_made_of_them():
    chain = AmsterdamChain()
    logs = receipt_batches(chain.receipts[chain.numbers(AFTER)[0]])[LOGS.name]
    left_out = []
    rows = ether_transfers(logs, left_out).to_pylist()
    contract = amsterdam.CONTRACT
    assert [(row["from_address"], row["to_address"], row["value"]) for row in rows] == [
        (USERS[0], USERS[1], 40 * ETHER),
        (USERS[2], contract, 3),
        (contract, USERS[3], 1),
        (contract, None, 9),
    ]
    assert len({(row["block_number"], row["log_index"]) for row in rows}) == len(rows)
    tokens = token_transfers(logs, left_out).to_pylist()
    assert {row["token_address"] for row in tokens} == {TOKEN, amsterdam.COLLECTIBLE}
    assert left_out == []


def test_before_the_fork_there_is_none_and_the_tokens_are_the_same():
    chain = AmsterdamChain()
    before, after = (receipt_batches(chain.receipts[chain.numbers(day)[0]])[LOGS.name] for day in (BEFORE, AFTER))
    assert ether_transfers(before, []).num_rows == 0
    names = ["token_address", "from_address", "to_address", "value"]
    assert token_transfers(before, []).select(names) == token_transfers(after, []).select(names)


@pytest.mark.parametrize("topic", ["Selfdestruct(address,uint256)", "Burn(address,uint256)"])
def test_a_burning_by_either_of_its_names(topic):
    burnt = log(
        amsterdam.ETHER_ADDRESS, [amsterdam.protocol.to_hex(amsterdam.keccak(topic.encode())), word(TOKEN)], word(7)
    )
    assert [(row["to_address"], row["value"]) for row in ether_transfers(_logs(burnt), []).to_pylist()] == [(None, 7)]


def test_letter_case_does_not_make_a_token_of_it():
    moved = ether(USERS[0], USERS[1], 5)
    shouted = moved | {"address": "0x" + moved["address"][2:].upper()}
    assert ether_transfers(_logs(moved, shouted), []).num_rows == 2
    assert token_transfers(_logs(moved, shouted), []).num_rows == 0
    assert without_ether(_logs(shouted), "address").num_rows == 0


@pytest.mark.parametrize("value", [0, 1, 10**38 - 1, 2**64, 120_000_000 * ETHER])
def test_amounts_are_exact(value):
    (row,) = ether_transfers(_logs(ether(USERS[0], USERS[1], value)), []).to_pylist()
    assert row["value"] == value


@pytest.mark.parametrize("value", [10**38, 2**127, 2**128, 2**256 - 1])
def test_more_than_there_is_of_it_is_refused_by_name(value):
    logs = _logs(ether(USERS[0], USERS[1], 1), ether(USERS[0], USERS[1], value))
    with pytest.raises(InvalidAnswer, match=r"block 5: ether_transfers.value of log [01] .* does not fit DECIMAL"):
        ether_transfers(logs, [])


def test_another_log_of_the_address_is_told():
    strange = log(amsterdam.ETHER_ADDRESS, [word(1)], word(7))
    short = log(amsterdam.ETHER_ADDRESS, [TRANSFER, word(USERS[0]), word(USERS[1])], "0x07")
    left_out = []
    assert ether_transfers(_logs(strange, short), left_out).num_rows == 0
    assert [sentence.split(" is of ether")[0] for sentence in left_out] == [
        "log 0 of transaction 0x1",
        "log 1 of transaction 0x1",
    ]
