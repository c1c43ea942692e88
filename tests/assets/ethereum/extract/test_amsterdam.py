"""The fork Amsterdam: its headers, real and synthetic ones, and what a node leaves out."""

import json
import time

import pyarrow.parquet as pq
import pytest

from assets.ethereum.extract.exports import Export, export_blocks
from assets.ethereum.proofs import encodings, trie
from assets.ethereum.tables import BLOCKS
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.slots import slot_of
from core.errors import CommitmentMismatch
from resources.clients.ethereum.node import EthereumNode
from tests.standins.amsterdam import AFTER, BEFORE, AmsterdamChain
from tests.standins.answers import rows_of_blocks
from tests.standins.captured import DATA, needs_captured_data
from tests.standins.clock import ManualClock
from tests.standins.faulty_node import FaultyNode


def _blocks(chain, *days):
    """What the export spools of the days, as rows."""
    with FaultyNode(chain.answer) as server:
        export = Export(EthereumNode(server.uri, clock=ManualClock()), lambda line: None, time.monotonic)
        spooled = export_blocks(export, days)[BLOCKS.name]
        return [row for day in spooled.days for row in _rows(day)], export.reader.unknown


def _rows(day):
    return [row for file in day.files for row in pq.ParquetFile(file.path).read().to_pylist()]


@needs_captured_data
@pytest.mark.parametrize(("name", "slot"), [("header_last_before", None), ("header_first_after", 0xC0)])
def test_real_headers_on_both_sides_of_the_fork(name, slot):
    header = json.loads((DATA / "amsterdam" / f"{name}.json").read_text())
    reader = AnswerReader()
    rows, _ = rows_of_blocks(header | {"transactions": [], "withdrawals": [], "size": "0x300"}, reader=reader)
    (row,) = rows.tables[BLOCKS.name].to_pylist()
    assert "0x" + trie.keccak(encodings.header(row, header["mixHash"])).hex() == header["hash"]
    assert (row["slot_number"], row["block_access_list_hash"]) == (slot, header.get("blockAccessListHash"))
    assert reader.unknown == set()


def test_days_before_and_after_the_fork_are_exported_and_proved():
    chain = AmsterdamChain()
    rows, unknown = _blocks(chain, BEFORE, AFTER)
    assert [row["number"] for row in rows] == list(range(chain.head))
    for row, block in zip(rows, chain.blocks, strict=False):
        assert row["hash"] == block["hash"]
        assert row["block_access_list_hash"] == block.get("blockAccessListHash")
        assert row["slot_number"] == (int(block["slotNumber"], 16) if "slotNumber" in block else None)
    assert [row["slot_number"] is None for row in rows] == [row["block_date"] == BEFORE for row in rows]
    assert unknown == set()


def test_slots_that_a_node_of_mainnet_leaves_out_follow_from_the_time():
    rows, _ = _blocks(AmsterdamChain(sends_slots=False), AFTER)
    assert rows == _blocks(AmsterdamChain(), AFTER)[0]
    assert all(row["slot_number"] == (row["timestamp"] - 1_606_824_023) // 12 for row in rows)


def test_on_another_chain_the_node_is_told_what_it_leaves_out():
    with pytest.raises(CommitmentMismatch, match=r"block 4: the node leaves out slotNumber, a field that the hash"):
        _blocks(AmsterdamChain(chain_id=11_155_111, sends_slots=False), AFTER)


@pytest.mark.parametrize(("field", "told"), [("slotNumber", "hash is"), ("blockAccessListHash", "hash is")])
def test_a_changed_field_of_the_fork_is_caught(field, told):
    chain = AmsterdamChain()
    chain.blocks[5] |= {field: hex(int(chain.blocks[5][field], 16) + 1)}
    with pytest.raises(CommitmentMismatch, match=f"block 5: {told}"):
        _blocks(chain, AFTER)


def test_a_field_of_before_that_the_fork_kept_is_missed_by_name():
    chain = AmsterdamChain()
    del chain.blocks[5]["requestsHash"]
    with pytest.raises(CommitmentMismatch, match="block 5: the node leaves out requestsHash"):
        _blocks(chain, AFTER)


@pytest.mark.parametrize("text", [None, "", "0x", "12", "-0x1", "0x" + "f" * 17, "0x1"])
def test_a_time_that_is_none_gives_no_slot(text):
    assert slot_of(text) is None
