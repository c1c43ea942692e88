"""Every corruption of a real block is caught by name; most of these pass the checks of today's pipelines."""

import copy

import pytest

from assets.ethereum.proofs import encodings, trie
from assets.ethereum.proofs.prover import Prover
from resources.clients.ethereum.refusals import Refusal
from resources.clients.ethereum.verdicts import given_up
from tests.standins import protocol
from tests.standins.answers import ref_of, rows_of_blocks, rows_of_receipts
from tests.standins.captured import mainnet, needs_captured_data
from tests.standins.synthetic_chain import SyntheticChain


def _ask(chain, method, *params):
    return chain.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})["result"]


@pytest.fixture(scope="module")
def pairs(recorded_chain):
    """The sample days' blocks with their receipts, those with most logs in one receipt first."""
    blocks = [_ask(recorded_chain, "eth_getBlockByNumber", hex(number), True) for number in range(7, 116)]
    found = [(block, _ask(recorded_chain, "eth_getBlockReceipts", block["hash"])) for block in blocks]
    return sorted(found, key=lambda pair: -max((len(receipt["logs"]) for receipt in pair[1]), default=0))


@pytest.fixture(scope="module")
def rich(pairs):
    return pairs[0]


def _mutated(pairs, mutate):
    """The first block that has what the mutation takes hold of, mutated."""
    for pair in pairs:
        block, receipts = copy.deepcopy(pair)
        try:
            mutate(block, receipts)
        except (StopIteration, IndexError):
            continue
        return block, receipts
    raise AssertionError("no block of the sample chain has it")


def _prove(block, receipts):
    _prove_block(block)
    _raise(Prover().prove_receipts(*rows_of_receipts(block, receipts), [ref_of(block)]))


def _prove_block(block):
    rows, answers = rows_of_blocks(block)
    _raise(Prover().prove_blocks(rows, answers))


def _raise(refused):
    for refusal in refused.values():
        raise refusal


def _receipt(receipts):
    """The receipt with most logs."""
    return max(receipts, key=lambda receipt: len(receipt["logs"]))


def _drop_last_log(block, receipts):
    _receipt(receipts)["logs"].pop()
    _renumber(receipts)


def _drop_middle_log(block, receipts):
    del _receipt(receipts)["logs"][1]
    _renumber(receipts)


def _drop_all_logs(block, receipts):
    for receipt in receipts:
        receipt["logs"] = []


def _cut_data(block, receipts):
    log = next(log for receipt in receipts for log in receipt["logs"] if len(log["data"]) > 4)
    log["data"] = log["data"][:-2]


def _duplicate_log(block, receipts):
    logs = _receipt(receipts)["logs"]
    logs.append(copy.deepcopy(logs[-1]))
    _renumber(receipts)


def _drop_transaction_with_its_logs(block, receipts):
    block["transactions"].pop()
    receipts.pop()


def _drop_one_and_duplicate_another(block, receipts):
    block["transactions"][-1] = copy.deepcopy(block["transactions"][0])
    receipts[-1] = copy.deepcopy(receipts[0])
    for at, (transaction, receipt) in enumerate(zip(block["transactions"], receipts, strict=True)):
        transaction["transactionIndex"] = receipt["transactionIndex"] = hex(at)


def _flip_status(block, receipts):
    receipts[0]["status"] = "0x0" if receipts[0]["status"] == "0x1" else "0x1"


def _change_cumulative_gas(block, receipts):
    receipts[-1]["cumulativeGasUsed"] = hex(int(receipts[-1]["cumulativeGasUsed"], 16) + 1)


def _change_address_of_log(block, receipts):
    _receipt(receipts)["logs"][0]["address"] = "0x" + "11" * 20


def _change_value(block, receipts):
    transaction = next(tx for tx in block["transactions"] if tx["value"] != "0x0")
    transaction["value"] = hex(int(transaction["value"], 16) + 1)


def _blank_input(block, receipts):
    next(tx for tx in block["transactions"] if tx["input"] != "0x")["input"] = "0x"


def _change_header(block, receipts):
    block["gasUsed"] = hex(int(block["gasUsed"], 16) - 1)


def _swap_transactions(block, receipts):
    block["transactions"].reverse()
    for at, transaction in enumerate(block["transactions"]):
        transaction["transactionIndex"] = hex(at)


def _change_topic(block, receipts):
    log = next(log for receipt in receipts for log in receipt["logs"] if log["topics"])
    log["topics"][-1] = "0x" + "22" * 32


def _change_recipient(block, receipts):
    next(tx for tx in block["transactions"] if tx["to"])["to"] = "0x" + "33" * 20


def _change_fee(block, receipts):
    transaction = next(tx for tx in block["transactions"] if tx["type"] == "0x2")
    transaction["maxFeePerGas"] = hex(int(transaction["maxFeePerGas"], 16) + 1)


def _change_transaction_hash(block, receipts):
    block["transactions"][0]["hash"] = "0x" + "44" * 32


def _change_gas_used(block, receipts):
    receipts[0]["gasUsed"] = hex(int(receipts[0]["gasUsed"], 16) + 1)


def _move_log_index(block, receipts):
    _receipt(receipts)["logs"][0]["logIndex"] = "0x3e7"


