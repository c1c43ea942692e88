"""What ethereum-etl leaves in its files is read back as it stands there; its commands are played."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from assets.ethereum.extract import ethereum_etl as etl
from assets.ethereum.tables import LOGS, TOKEN_TRANSFERS
from core.frames import spooled
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore

DAY = date(2024, 1, 2)
TRANSFER = {
    "token_address": "0x0a",
    "from_address": "0x0b",
    "to_address": "0x0c",
    "value": "5",
    "transaction_hash": "0x0d",
    "log_index": 1,
    "block_number": 2,
}
LOG = {
    "log_index": 1,
    "transaction_hash": "0x0d",
    "transaction_index": 0,
    "block_hash": "0x0e",
    "block_number": 2,
    "address": "0x0a",
    "data": "0x",
    "topics": "0x0f",
    "block_date": DAY,
}
FOLDERS = [*(f"{column.name}=7" for column in TOKEN_TRANSFERS.columns), "it's", "[t]*"]


def _extract(commands):
    """Stands for extract_token_transfers: leaves one transfer."""
    ((*_, target),) = commands
    cells = (",".join(TRANSFER), ",".join(map(str, TRANSFER.values())))
    Path(target).write_text("".join(f"{line}\r\n" for line in cells), encoding="utf-8", newline="")


@pytest.mark.parametrize("folder", FOLDERS)
def test_rows_are_the_files_wherever_these_lie(folder, tmp_path, monkeypatch):
    lake = Lake(MemoryObjectStore())
    logs = spooled(LOGS, pa.Table.from_pylist([LOG], schema=LOGS.arrow_schema), [DAY])
    lake.publish(LOGS, logs, logs.days[0], "run")
    scratch = tmp_path / folder
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    found = etl.derive_token_transfers(etl.EtlExport(None, _extract), lake.open(LOGS, [DAY]))[TOKEN_TRANSFERS.name]
    lake.publish(TOKEN_TRANSFERS, found, found.days[0], "run")
    assert lake.open(TOKEN_TRANSFERS, [DAY]).table().to_pylist() == [TRANSFER | {"block_date": DAY}]
