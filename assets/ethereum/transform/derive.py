"""A day of the datasets that are read from others in the lake: transfers from logs, contracts from traces."""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.extract.exports import ENGINE, VERIFY_OFF
from assets.ethereum.spans import span_of, telling
from assets.ethereum.tables import CONTRACTS, ERC1155_TRANSFERS, ETHER_TRANSFERS, TOKEN_TRANSFERS
from assets.ethereum.transform import ether, token_events
from assets.ethereum.transform.contracts import TRACE_COLUMNS, contracts
from core.spool import Spool, SpooledTable
from core.tables import Table
from resources.clients.lake.reading import LakeObject


def derive_token_transfers(logs: LakeObject, left_out: list[str]) -> dict[str, SpooledTable]:
    """token_transfers of the days whose logs the lake holds. left_out: takes a sentence for each odd event."""
    return _from_logs(TOKEN_TRANSFERS, logs, lambda part: token_events.token_transfers(part, left_out))


def derive_erc1155_transfers(logs: LakeObject, left_out: list[str]) -> dict[str, SpooledTable]:
    """erc1155_transfers of the days whose logs the lake holds. left_out: takes a sentence for each odd event."""
    return _from_logs(ERC1155_TRANSFERS, logs, lambda part: token_events.erc1155_transfers(part, left_out))


def derive_ether_transfers(logs: LakeObject, left_out: list[str]) -> dict[str, SpooledTable]:
    """ether_transfers of the days whose logs the lake holds. left_out: takes a sentence for each odd event."""
    return _from_logs(ETHER_TRANSFERS, logs, lambda part: ether.ether_transfers(part, left_out))


def _from_logs(
    table: Table, logs: LakeObject, rows_of: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> dict[str, SpooledTable]:
    spool = Spool((table,), ENGINE, VERIFY_OFF)
    for lake_day in logs.days:
        day = spool.day(lake_day.day)
        for part in lake_day.batches(token_events.LOG_COLUMNS):
            day.add({table.name: rows_of(part)})
        spool.finish(day, telling(span_of(lake_day.manifest)))
    return spool.tables()


def derive_contracts(traces: LakeObject) -> dict[str, SpooledTable]:
    """contracts of the days whose traces the lake holds."""
    spool = Spool((CONTRACTS,), ENGINE, VERIFY_OFF)
    for lake_day in traces.days:
        day = spool.day(lake_day.day)
        for part in _whole_blocks(lake_day.batches(TRACE_COLUMNS)):
            day.add({CONTRACTS.name: contracts(part)})
        spool.finish(day, telling(span_of(lake_day.manifest)))
    return spool.tables()


def _whole_blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables that never end inside a block."""
    held: pa.Table | None = None
    for part in batches:
        rows = pa.Table.from_batches([part])
        held = rows if held is None else pa.concat_tables([held, rows])
        if not held.num_rows:
            continue
        last = held.column("block_number")[-1]
        complete = pc.less(held.column("block_number"), last)
        yield held.filter(complete)
        held = held.filter(pc.invert(complete))
    if held is not None:
        yield held
