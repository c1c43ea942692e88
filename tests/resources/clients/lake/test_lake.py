"""A day exists when its manifest does, is replaced as a set, and is never half there."""

import os
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.ethereum.spans import span_of
from core.errors import DayMissing, LakeChanged
from core.manifest import Manifest
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.s3_store import S3ObjectStore
from tests.standins.lakes import ITEMS, DyingStore, KilledError, items, spooled_items

DAY = date(2024, 1, 2)


@pytest.fixture(params=["local", "s3", "memory"])
def store(request, tmp_path, clock):
    if request.param == "local":
        return LocalObjectStore(tmp_path / "lake")
    if request.param == "s3":
        return S3ObjectStore(request.getfixturevalue("s3_bucket"), "prefix")
    return MemoryObjectStore(clock)


@pytest.fixture(params=["parquet", "csv"])
def format(request):
    return request.param


def _publish(lake, *numbers, note="x", day=DAY):
    spooled = spooled_items(day, *numbers, note=note)
    return lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _numbers(lake, day=DAY):
    return lake.open(ITEMS, [day]).table(["block_number"]).column("block_number").to_pylist()


def test_rows_come_back_as_they_went(store, format, clock):
    lake = Lake(store, format, clock)
    _publish(lake, 1, 2, 3, note='a,b\r\n"c" ü')
    assert lake.open(ITEMS, [DAY]).table().equals(items(DAY, 1, 2, 3, note='a,b\r\n"c" ü'))


def test_the_manifest_says_what_there_is(store, format, clock):
    manifest = _publish(Lake(store, format, clock), 5, 6)
    assert manifest == Manifest.decode(store.read(ITEMS.lake.manifest_key(DAY)))
    assert (manifest.rows, span_of(manifest).first, span_of(manifest).last) == (2, 5, 6)
    (file,) = manifest.files
    assert len(store.read(file.key)) == file.bytes
    assert file.key.startswith("export/items/block_date=2024-01-02/items")


def test_a_day_is_replaced_as_a_set(store, format, clock):
    lake = Lake(store, format, clock)
    _publish(lake, 1, 2, 3)
    _publish(lake, 2)
    assert _numbers(lake) == [2]
    assert len(store.list("export/items/")) == 2  # the data file and the manifest, nothing of before


def test_a_day_can_become_empty(store, format, clock):
    lake = Lake(store, format, clock)
    _publish(lake, 1)
    assert _publish(lake).rows == 0
    assert _numbers(lake) == []


def test_a_missing_day_is_named_with_the_remedy(store, format, clock):
    lake = Lake(store, format, clock)
    _publish(lake, 1)
    with pytest.raises(DayMissing, match=r"items has no 2024-01-03 .* Materialize lake/test/items"):
        lake.open(ITEMS, [DAY, date(2024, 1, 3)])


@pytest.mark.parametrize("dies_at", range(4))
def test_killed_between_any_two_writes_the_lake_is_as_it_was_or_complete(store, clock, dies_at):
    lake = Lake(store, clock=clock)
    _publish(lake, 1, 2, 3)
    dying = Lake(DyingStore(store, dies_at), clock=clock)
    try:
        _publish(dying, 4)
        died = False
    except KilledError:
        died = True
    assert died == (dies_at < 3)  # data, manifest, removal of the old file
    assert _numbers(lake) == ([1, 2, 3] if dies_at < 2 else [4])
    _publish(lake, 4)
    assert _numbers(lake) == [4]


@pytest.mark.parametrize("dies_at", range(2))
def test_a_csv_day_whose_export_was_interrupted_is_refused_or_whole(store, clock, dies_at):
    """csv keeps the old file name, so the new file stands under the old manifest for a moment."""
    lake = Lake(store, "csv", clock)
    _publish(lake, 1, 2, 3)
    with pytest.raises(KilledError):
        _publish(Lake(DyingStore(store, dies_at), "csv", clock), 4)
    if dies_at == 0:
        assert _numbers(lake) == [1, 2, 3]
    else:
        with pytest.raises(LakeChanged, match="materialize lake/test/items for 2024-01-02 again"):
            _numbers(lake)
    _publish(lake, 4)
    assert _numbers(lake) == [4]


def test_files_of_killed_runs_go_once_no_run_can_need_them(clock):
    store = MemoryObjectStore(clock)
    lake = Lake(store, clock=clock)
    with pytest.raises(KilledError):
        _publish(Lake(DyingStore(store, 1), clock=clock), 1)
    _publish(lake, 2)
    assert len(store.list("export/")) == 3  # it might be another run's, about to get its manifest
    clock.advance(timedelta(hours=25))
    _publish(lake, 3)
    assert len(store.list("export/")) == 2


