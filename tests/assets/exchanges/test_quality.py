"""What the checks find: each fault by itself, and nothing in a sound day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from assets.exchanges import quality
from assets.exchanges.transform import Stored, explained, gap_rows, minute_rows
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.columns import Bars
from resources.clients.exchanges.objects import SymbolDay

START, DAY, JOB = 1_704_067_200_000, date(2024, 1, 1), "ccxt.binance.spot.v7"
LATER = datetime(2024, 1, 2, 1, 20, tzinfo=UTC)


def minute(at, **more):
    return replace(Bar(START + at * MINUTE_MS, *map(Decimal, ("10", "12", "9", "11", "3"))), **more)


def day_of(pair, bars, **facts):
    return Stored(pair, SymbolDay("binance", pair, DAY, Bars.of(bars).known_at(LATER), {"confirmed": True} | facts))


def rows(*days):
    found = list(explained(days, DAY, "zero_bar"))
    return minute_rows(JOB, DAY, found), gap_rows(JOB, DAY, found)


SOUND = [minute(at) for at in range(1440)]


def test_a_sound_day_has_no_problem():
    minutes, gaps = rows(day_of("A_B", SOUND), day_of("C_D", SOUND[:700]), Stored("E_F", None))

    assert not [*quality.unsound(minutes, DAY), *quality.jumps(minutes, DAY)]
    assert not [*quality.unexplained(minutes, gaps, ["A_B", "C_D", "E_F"], DAY)]
    assert list(quality.incomplete(gaps, 1.0)) == ["E_F lacks 1440 minutes that were not fetched"]
    assert minutes.num_rows == 2140


def changed(table, **columns):
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    return table


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("timestamp", [START, START], "twice"),
        ("timestamp", [START, START + 1], "on a minute"),
        ("timestamp", [START, START - MINUTE_MS], "of the day"),
        ("low", [Decimal(0), Decimal(9)], "above zero"),
        ("high", [Decimal(10), Decimal(12)], "high below"),
        ("low", [Decimal(9), Decimal("10.5")], "low above"),
        ("volume", [Decimal(-1), Decimal(1)], "negative"),
        ("knowledge_timestamp", [LATER, LATER - timedelta(days=2)], "before they were over"),
    ],
)
def test_each_fault_is_found(column, values, said):
    minutes, _ = rows(day_of("A_B", SOUND[:2]))

    (problem,) = quality.unsound(changed(minutes, **{column: values}), DAY)
    assert said in problem


def test_other_columns_are_found_before_anything_else():
    minutes, _ = rows(day_of("A_B", SOUND[:2]))

    assert list(quality.unsound(minutes.drop_columns(["trades"]), DAY)) == ["its columns are others than the table's"]


def test_a_jump_between_neighbours_is_one_and_across_a_gap_is_none():
    high = minute(1, open=Decimal(14), high=Decimal(14), low=Decimal(13), close=Decimal("13.5"))
    assert len(list(quality.jumps(rows(day_of("A_B", [minute(0), high]))[0], DAY))) == 1
    apart = replace(high, open_ms=START + 5 * MINUTE_MS)
    assert not list(quality.jumps(rows(day_of("A_B", [minute(0), apart]))[0], DAY))


def test_the_last_minute_of_the_day_before_is_a_neighbour_and_none_before_it():
    eve = [minute(at) for at in (-3, -2, -1)]
    eve[1] = replace(eve[1], open=Decimal(99), high=Decimal(99), close=Decimal(99))
    cut = minute(0, open=Decimal("0.01"), high=Decimal("0.02"), low=Decimal("0.01"), close=Decimal("0.011"))
    before = minute_rows(JOB, DAY - timedelta(days=1), explained([day_of("A_B", eve)], DAY, "zero_bar"))
    both = pa.concat_tables([before, rows(day_of("A_B", [cut]), day_of("C_D", [cut]))[0]])

    assert list(quality.jumps(both, DAY)) == [f"A_B went from 11 to 0.011 in the minute {START}"]


def test_a_minute_that_is_left_over_or_told_twice_is_found():
    minutes, gaps = rows(day_of("A_B", SOUND[:700]))

    assert list(quality.unexplained(minutes.slice(1), gaps, ["A_B"], DAY))
    assert list(quality.unexplained(minutes, pa.concat_tables([gaps, gaps]), ["A_B"], DAY))
    assert list(quality.unexplained(minutes, gaps, ["A_B", "X_Y"], DAY)) == ["X_Y has 0 minutes explained, 0 in all"]


def test_off_the_minute_is_left_out_or_moved_as_set():
    late = [minute(at) for at in range(10)] + [replace(minute(10), open_ms=START + 10 * MINUTE_MS + 20_799)]
    (left,) = explained([day_of("A_B", late)], DAY, "zero_bar")
    (moved,) = explained([day_of("A_B", late)], DAY, "zero_bar", "floor")

    assert (left.account.present, left.account.off_grid, left.moved) == (10, 1, 0)
    assert (moved.account.present, moved.account.off_grid, moved.moved) == (11, 0, 1)
    assert minute_rows(JOB, DAY, [moved]).column("knowledge_timestamp").null_count == 0
