"""What token contracts say of themselves, of those that a day's code announces and of those that its transfers name."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from more_itertools import chunked

from assets.ethereum.extract.exports import ENGINE, VERIFY_OFF, Export
from assets.ethereum.spans import span_of, telling
from assets.ethereum.tables import TOKENS, TRANSFERRED_TOKENS
from assets.ethereum.transform import tokens
from core.spool import Spool, SpooledTable
from resources.clients.lake.reading import LakeDay, LakeObject

TOKENS_AT_ONCE = 1_000

Contract = dict[str, Any]
ToRows = Callable[[Sequence[Contract], Sequence[Sequence[str | None]]], pa.RecordBatch]


def export_tokens(export: Export, contracts: LakeObject) -> dict[str, SpooledTable]:
    """tokens: what the ERC-20 and ERC-721 contracts created on the days say of themselves, asked now."""
    spool = Spool((TOKENS,), ENGINE, VERIFY_OFF)
    for lake_day in contracts.days:
        day, chosen = spool.day(lake_day.day), _announced(lake_day)
        for rows in _asked(export, chosen, tokens.CALLS, tokens.token_batch):
            day.add({TOKENS.name: rows})
        spool.finish(day, telling(span_of(lake_day.manifest)))
    return spool.tables()


def export_transferred_tokens(export: Export, transfers: LakeObject) -> dict[str, SpooledTable]:
    """transferred_tokens: what the contracts of the days' token transfers say of themselves, asked now."""
    spool = Spool((TRANSFERRED_TOKENS,), ENGINE, VERIFY_OFF)
    for lake_day in transfers.days:
        day, chosen = spool.day(lake_day.day), _transferred(lake_day)
        for rows in _asked(export, chosen, tokens.NAMING_CALLS, tokens.naming_batch):
            day.add({TRANSFERRED_TOKENS.name: rows})
        spool.finish(day, telling(span_of(lake_day.manifest)))
    return spool.tables()


def _asked(
    export: Export, contracts: Sequence[Contract], calls: Sequence[str], rows_of: ToRows
) -> Iterator[pa.RecordBatch]:
    asked = ((contract["address"], data) for contract in contracts for data in calls)
    answers = chunked(export.node.contract_calls(asked), len(calls))
    for chunk in chunked(zip(contracts, answers, strict=True), TOKENS_AT_ONCE):
        yield rows_of(*zip(*chunk, strict=True))


def _announced(contracts: LakeDay) -> list[Contract]:
    """The day's contracts whose code announces a token."""
    found = contracts.table(["address", "is_erc20", "is_erc721", "block_number", "block_date"])
    return found.filter(pc.or_(found.column("is_erc20"), found.column("is_erc721"))).to_pylist()


def _transferred(transfers: LakeDay) -> list[Contract]:
    """The contracts of the day's transfers, each at the block of its first one."""
    first: dict[str, int] = {}
    for part in transfers.batches(["token_address", "block_number"]):
        for address, number in zip(*(column.to_pylist() for column in part.columns), strict=True):
            first.setdefault(address, number)
    return [{"address": at, "block_number": number, "block_date": transfers.day} for at, number in first.items()]
