"""Blocks that are proved, to hold others' rows against: of a node, or of files of its answers."""

import gzip
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from assets.ethereum.audit.proving import Known
from assets.ethereum.extract.day_range import block_range
from assets.ethereum.extract.exports import Export, read_blocks, slots_left_out
from assets.ethereum.proofs import encodings, trie
from assets.ethereum.proofs.prover import Prover
from assets.ethereum.tables import BLOCKS, TRANSACTIONS
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import BlockRows, block_rows
from assets.ethereum.transform.slots import with_slots
from core.errors import CommitmentMismatch, InvalidAnswer, SettingError
from core.plain import one_line
from core.windows import day_of
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.refusals import Refusal

# A block of 60 million gas has less than 2 MB of call data, in hex and with the rest 10 MB.
LARGEST_FILE = 64 << 20
PATTERNS = ("*.json", "*.json.gz")


def known_of_node(export: Export, day: date) -> Iterator[Known]:
    """The day's blocks on the node's chain, each proved with its transactions.

    Raises:
        DayIncomplete: when the day is not over and final there.
        CommitmentMismatch: when a block is not what its own header commits to.
    """
    blocks = block_range(export.node, day, export.confirmations)
    if not blocks:
        return
    read = partial(read_blocks, export, slots_left_out(export.node, blocks))
    for block in export.node.blocks(range(blocks.first, blocks.last + 1), read):
        yield Known(_of(block, BLOCKS.name)[0], _of(block, TRANSACTIONS.name))


def known_of_files(folder: Path, day: date) -> Iterator[Known]:
    """The day's blocks of a folder of answers of eth_getBlockByNumber, one in a file, in order.

    A file holds the block, or the response with it; with whole transactions these are proved, too.

    Raises:
        SettingError: when the folder holds no such files.
        InvalidAnswer: for a file that is no block.
        CommitmentMismatch: for a block that is not what its own header commits to.
    """
    paths = sorted(path for pattern in PATTERNS for path in folder.glob(pattern))
    if not paths:
        raise SettingError(f"{folder}: no headers: expected files {' or '.join(PATTERNS)}, one block in each.")
    found = [known for path in paths if day_of((known := _known(path)).header["timestamp"]) == day]
    yield from sorted(found, key=lambda known: known.header["number"])


def _of(block: BlockRows, name: str) -> list[dict[str, Any]]:
    rows, start, stop = block.tables[name]
    return rows.slice(start, stop - start).to_pylist()


def _known(path: Path) -> Known:
    try:
        block = _block(path)
        transactions = block.get("transactions") or []
        whole = "transactions" in block and all(isinstance(one, dict) for one in transactions)
        block |= {"transactions": transactions if whole else []}
        answers = with_slots(AnswerReader().blocks(Answer.of([msgspec.json.encode(block)])))
        rows = block_rows(answers)
        (header,) = rows.tables[BLOCKS.name].to_pylist()
        if whole:
            refused = Prover().prove_blocks(rows, answers)
            problem = refused[0].detail if refused else None
        else:
            found = "0x" + trie.keccak(encodings.header(header, answers.field("mixHash")[0].as_py())).hex()
            problem = None if found == header["hash"] else f"hash is {header['hash']}, the fields give {found}"
    except (Refusal, OSError, EOFError, *encodings.NOT_ENCODED) as error:
        raise InvalidAnswer(
            f"{path} is no answer of eth_getBlockByNumber: {one_line(error, 200)}. Fetch it again."
        ) from error
    if problem:
        raise CommitmentMismatch(f"{path} is not what its own header commits to: {problem}. Fetch it again.")
    return Known(header, rows.tables[TRANSACTIONS.name].to_pylist() if whole else None)


def _block(path: Path) -> dict[str, Any]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        text = file.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise ValueError(f"more than {LARGEST_FILE >> 20} MB")
    found = msgspec.json.decode(text, type=dict[str, Any])
    block = found.get("result", found)
    if not isinstance(block, dict):
        raise ValueError("no block")
    return block
