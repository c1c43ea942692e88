"""A symbol's day in the lake: rerun, revised, killed in the middle, damaged - and what the old system left."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import LakeDamaged
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.columns import NONE, Bars
from resources.clients.exchanges.objects import (
    BarObjects,
    SymbolDay,
    damaged_key,
    decode,
    encode,
    revisions_key,
)
from resources.clients.exchanges.old_layout import read_day
from resources.clients.lake.object_store import MemoryObjectStore

START, DAY = 1_704_067_200_000, date(2024, 1, 1)
KEY, OTHER = "v3/a/currency_pair=BTC_USDT/year=2024/month=1/day=1/data.parquet", "v3/a/other"
EARLY = datetime(2024, 1, 2, 1, 20, tzinfo=UTC)
LATE = EARLY + timedelta(days=1)


def bars(count=10, **changed):
    found = [
        Bar(START + at * MINUTE_MS, *map(Decimal, ("1.10", "2", "1", "1.5", "3")), Decimal(4), at)
        for at in range(count)
    ]
    return Bars.of(replace(bar, close=Decimal(changed.get(f"m{at}", "1.5"))) for at, bar in enumerate(found))


def day(found, **facts):
    return SymbolDay("binance", "BTC_USDT", DAY, found, {"outcome": "complete"} | facts)


class KilledStore(MemoryObjectStore):
    """Dies before one of its writes."""

    def __init__(self, left):
        super().__init__()
        self.left = left

    def write(self, key, data, *more):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().write(key, data, *more)


@pytest.fixture
def objects():
    return BarObjects(MemoryObjectStore())


def test_what_is_written_is_read_again_with_its_facts(objects):
    written = objects.put(KEY, day(bars(), source="test"), EARLY)
    found = objects.read(KEY)

    assert found.bars == bars().known_at(EARLY)
    assert found.bars.sha256 == written.sha256
    assert found.facts["source"] == "test"
    assert found.facts["rows"] == 10
    assert found.facts["sha256"] == written.sha256
    file = pq.ParquetFile(pa.BufferReader(objects.store.read(KEY)))
    assert file.num_row_groups == 1
    assert file.schema_arrow.names[:6] == [
        "timestamp",
        "open",
        "high",
        "low",
        "close",
        "volume",
    ]


def test_a_rerun_changes_no_byte_of_anything(objects):
    objects.put(OTHER, day(bars(3)), EARLY)
    objects.put(KEY, day(bars(), fetch_started="1"), EARLY)
    before = {found.key: objects.store.read(found.key) for found in objects.store.list("")}

    written = objects.put(KEY, day(bars(), fetch_started="2"), LATE)

    assert not written.written
    assert before == {found.key: objects.store.read(found.key) for found in objects.store.list("")}


def test_only_what_changed_gets_a_new_time_and_the_former_row_is_kept(objects):
    objects.put(KEY, day(bars()), EARLY)
    written = objects.put(KEY, day(bars(11, m3="1.6")), LATE)
    found = objects.read(KEY)

    assert (written.changed, written.added, written.withdrawn) == (1, 1, 0)
    assert found.bars.known.to_pylist() == [EARLY, EARLY, EARLY, LATE, *[EARLY] * 6, LATE]
    kept = objects.read(revisions_key(KEY))
    assert list(kept.bars) == [list(bars())[3]]
    assert kept.bars.known.to_pylist() == [EARLY]
    assert objects.revised(KEY, found) == {START + 3 * MINUTE_MS}


def test_of_former_rows_the_newest_are_kept_when_there_are_too_many(objects, monkeypatch):
    monkeypatch.setattr("resources.clients.exchanges.objects.MOST_FORMER", 3)
    for at, changed in enumerate(("m1", "m2", "m3", "m4", "m5")):
        objects.put(KEY, day(bars(**{changed: f"{2 + at}"})), EARLY + timedelta(hours=at))

    kept = objects.read(revisions_key(KEY))
    assert len(kept.bars) == 3
    assert EARLY not in kept.bars.known.to_pylist()


def test_a_bar_that_does_not_come_again_stays(objects):
    objects.put(KEY, day(bars()), EARLY)
    written = objects.put(KEY, day(bars(4)), LATE)

    assert written.withdrawn == 6
    assert list(objects.read(KEY).bars) == list(bars())


@pytest.mark.parametrize("left", [0, 1])
def test_a_kill_before_any_write_leaves_the_old_and_the_next_run_ends_as_if_nothing_was(left):
    store = KilledStore(1)
    objects = BarObjects(store)
    objects.put(KEY, day(bars()), EARLY)
    before = store.read(KEY)
    store.left = left
    with pytest.raises(KeyboardInterrupt):
        objects.put(KEY, day(bars(m3="1.6")), LATE)
    assert store.read(KEY) == before
    assert objects.revised(KEY, objects.read(KEY)) == set()

    store.left = 9
    objects.put(KEY, day(bars(m3="1.6")), LATE)

    clean = BarObjects(MemoryObjectStore())
    clean.put(KEY, day(bars()), EARLY)
    clean.put(KEY, day(bars(m3="1.6")), LATE)
    assert {o.key: store.read(o.key) for o in store.list("")} == {
        o.key: clean.store.read(o.key) for o in clean.store.list("")
    }


def test_damage_is_told_when_read_and_mended_when_written(objects):
    objects.put(KEY, day(bars()), EARLY)
    whole = objects.store.read(KEY)
    changed = SymbolDay("binance", "BTC_USDT", DAY, bars(m3="1.6").known_at(EARLY))
    other = pq.read_table(pa.BufferReader(encode(changed))).replace_schema_metadata(
        pq.read_schema(pa.BufferReader(whole)).metadata
    )
    sink = pa.BufferOutputStream()
    pq.write_table(other, sink)
    for damaged in (b"", whole[:100], whole[:-9], b"PAR1" * 9, sink.getvalue().to_pybytes()):
        objects.store.write(KEY, damaged)
        with pytest.raises(LakeDamaged, match="Materialize"):
            objects.read(KEY)
    objects.put(KEY, day(bars()), LATE)
    assert list(objects.read(KEY).bars) == list(bars())


def test_damaged_revisions_are_moved_away_and_stop_no_day(objects):
    objects.put(KEY, day(bars()), EARLY)
    objects.store.write(revisions_key(KEY), b"no parquet")
    with pytest.raises(LakeDamaged, match="revisions"):
        objects.revised(KEY, objects.read(KEY))

    objects.put(KEY, day(bars()), LATE)

    assert objects.revised(KEY, objects.read(KEY)) == set()
    assert objects.store.read(damaged_key(revisions_key(KEY))) == b"no parquet"


def test_a_fetch_that_finds_nothing_takes_nothing_back(objects):
    objects.put(KEY, day(bars(), confirmed=True), EARLY)
    before = objects.store.read(KEY)

    written = objects.put(KEY, day(NONE, outcome="delisted", confirmed=False, delisted_ms=START), LATE)

    assert (written.written, written.withdrawn) == (False, 10)
    assert objects.store.read(KEY) == before


def test_of_two_writers_at_once_one_wins_whole_and_the_next_run_has_all():
    class Beside(MemoryObjectStore):
        """Lets another writer do all of its work before each write of the first one."""

        other = None

        def write(self, key, data, *more):
            if self.other:
                other, self.other = self.other, None
                other()
            super().write(key, data, *more)

    store = Beside()
    objects = BarObjects(store)
    objects.put(KEY, day(bars()), EARLY)
    store.other = lambda: objects.put(KEY, day(bars(12, m4="1.7")), LATE)
    objects.put(KEY, day(bars(11, m3="1.6")), LATE)
    assert list(objects.read(KEY).bars) in (list(bars(11, m3="1.6")), list(bars(12, m4="1.7")))

    objects.put(KEY, day(bars(12, m3="1.6", m4="1.7")), LATE)

    assert list(objects.read(KEY).bars) == list(bars(12, m3="1.6", m4="1.7"))
    assert objects.revised(KEY, objects.read(KEY)) == {START + 3 * MINUTE_MS, START + 4 * MINUTE_MS}


@given(st.binary(max_size=200))
def test_any_bytes_are_our_error(data):
    with pytest.raises(LakeDamaged):
        decode(data, "memory://x")


OLD = pa.schema(
    [
        ("timestamp", pa.int64()),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
        ("currency_pair", pa.string()),
        ("knowledge_timestamp", pa.timestamp("us", tz="UTC")),
    ]
)


def old_file(rows):
    columns = list(zip(*rows, strict=True))
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table([pa.array(column, kind.type) for column, kind in zip(columns, OLD, strict=True)], schema=OLD), sink
    )
    return sink.getvalue().to_pybytes()


def old_row(minute, close, volume, known):
    return (START + minute * MINUTE_MS, 1.1, 2.0, 1.0, close, volume, "BTC_USDT", known)


def test_the_old_layout_is_read_by_latest_knowledge_then_greatest_volume():
    store = MemoryObjectStore()
    store.write(
        "v3/a/currency_pair=BTC_USDT/year=2024/month=01/0f.parquet",
        old_file([old_row(0, 1.5, 3.0, EARLY), old_row(1, 1.5, 3.0, LATE)]),
    )
    store.write(
        "v3/a/currency_pair=BTC_USDT/year=2024/month=1/data.parquet",
        old_file(
            [
                old_row(0, 1.6, 1.0, LATE),
                old_row(0, 1.7, 2.0, LATE),
                old_row(1, 1.9, 9.0, EARLY),
                old_row(1440, 1.5, 1.0, LATE),
            ]
        ),
    )
    BarObjects(store).put(KEY, day(bars()), EARLY)

    found = read_day(store, "v3/a", "binance", "BTC_USDT", DAY)

    assert [(bar.open_ms, bar.close) for bar in found.bars] == [
        (START, Decimal("1.7")),
        (START + MINUTE_MS, Decimal("1.5")),
    ]
    assert found.bars.known.to_pylist() == [LATE, LATE]
    assert next(iter(found.bars)).open == Decimal("1.1")


def test_rows_without_a_number_are_no_bars_and_are_told(caplog):
    store, nan = MemoryObjectStore(), float("nan")
    rows = [old_row(0, nan, 1.0, EARLY), old_row(1, 1.5, None, EARLY), old_row(2, 1.5, 1.0, EARLY)]
    store.write("v3/a/currency_pair=BTC_USDT/year=2024/month=1/x.parquet", old_file(rows))

    assert read_day(store, "v3/a", "binance", "BTC_USDT", DAY).bars.times.tolist() == [START + 2 * MINUTE_MS]
    assert "2 rows" in caplog.text


def test_an_old_file_that_is_none_is_named():
    store = MemoryObjectStore()
    store.write("v3/a/currency_pair=BTC_USDT/year=2024/month=1/x.parquet", b"no parquet")

    with pytest.raises(LakeDamaged, match=r"x\.parquet"):
        read_day(store, "v3/a", "binance", "BTC_USDT", DAY)