def test_runs_beside_each_other_leave_one_whole_day(store, clock):
    lake = Lake(store, clock=clock)
    start = threading.Barrier(4)

    def publish(number):
        start.wait()
        for _ in range(3):
            _publish(lake, *([number] * number))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = _numbers(lake)
    assert found == [found[0]] * found[0]


def test_a_reader_keeps_the_version_it_opened_or_learns_that_it_is_gone(store, clock):
    lake = Lake(store, clock=clock)
    _publish(lake, 1)
    opened = lake.open(ITEMS, [DAY])
    _publish(lake, 2)
    with pytest.raises(LakeChanged, match="being replaced. Run again"):
        opened.table()


def test_a_damaged_file_is_refused(store, format, clock):
    lake = Lake(store, format, clock)
    (file,) = _publish(lake, 1, 2).files
    damaged = bytearray(store.read(file.key))
    damaged[len(damaged) // 2] ^= 1
    store.write(file.key, bytes(damaged))
    with pytest.raises(LakeChanged, match="is not the file its manifest lists"):
        _numbers(lake)


def test_a_range_of_days_is_one_object(store, format, clock):
    lake = Lake(store, format, clock)
    days = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
    for number, day in enumerate(days):
        _publish(lake, *range(number), day=day)
    found = lake.open(ITEMS, days)
    assert found.rows == found.table().num_rows == 3
    assert found.on(days[2]).table(["block_number"]).column(0).to_pylist() == [0, 1]


@pytest.mark.parametrize("moment", ["before it is checked", "before it is opened"])
def test_a_file_that_goes_while_it_is_read_says_to_run_again(tmp_path, clock, monkeypatch, moment):
    lake = Lake(LocalObjectStore(tmp_path), clock=clock)
    _publish(lake, 1, 2)
    day = lake.open(ITEMS, [DAY]).days[0]
    step = "fetch" if moment == "before it is checked" else "local_files"
    owner = LocalObjectStore if step == "fetch" else type(day)
    real = getattr(owner, step)

    def beside_another_run(*arguments):
        found = real(*arguments)
        for path in [found] if step == "fetch" else found:
            path.unlink()
        return found

    monkeypatch.setattr(owner, step, beside_another_run)
    with pytest.raises(LakeChanged, match="Run again"):
        day.table()


class TurnTakingStore:
    """A store whose writers take turns: each write waits until the order says its writer's name."""

    def __init__(self, store, writer, order, turn):
        self._store, self._writer, self._order, self._turn = store, writer, order, turn

    def __getattr__(self, name):
        return getattr(self._store, name)

    def write(self, *arguments):
        self._in_turn(self._store.write, *arguments)

    def upload(self, *arguments):
        self._in_turn(self._store.upload, *arguments)

    def _in_turn(self, act, *arguments):
        with self._turn:
            assert self._turn.wait_for(lambda: not self._order or self._order[0] == self._writer, timeout=30)
            act(*arguments)
            del self._order[:1]  # whoever finds the other's file writes once more, when all had their turn
            self._turn.notify_all()


@pytest.mark.parametrize("order", ["AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"])
def test_of_two_csv_exports_at_once_one_stands_whole_or_one_says_no(store, clock, order):
    """Both write the same two names, the data's and the manifest's."""
    rows, said_no, left, turn = {"A": [1, 2, 3], "B": [7, 8]}, {}, list(order), threading.Condition()

    def export(writer):
        try:
            _publish(Lake(TurnTakingStore(store, writer, left, turn), "csv", clock), *rows[writer])
        except LakeChanged as error:
            said_no[writer] = str(error)

    writers = [threading.Thread(target=export, args=(writer,)) for writer in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    try:
        found = _numbers(Lake(store, "csv", clock))
    except LakeChanged:
        found = None
    assert not left
    assert found in rows.values() or said_no
    assert all("another run exported items for 2024-01-02 at the same time" in said for said in said_no.values())
    for writer in said_no:  # who said no runs again
        _publish(Lake(store, "csv", clock), *rows[writer])
    assert _numbers(Lake(store, "csv", clock)) in rows.values()


def test_the_old_version_goes_when_the_new_ones_names_are_on_the_disk(tmp_path, clock, monkeypatch):
    lake = Lake(LocalObjectStore(tmp_path / "lake"), clock=clock)
    (old,) = _publish(lake, 1).keys
    steps, sync, unlink = [], os.fsync, Path.unlink
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: (steps.append(Path(f"/proc/self/fd/{descriptor}").readlink()), sync(descriptor))
    )
    monkeypatch.setattr(
        "pathlib.Path.unlink", lambda path, missing_ok=False: (steps.append(f"removed {path.name}"), unlink(path))
    )
    _publish(lake, 2)
    folder = tmp_path / "lake/export/items/block_date=2024-01-02"
    # Twice a file and its folder, the data's and the manifest's, before anything is removed.
    assert steps[1::2][:2] == [folder, folder]
    assert steps[4:] == [f"removed {Path(old).name}"]
