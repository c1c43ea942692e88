"""Transfer events of every size of amount and token id, in topics and in data; and those of ERC-1155."""

from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from assets.ethereum.tables import LOGS
from assets.ethereum.transform.token_events import (
    TRANSFER,
    TRANSFER_BATCH,
    TRANSFER_SINGLE,
    erc1155_transfers,
    token_transfers,
)

SIZES = (0, 1, 2**64 - 1, 2**64, 10**37, 2**124 - 1, 2**124, 10**38, 2**128 - 1, 2**128, 2**255, 2**256 - 1)
VALUES = st.one_of(st.sampled_from(SIZES), st.integers(0, 2**256 - 1))


OPERATOR, SENDER, RECEIVER = 0x01, 0xAB, 0xCD


def _word(value):
    return f"{value:064x}"


def _logs(*events):
    """Rows of the logs table, from each event's signature, further topics and words of data."""
    rows = []
    for at, (signature, topics, data) in enumerate(events):
        place = {"log_index": at, "transaction_index": 0, "block_number": 7, "block_date": date(2024, 1, 1)}
        hashes = {"transaction_hash": f"0x{_word(at)}", "block_hash": "0x07", "address": "0xA0"}
        listed = ",".join([signature, *(f"0x{_word(topic)}" for topic in topics)])
        rows.append(place | hashes | {"topics": listed, "data": "0x" + "".join(map(_word, data))})
    return pa.RecordBatch.from_pylist(rows, LOGS.arrow_schema)


def _transfer(value, unique):
    return (TRANSFER, [SENDER, RECEIVER, value], []) if unique else (TRANSFER, [SENDER, RECEIVER], [value])


@given(st.lists(st.tuples(VALUES, st.booleans()), max_size=12), st.integers(0, 3))
def test_amounts_and_token_ids_are_exact(transfers, skipped):
    events = _logs(*(_transfer(*transfer) for transfer in transfers))
    found = token_transfers(events.slice(skipped), [])
    assert [(row["log_index"], row["value"]) for row in found.to_pylist()] == [
        (at, str(value)) for at, (value, _) in enumerate(transfers) if at >= skipped
    ]


def test_words_count_wherever_they_stand_and_others_are_told():
    told = []
    events = _logs(
        _transfer(5, unique=False),
        (TRANSFER, [], [SENDER, RECEIVER, 2**200]),
        (TRANSFER, [SENDER], [RECEIVER]),
        ("0x" + "11" * 32, [SENDER, RECEIVER], [5]),
    )
    rows = token_transfers(events, told).to_pylist()
    assert [(row["log_index"], row["value"]) for row in rows] == [(0, "5"), (1, str(2**200))]
    assert {(row["from_address"], row["to_address"], row["token_address"]) for row in rows} == {
        (_address(SENDER), _address(RECEIVER), "0xa0")
    }
    assert told == [f"log 2 of transaction 0x{_word(2)} is a Transfer of 3 words, not 4"]


def _address(value):
    return f"0x{value:040x}"


def test_each_token_of_an_erc1155_event_is_a_row():
    told, batch, holders = [], [64, 160, 2, 11, 12, 2, 2**255, 0], [OPERATOR, SENDER, RECEIVER]
    events = _logs(
        (TRANSFER_SINGLE, holders, [2**255, 3]),
        (TRANSFER_BATCH, holders, batch),
        (TRANSFER_BATCH, holders, [64, 96, 0, 0]),
        (TRANSFER_SINGLE, holders, [1]),
        (TRANSFER_SINGLE, holders, [1, 2, 3]),
        (TRANSFER_BATCH, holders, batch[:-1]),
        (TRANSFER_BATCH, holders, [64, 128, 1, 11, 0]),
        (TRANSFER_BATCH, holders, [65, 160, *batch[2:]]),
        (TRANSFER_BATCH, holders, [64, 2**200, *batch[2:]]),
        _transfer(5, unique=False),
    )
    rows = erc1155_transfers(events, told).to_pylist()
    assert [(row["log_index"], row["batch_index"], row["token_id"], row["value"]) for row in rows] == [
        (0, 0, str(2**255), "3"),
        (1, 0, "11", str(2**255)),
        (1, 1, "12", "0"),
    ]
    assert {(row["operator"], row["from_address"], row["to_address"]) for row in rows} == {
        (_address(OPERATOR), _address(SENDER), _address(RECEIVER))
    }
    assert [int(sentence.split()[1]) for sentence in told] == [3, 4, 5, 6, 7, 8]
