"""What Blockchair calls the columns of each chain: account chains have other fields, and other sorts of rows.

Its table of Ethereum's transactions holds rewards as rows of their own (``type`` synthetic_coinbase), and failed
transactions, which paid their fee but moved nothing. Its newest block's hash lacks the ``0x`` that its blocks have.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assets.markets.tables import BLOCKS, CHAIN_STATS, TRANSACTIONS
from core.merging import Row, Rows
from core.tables import Table

ACCOUNT_CHAINS = frozenset({"ethereum"})
# What tells the sorts of an account chain's transactions apart, in rows and in sums.
SORTS = ("type", "failed")
SYNTHETIC = "synthetic"

# Our column to Blockchair's field, where that is not the one that the table declares.
_ACCOUNT_FIELDS: Mapping[str, Mapping[str, str]] = {
    CHAIN_STATS.name: {"circulation": "circulation_approximate"},
    BLOCKS.name: {"guessed_miner": "miner"},
    TRANSACTIONS.name: {"output_total": "value", "output_total_usd": "value_usd"},
}
_UTXO_SUMS = {"fee": "fee", "fee_usd": "fee_usd", "transferred": "output_total", "transferred_usd": "output_total_usd"}
_ACCOUNT_SUMS = {"fee": "fee", "fee_usd": "fee_usd", "transferred": "value", "transferred_usd": "value_usd"}
_HASHES = {CHAIN_STATS.name: "best_block_hash", BLOCKS.name: "hash", TRANSACTIONS.name: "hash"}
_BARE_HASH = re.compile(r"[0-9a-fA-F]{64}")


def summed_fields(chain: str) -> Mapping[str, str]:
    """Our column to Blockchair's field, of the sums over a day's transactions."""
    return _ACCOUNT_SUMS if chain in ACCOUNT_CHAINS else _UTXO_SUMS


def sorts_of(chain: str) -> tuple[str, ...]:
    """The fields that tell the sorts of a chain's transactions apart; none where there is one sort."""
    return SORTS if chain in ACCOUNT_CHAINS else ()


def as_declared(table: Table, chain: str, answer: Row) -> Row:
    """A row of the source under the names, and in the spelling, that the table declares."""
    if chain not in ACCOUNT_CHAINS:
        return answer
    columns = {column.name: column.source or column.name for column in table.columns}
    named = {columns[name]: answer[field] for name, field in _ACCOUNT_FIELDS[table.name].items() if field in answer}
    hash_, field = answer.get(_HASHES[table.name]), _HASHES[table.name]
    if isinstance(hash_, str) and _BARE_HASH.fullmatch(hash_):
        named[field] = f"0x{hash_}"
    if table is TRANSACTIONS:
        named["is_coinbase"] = False  # rewards are rows of another sort
    return {**answer, **named}


def is_transaction(row: Row) -> bool:
    """Whether a row of the source's table of transactions is one, and no reward that it lists among them."""
    return not str(row.get("type") or "").startswith(SYNTHETIC)


@dataclass(frozen=True)
class Genuine:
    """The transactions among a source's rows, which are gone through each time: a file is never held as a whole."""

    rows: Rows

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Any]:
        return filter(is_transaction, self.rows)