def _renumber(receipts):
    for at, log in enumerate(log for receipt in receipts for log in receipt["logs"]):
        log["logIndex"] = hex(at)


MUTATIONS = {
    _drop_last_log: "receiptsRoot",
    _drop_middle_log: "receiptsRoot",
    _drop_all_logs: "receiptsRoot",
    _cut_data: "receiptsRoot",
    _duplicate_log: "receiptsRoot",
    _drop_transaction_with_its_logs: "transactionsRoot",
    _drop_one_and_duplicate_another: "transactionsRoot",
    _flip_status: "receiptsRoot",
    _change_cumulative_gas: "receiptsRoot",
    _change_address_of_log: "receiptsRoot",
    _change_value: "transactionsRoot",
    _blank_input: "transactionsRoot",
    _change_header: "hash",
    _swap_transactions: "transactionsRoot",
    _change_topic: "receiptsRoot",
    _change_recipient: "transactionsRoot",
    _change_fee: "transactionsRoot",
    _change_transaction_hash: r"transactions\[0\].hash",
    _change_gas_used: r"receipts\[0\].gasUsed",
    _move_log_index: "positions of logs",
}


def test_the_blocks_as_they_came_prove(pairs):
    for block, receipts in pairs:
        _prove(block, receipts)
    assert len(_receipt(pairs[0][1])["logs"]) > 2


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__.strip("_"))
def test_a_corruption_is_caught_by_name(pairs, mutate):
    block, receipts = _mutated(pairs, mutate)
    with pytest.raises(Refusal, match=MUTATIONS[mutate]) as caught:
        _prove(block, receipts)
    assert f"block {int(block['number'], 16)}" in str(caught.value)


def test_a_stale_block_has_another_hash_than_its_receipts(rich, recorded_chain):
    """The block of before a reorganisation, under the new block's hash."""
    block, receipts = copy.deepcopy(rich)
    other = _ask(recorded_chain, "eth_getBlockByNumber", hex(int(block["number"], 16) - 1), True)
    stale = block | {name: other[name] for name in ("stateRoot", "timestamp")}
    with pytest.raises(Refusal, match="hash is 0x"):
        _prove(stale, receipts)


def test_a_missing_withdrawal_is_caught(rich):
    """anvil makes no withdrawals, so two are put into a block whose header is worked out anew."""
    block = copy.deepcopy(rich[0])
    block["withdrawals"] = [
        {
            "index": hex(at),
            "validatorIndex": hex(900 + at),
            "address": "0x" + f"{at:02x}" * 20,
            "amount": hex(10**7 + at),
        }
        for at in (1, 2)
    ]
    items = encodings.withdrawals(rows_of_blocks(block)[0].tables["withdrawals"].to_pydict())
    block["withdrawalsRoot"] = "0x" + trie.root(list(items)).hex()
    block["size"] = hex(protocol.block_size(block))
    (header,) = rows_of_blocks(block)[0].tables["blocks"].to_pylist()
    block["hash"] = "0x" + trie.keccak(encodings.header(header, block["mixHash"])).hex()
    for transaction in block["transactions"]:
        transaction["blockHash"] = block["hash"]
    _prove_block(block)
    for change in (
        lambda items: items.pop(),
        lambda items: items.reverse(),
        lambda items: items[0].update(amount="0x1"),
    ):
        mutated = copy.deepcopy(block)
        change(mutated["withdrawals"])
        with pytest.raises(Refusal, match="withdrawalsRoot is"):
            _prove_block(mutated)


def test_withdrawals_that_the_header_does_not_commit_to_are_refused():
    """A block of before Shanghai, whose header has no root for them."""
    block = copy.deepcopy(SyntheticChain([0, 12]).blocks[1])
    _prove_block(block)
    block["withdrawals"] = [{"index": "0x1", "validatorIndex": "0x2", "address": f"0x{7:040x}", "amount": "0x1"}]
    with pytest.raises(Refusal, match="withdrawalsRoot is None, the rows give 0x"):
        _prove_block(block)


@needs_captured_data
@pytest.mark.parametrize("number", [16000000, 16000001, 16000003, 16000004])
@pytest.mark.parametrize(
    "mutate", [_change_value, _blank_input, _change_header, _swap_transactions, _change_recipient, _change_fee]
)
def test_mainnet_blocks_prove_and_their_corruptions_do_not(number, mutate):
    block = mainnet("eth_getBlockByNumber", number)
    _prove_block(block)
    mutated = copy.deepcopy(block)
    mutate(mutated, [])
    with pytest.raises(Refusal, match=MUTATIONS[mutate]):
        _prove_block(mutated)


def test_an_unknown_type_of_transaction_is_told(rich):
    block = copy.deepcopy(rich[0])
    block["transactions"][0]["type"] = "0x7e"
    with pytest.raises(Refusal, match="type 126 cannot be encoded"):
        _prove_block(block)


def test_a_rollups_type_is_told_as_such_and_no_other_node_is_asked(pairs):
    def deposit(block, receipts):
        block["transactions"][0]["type"] = "0x7e"

    with pytest.raises(Refusal, match="0x7e is none of Ethereum's") as caught:
        _prove_block(_mutated(pairs, deposit)[0])
    told = str(given_up(caught.value.kind, str(caught.value)))
    assert "node you trust" not in told
    assert "No node can change that" in told
