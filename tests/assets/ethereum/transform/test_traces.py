"""Traces of both kinds of node, state changes, contracts and what tokens say, beyond the captured cases."""

from datetime import date

import pyarrow as pa
import pytest

from assets.ethereum.tables import TRACES
from assets.ethereum.transform.contracts import TRACE_COLUMNS, contracts, function_selectors
from assets.ethereum.transform.state_changes import mainnet_state_changes, require_mainnet
from assets.ethereum.transform.tokens import CALLS, token_batch
from assets.ethereum.transform.traces import geth_traces, parity_traces, state_changes, trace_batch, unknown_fields
from core.errors import InvalidAnswer, SettingError
from tests.standins.captured import mainnet, needs_captured_data

DAY = date(2024, 1, 2)


def _call(path, error=None, kind="call"):
    return {
        "action": {"from": "0xAA", "to": "0xBB", "callType": "call", "value": "0x1", "gas": "0x5", "input": "0x"},
        "blockNumber": 7,
        "transactionHash": "0x01",
        "transactionPosition": 0,
        "traceAddress": path,
        "subtraces": 0,
        "type": kind,
        "error": error,
        "result": None if error else {"gasUsed": "0x1", "output": "0x", "address": "0xCC", "code": "0x00"},
    }


def test_what_stands_inside_a_failed_call_failed_whatever_the_order():
    rows = parity_traces([_call([0, 0]), _call([0], "Reverted"), _call([]), _call([1])])
    assert {tuple(row["trace_address"]): row["status"] for row in rows} == {(): 1, (0,): 0, (0, 0): 0, (1,): 1}


def test_a_trace_without_its_parent_is_an_error():
    with pytest.raises(InvalidAnswer, match=r"Trace \[0, 0\] of block 7 came without its parent"):
        parity_traces([_call([]), _call([0, 0])])


def test_a_transaction_the_node_could_not_trace_is_an_error():
    with pytest.raises(InvalidAnswer, match=r"could not trace transaction 1 of block 9: .*missing trie node"):
        geth_traces(9, [{"result": {"type": "CALL"}}, {"error": "missing trie node"}])
    with pytest.raises(InvalidAnswer) as told:
        geth_traces(9, [{"error": "missing\n" * 10_000}])
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500


def test_contracts_of_failed_creations_are_left_out():
    created = [_call([], kind="create"), _call([0], "out of gas", "create"), _call([1], kind="create")]
    rows = trace_batch(parity_traces(created), DAY)
    found = contracts(pa.Table.from_batches([rows]).select(TRACE_COLUMNS))
    assert found.column("address").to_pylist() == ["0xcc", "0xcc"]


def test_selectors_are_read_from_the_first_basic_block_only():
    code = "0x" + "63aabbccdd" + "7f" + "63" * 32 + "6300112233" + "5b" + "63deadbeef"
    assert function_selectors(code) == ["0x00112233", "0xaabbccdd"]
    assert function_selectors("0x") == function_selectors(None) == []
    assert function_selectors("0x63aabb") == ["0xaabb"]  # code may end inside a push


def _word(number):
    return f"{number:064x}"


def _string(raw):
    return "0x" + _word(32) + _word(len(raw)) + raw.hex().ljust(-(-len(raw) // 32) * 64, "0")


def _token(**answers):
    said = dict.fromkeys(CALLS) | answers
    contract = {"address": "0xaa", "block_number": 7, "block_date": DAY}
    return token_batch([contract], [[said[call] for call in CALLS]]).to_pylist()[0]


SYMBOL, UPPER_SYMBOL, NAME, UPPER_NAME, DECIMALS, UPPER_DECIMALS, TOTAL_SUPPLY = CALLS


@pytest.mark.parametrize(
    ("answer", "symbol"),
    [
        (_string(b"ABC"), "ABC"),
        (_string(b'A\nB,"C"'), 'A\nB,"C"'),
        (_string(b"A\0B"), "AB"),
        ("0x" + b"OLD".hex().ljust(64, "0"), "OLD"),
        ("0x" + (b"\xff" * 32).hex(), None),
        ("0x", None),
        ("0x1234", None),
        (None, None),
        (_string(b""), ""),
    ],
)
def test_symbols_in_every_shape(answer, symbol):
    assert _token(**{SYMBOL: answer})["symbol"] == symbol


def test_old_names_are_asked_second_and_numbers_are_exact():
    huge = 2**256 - 1
    token = _token(**{
        UPPER_NAME: _string(b"LOUD"), UPPER_DECIMALS: "0x" + _word(8), TOTAL_SUPPLY: "0x" + _word(huge),
    })  # fmt: skip
    assert (token["name"], token["decimals"], token["total_supply"]) == ("LOUD", 8, str(huge))
    assert _token(**{DECIMALS: "0x" + _word(256)})["decimals"] is None


def test_genesis_and_the_dao_fork():
    changes = mainnet_state_changes(["genesis", "daofork"])
    assert {number: len(rows) for number, rows in changes.items()} == {0: 8893, 1_920_000: 116}
    assert sum(row["value"] for row in changes[0]) == 72_009_990_499_480_000_000_000_000
    rows = trace_batch(state_changes(changes[0]), DAY)
    assert rows.schema == TRACES.arrow_schema
    assert set(rows.column("status").to_pylist()) == {1}
    assert len(set(rows.column("trace_id").to_pylist())) == 8893
    assert mainnet_state_changes([]) == {}
    with pytest.raises(SettingError, match="ETHEREUM_STATE_CHANGES: merge unknown; use genesis or daofork"):
        mainnet_state_changes(["merge"])


@needs_captured_data
@pytest.mark.parametrize("number", [1000004, 6500000, 15537394])
def test_mainnet_traces(number):
    answer = mainnet("trace_block", number)
    rows = trace_batch(parity_traces(answer), DAY)
    assert rows.num_rows == len(answer)
    assert len(set(rows.column("trace_id").to_pylist())) == len(answer)
    assert rows.column("trace_type").to_pylist() == [trace["type"] for trace in answer]


def test_fields_that_no_column_takes_are_named():
    created = {"type": "create", "action": {"creationMethod": "create2", "from": "0x11", "init": "0x"}, "result": None}
    called = {"type": "CALL", "from": "0x11", "to": "0x22", "input": "0x", "revertReason": "no"}
    inner = {"txHash": "0x1", "result": called | {"calls": [called | {"logs": []}]}}
    assert unknown_fields([created]) == {"traces.action.creationMethod"}
    assert unknown_fields([inner]) == {"traces.revertReason", "traces.logs"}
    assert unknown_fields([_call([]), _call([0], "Reverted")]) == set()


@pytest.mark.parametrize("chain", [31337, 61])
def test_mainnets_balance_changes_are_of_mainnet_only(chain):
    with pytest.raises(SettingError, match=rf"ETHEREUM_STATE_CHANGES=genesis: .* the node is of chain id {chain}"):
        require_mainnet(["genesis"], lambda: chain)
    require_mainnet(["genesis", "daofork"], lambda: 1)
    require_mainnet([], lambda: pytest.fail("nothing to add, so nothing to ask"))
