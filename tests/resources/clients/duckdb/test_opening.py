"""Opening DuckDB files: each is let go at the end, whatever happened."""

import os
import subprocess
import sys

import duckdb
import pytest

from core.errors import PermanentError, WarehouseBusy
from resources.clients.duckdb import opening
from resources.clients.duckdb.opening import opened
from resources.clients.duckdb.warehouse import DuckDbWarehouse


def _note(path):
    with opened(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (value INTEGER); INSERT INTO notes VALUES (1)")
        return connection.execute("SELECT count(*) FROM notes").fetchone()[0]


def test_a_file_is_free_between_uses_and_keeps_what_was_written(tmp_path):
    path = tmp_path / 'it\'s "a" file.duckdb'
    for times in (1, 2, 3):
        assert _note(path) == times
        with duckdb.connect(str(path)) as connection:  # as another program would
            assert connection.execute("SELECT count(*) FROM notes").fetchone() == (times,)


def test_files_of_one_name_are_open_side_by_side(tmp_path):
    paths = [tmp_path / place / "warehouse.duckdb" for place in ("one", "other")]
    for path in paths:
        path.parent.mkdir()
    assert _note(paths[1]) == 1
    with opened(paths[0]) as connection:
        assert _note(paths[1]) == 2
        assert connection.execute("SHOW TABLES").fetchall() == []


def _fail(path, failure):
    with opened(path) as connection:
        connection.execute("BEGIN; INSERT INTO notes VALUES (2)")
        raise failure


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), duckdb.FatalException("a database that is invalid since")])
def test_after_a_failure_the_file_is_free_and_the_next_use_works(tmp_path, failure):
    path = tmp_path / "warehouse.duckdb"
    _note(path)
    before = opening._instances[os.getpid()]
    with pytest.raises(type(failure)):
        _fail(path, failure)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    assert _note(path) == 2
    assert opening._instances[os.getpid()] is not before


def test_a_file_that_is_held_is_refused_and_may_be_opened_later(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)):
        with pytest.raises(duckdb.ResourceInUseException, match="already attached"):
            _note(path)
    assert _note(path) == 1


def test_what_does_not_fit_into_memory_goes_beside_the_file(tmp_path):
    for place in ("one", "other"):
        path = tmp_path / place / "warehouse.duckdb"
        path.parent.mkdir()
        with opened(path) as connection:
            assert connection.execute("SELECT current_setting('temp_directory')").fetchone() == (f"{path}.tmp",)


def test_what_was_committed_is_no_failure_when_the_file_cannot_be_let_go_of(tmp_path):
    """As when the disk takes the log of a commit, and not what DuckDB writes when it closes."""
    path = tmp_path / "warehouse.duckdb"
    _note(path)
    before = opening._instances[os.getpid()]
    with opened(path) as connection:
        connection.execute(f'INSERT INTO notes VALUES (2); USE memory; DETACH "{path}"')
    assert _note(path) == 3
    assert opening._instances[os.getpid()] != before


def _ask(path):
    with DuckDbWarehouse(str(path)).transaction() as session:
        return session.run("SELECT count(*) AS times FROM notes")


def test_another_programs_lock_may_pass(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    holds = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", holds, str(path)], **pipes) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WarehouseBusy, match="Close the program that holds it"):
            _ask(path)
        holder.stdin.close()


def _a_directory(path):
    path.mkdir()


def _other_bytes(path):
    path.write_bytes(b"not a database" * 1_500)


def _zeros_behind_the_headers(path):
    _note(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:12_288] + bytes(len(whole) - 12_288))


@pytest.mark.parametrize("damage", [_a_directory, _other_bytes, _zeros_behind_the_headers])
def test_what_is_no_database_is_not_tried_again(tmp_path, damage):
    path = tmp_path / "warehouse.duckdb"
    damage(path)
    with pytest.raises(PermanentError, match="move it away with its .wal") as refused:
        _ask(path)
    assert str(path) in str(refused.value)
