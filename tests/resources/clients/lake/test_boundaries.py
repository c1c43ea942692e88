"""Whatever lies in the lake under a day's names, it is read as rows, or told by day as damaged; never anything else."""

import hashlib
import json
import random
import threading
from datetime import date

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ethereum.tables import BLOCKS_META, CONTRACTS, TRACES
from core.errors import HeadwaterError, LakeChanged, LakeDamaged
from core.frames import spooled
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore
from tests.standins.lakes import ITEMS, items, spooled_items
from tests.standins.mutations import as_json, mangled, mutated

pytestmark = pytest.mark.fuzz

DAY = date(2024, 1, 2)
SEEDS = st.integers(0, 2**64 - 1)
ROWS = {
    ITEMS.name: (ITEMS, items(DAY, 1, 2, 3, note='a,b\r\n"c" ü')),
    "contracts": (CONTRACTS, [{"address": "0x11", "function_sighashes": "0x1,0x2", "is_erc20": True}] * 2),
    "blocks_meta": (BLOCKS_META, [{"start_block": 1, "end_block": 2}]),
    "traces": (TRACES, [{"trace_type": "call", "trace_address": "0,1", "value_text": str(2**255)}] * 2),
}


def _published(name, format):
    """A day in a lake of its own, its table and manifest."""
    table, rows = ROWS[name]
    if isinstance(rows, list):
        defaults = {"block_number": 1, "is_erc721": False, "is_erc20": False, "block_date": DAY}
        known = {key: value for key, value in defaults.items() if key in table.arrow_schema.names}
        rows = pa.Table.from_pylist([known | row for row in rows], schema=table.arrow_schema)
    lake = Lake(MemoryObjectStore(), format)
    tables = spooled(table, rows, [DAY])
    return lake, table, lake.publish(table, tables, tables.days[0], "run")


def _told(error, table):
    assert isinstance(error, LakeDamaged | LakeChanged), repr(error)
    assert str(DAY) in str(error)
    assert table.name in str(error)


def _read(lake, table):
    try:
        return lake.open(table, [DAY]).table()
    except HeadwaterError as error:
        _told(error, table)
        return None


@given(seed=SEEDS)
def test_any_manifest(seed):
    draw = random.Random(seed)
    lake, table, manifest = _published("items", "parquet")
    honest = manifest.encode()
    raw = mangled(draw, honest) if draw.random() < 0.5 else as_json(mutated(draw, json.loads(honest)))
    lake.store.write(table.lake.manifest_key(DAY), raw)
    _read(lake, table)
    tables = spooled_items(DAY, 7)
    lake.publish(table, tables, tables.days[0], "again")  # an export mends it, whatever it was
    assert lake.open(table, [DAY]).table(["block_number"]).column(0).to_pylist() == [7]


def _with_other_bytes(lake, table, manifest, change):
    """The same day with its file changed, as its manifest says."""
    (file,) = manifest.files
    raw = change(lake.store.read(file.key))
    lake.store.write(file.key, raw)
    listed = msgspec.structs.replace(file, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    lake.store.write(table.lake.manifest_key(DAY), msgspec.structs.replace(manifest, files=[listed]).encode())


@pytest.fixture(scope="module")
def warehouse():
    """One for all files: what is wrong leaves it as it was."""
    return DuckDbWarehouse(":memory:")


@pytest.mark.parametrize(
    ("name", "format"),
    [("items", "parquet"), ("items", "csv"), ("traces", "csv"), ("contracts", "csv"), ("blocks_meta", "csv")],
)
@given(seed=SEEDS)
def test_any_file(warehouse, name, format, seed):
    draw = random.Random(seed)
    lake, table, manifest = _published(name, format)

    def change(raw):
        if table.csv_layout == "json" and format == "csv" and draw.random() < 0.5:
            return b"\n".join(as_json(mutated(draw, json.loads(line))) for line in raw.splitlines())
        return mangled(draw, raw)

    _with_other_bytes(lake, table, manifest, change)
    _read(lake, table)
    if draw.random() < 0.7:
        return  # a database takes many times longer
    told = None
    try:
        warehouse.replace(table, lake.open(table, [DAY]))
    except HeadwaterError as error:
        told = str(error)
    assert told is None or (table.name in told and told.endswith(".")), told


class _Turns:
    """Lets two writers go one step at a time, in an order by a seed."""

    def __init__(self, seed):
        self._draw, self._ready, self._steps = random.Random(seed), {}, {}

    def run(self, **writers):
        for name in writers:
            self._ready[name], self._steps[name] = threading.Semaphore(0), threading.Semaphore(0)
        threads = {name: threading.Thread(target=self._run, args=(name, write)) for name, write in writers.items()}
        for name, thread in threads.items():
            thread.start()
            self._ready[name].acquire()
        while alive := [name for name, thread in threads.items() if name in self._steps]:
            name = self._draw.choice(alive)
            self._steps[name].release()
            self._ready[name].acquire()
        for thread in threads.values():
            thread.join()

    def _run(self, name, write):
        self.step(name)
        write()
        del self._steps[name]
        self._ready[name].release()

    def step(self, name):
        self._ready[name].release()
        self._steps[name].acquire()


class _InTurns:
    """A store whose every operation waits for its turn."""

    def __init__(self, store, turns, name):
        self._store, self._turns, self._name = store, turns, name

    def __getattr__(self, action):
        def taken(*arguments, **named):
            self._turns.step(self._name)
            return getattr(self._store, action)(*arguments, **named)

        return taken if action != "uri" else self._store.uri


@pytest.mark.parametrize("format", ["csv", "parquet"])
@given(seed=SEEDS)
def test_two_writers_at_once_leave_one_of_the_two(format, seed):
    store, turns = MemoryObjectStore(), _Turns(seed)

    def writer(name, *numbers):
        tables = spooled_items(DAY, *numbers)
        return lambda: Lake(_InTurns(store, turns, name), format).publish(ITEMS, tables, tables.days[0], name)

    turns.run(one=writer("one", 1, 2), two=writer("two", 3, 4, 5))
    found = Lake(store, format).open(ITEMS, [DAY]).table(["block_number"]).column(0).to_pylist()
    assert found in ([1, 2], [3, 4, 5])
