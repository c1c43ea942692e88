"""The whole benchmark on a few blocks, without the engines that need a package index; and what it makes of figures."""

import subprocess
import sys

import pytest

from benchmarks import report, run
from benchmarks.budgets import Found, budgets
from benchmarks.engines import Export
from benchmarks.measure import ROOT, CommandFailed, Cost, measured, typical
from benchmarks.report import ETL, OTHER, OURS, Budget, Measured
from tests.conftest import KEPT


def test_a_run_of_a_few_blocks_writes_the_tables(home, tmp_path, capsys):
    output = tmp_path / "results.md"
    words = ["--blocks", "3", "--day-blocks", "4", "--repeat", "1", "--parts", "export", "day", "load", "--against"]
    run.main([*words, "--output", str(output)])
    text = output.read_text()
    assert text in capsys.readouterr().out
    assert "## Budgets" in text
    assert "| Headwater" in text
    assert "## Export: 3 blocks of" in text
    assert "## A day of 4 blocks" in text
    assert "| logs " in text
    assert str(tmp_path) not in text
    assert not [path for path in home.iterdir() if path.name.startswith("bench-")]


@pytest.mark.slow
def test_the_increment_on_two_histories(home, tmp_path):
    output = tmp_path / "results.md"
    words = ["--parts", "increment", "--history-blocks", "2", "--history-days", "2", "--repeat", "1", "--against"]
    run.main([*words, "--output", str(output)])
    assert "| 2 days " in output.read_text()
    assert "| 20 days " in output.read_text()


@pytest.mark.slow
def test_all_engines_leave_the_same_rows(monkeypatch, tmp_path):
    """In the environments that are kept: each takes half a minute to install."""
    monkeypatch.setenv("HEADWATER_HOME", str(KEPT))
    output = tmp_path / "results.md"
    run.main(["--blocks", "5", "--repeat", "1", "--parts", "export", "--output", str(output)])
    text = output.read_text()
    assert "ethereum-etl" in text
    assert "times less than ethereum-etl" in text
    assert f"{ETL} was not measured" not in text


def test_a_command_is_charged_with_its_childrens_time_and_memory():
    """Measured from a process of its own: this one may be bigger than all that it starts."""
    burn = "import time; a = bytearray(90 << 20); e = time.process_time() + .3\nwhile time.process_time() < e: pass"
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"]
    asked = f"from benchmarks.measure import measured; c = measured({command!r}); print(c.cpu, c.wall, c.peak)"
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    cpu, wall, peak = map(float, said.split())
    assert cpu >= 0.3
    assert wall >= 0.3
    assert 90 < peak < 300


def test_a_command_that_fails_is_quoted():
    with pytest.raises(CommandFailed, match="ended with 3: so it is"):
        measured([sys.executable, "-c", "import sys; print('so it is', file=sys.stderr); sys.exit(3)"])


def test_repetitions_give_medians_and_the_highest_peak():
    cost = typical([Cost(1, 9, 5), Cost(3, 8, 7), Cost(2, 1, 6)])
    assert (cost.cpu, cost.wall, cost.peak) == (2, 8, 7)
    both = Cost(1, 2, 30).then(Cost(4, 5, 20))
    assert (both.cpu, both.wall, both.peak) == (5, 7, 30)


def _line(engine, proofs, cpu, wall, rows, *, blocks=500):
    return Measured(engine, proofs, 0, blocks, Export(Cost(cpu, wall, 100), rows), 7)


def _backfill(group, runs, days=365):
    taken = {"runs": runs, "run_seconds": 43.2, "seconds": 70.4, "rows": 694_595, "tables": ["ethereum.blocks"]}
    return {"group": group, "days": days} | taken


def test_figures_are_held_against_their_budgets():
    rows = {"blocks": 500, "transactions": 90_000, "receipts": 90_000, "logs": 180_000, "token_transfers": 90_000}
    found = Found(
        lines=[
            _line(OURS, "off", 1.0, 1.0, rows),
            _line(OURS, "roots", 4.0, 3.0, rows),
            _line(OURS, "full", 6.0, 4.0, rows),
            _line(ETL, None, 10.0, 20.0, rows),
            _line(OTHER, None, 2.0, 4.0, {"blocks": 500, "transactions": 90_000, "logs": 180_000}),
        ],
        days=[
            _line(OURS, "off", 14.4, 9.0, rows, blocks=7_200),
            _line(OURS, "roots", 30.0, 2.7, rows, blocks=7_200),
            _line(OURS, "full", 50.0, 4.5, rows, blocks=7_200),
        ],
        load=[{"table": "logs", "rows": 10, "ours": [1.0, 2.0, 1.0], "copy": [0.5, 1.5, 0.9]}],
        increment={"days": 2, "times": 10, "rows": 5, "short": [1.0, 1.2, 1.1], "long": [1.1, 1.1, 1.4]},
        backfill=[_backfill("loads", 1), _backfill("aggregates", 13)],
    )
    measured_ = {budget.figure: budget.cells() for budget in budgets(found)}
    assert measured_["export without proofs, per 1,000 blocks"][3:] == [
        "2.00 CPU-s",
        "must met, 1.1 times from the aim",
    ]
    assert measured_["the same, times less than ethereum-etl"][3:] == ["10.00x", "must met, 1.5 times from the aim"]
    assert measured_["the same of a day, per 1,000 blocks"][3:] == ["2.00 CPU-s", "must met, 1.1 times from the aim"]
    assert measured_["roots, extra per 1,000 blocks"][3:] == ["6.00 CPU-s", "MISSED, 2.4 times from the aim"]
    senders = measured_["senders and what else is recomputed, extra per 1,000 blocks"]
    assert senders[3:] == ["4.00 CPU-s", "aim met"]
    assert measured_["a million transactions of a day, roots proved"][3:] == [
        "30 s",
        "must met, 1.5 times from the aim",
    ]
    all_proved = "a million transactions of a day, all proved"
    assert measured_[all_proved][3:] == ["50 s", "MISSED, 1.7 times from the aim"]
    del found.days[:]
    assert {budget.figure: budget.found for budget in budgets(found)}[all_proved] is None
    assert measured_["lake to DuckDB, of COPY's rows/s"][3] == "0.75x"
    assert measured_["increment with 10 times the history"][3:] == ["1.00x", "aim met"]
    assert measured_["365-day backfill, runs for each asset group"][3:] == ["13", "MISSED, 13.0 times from the aim"]
    lines = report.exports_table(found.lines)
    assert "10.0x" in lines[2]
    assert "20.0x" in lines[2]
    assert len({len(line) for line in lines}) == 1
    assert "67,625" in lines[6]  # cryo's rows are counted in what it exports


def test_engines_that_leave_other_rows_are_no_comparison():
    rows = {"blocks": 500, "transactions": 90_000}
    ours, theirs = Export(Cost(1, 1, 1), rows), Export(Cost(1, 1, 1), rows | {"transactions": 89_999})
    with pytest.raises(CommandFailed, match="ethereum-etl left .*89999.*we left"):
        run._assert_same_rows({(OURS, "off"): [ours], (ETL, None): [theirs]})


def test_anothers_engine_that_fails_is_left_out_and_ours_is_not(home):
    def fine(node, blocks, scratch):
        return Export(Cost(1, 1, 1), {"blocks": blocks})

    def failing(node, blocks, scratch):
        raise CommandFailed("it crashed")

    home.mkdir()
    found = Found()
    run.compare(found, {(OURS, "off"): fine, (OTHER, None): failing}, home, 2, repeat=2, latency_ms=0)
    assert [line.engine for line in found.lines] == [OURS]
    assert found.remarks == ["cryo failed with 0 ms of latency: it crashed"]
    with pytest.raises(CommandFailed):
        run.compare(found, {(OURS, "off"): failing}, home, 2, repeat=1, latency_ms=0)


def test_a_budget_knows_which_way_is_better():
    assert Budget("speed", "x", 8, 15, 15.0, more=True).cells()[4] == "aim met"
    assert Budget("speed", "x", 8, 15, 7.5, more=True).cells()[4] == "MISSED, 2.0 times from the aim"
    assert Budget("time", " s", 60, 30, 45.0).cells()[4] == "must met, 1.5 times from the aim"


def test_a_backfill_is_told_with_what_its_runs_did_and_only_a_whole_year_is_a_figure():
    lines = report.backfill_table([_backfill("loads", 1)])
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["loads", "1", "365", "1", "694,595", "43", "70"]
    (*_, year) = budgets(Found(backfill=[_backfill("loads", 1), _backfill("aggregates", 1)]))
    assert year.cells()[3:] == ["1", "aim met"]
    (*_, short) = budgets(Found(backfill=[_backfill("loads", 1, days=30)]))
    assert short.cells()[3:] == ["not measured", ""]
