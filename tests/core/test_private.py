"""HEADWATER_HOME and what lies below are for their user only, whoever makes them first."""

import errno
import shutil
from pathlib import Path

import pytest

from commands import running
from core.errors import DiskRefused
from core.private import make_private
from resources.clients.dbt import parsed
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.ethereum_etl import environment
from resources.clients.lake.local_store import LocalObjectStore


def modes(folder, top):
    return {oct(found.stat().st_mode & 0o777) for found in (folder, *folder.parents) if found.is_relative_to(top)}


def test_what_is_made_is_private_and_what_is_there_stays(tmp_path):
    (tmp_path / "theirs").mkdir(0o755)
    home = tmp_path / "theirs/home"
    make_private(home / "a/b")
    make_private(home / "a/b")
    assert modes(home / "a/b", home) == {"0o700"}
    assert (tmp_path / "theirs").stat().st_mode & 0o777 == 0o755


def lake(home, monkeypatch):
    LocalObjectStore(home / "lake").write("k", b"1")


def warehouse(home, monkeypatch):
    with DuckDbWarehouse(str(home / "warehouse.duckdb")).exclusive():
        pass


def kept_parsing(home, monkeypatch):
    with parsed.lent(home / "dbt/parsed", home.parent / "target"):
        (home.parent / "target" / parsed.PARSED).write_bytes(b"x")


def etl(home, monkeypatch):
    monkeypatch.setattr(environment, "_make", lambda directory, lock: directory.mkdir())
    environment.etl_command(home)


def record(home, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("HEADWATER_HOME", str(home))
    running._instance()


@pytest.mark.parametrize("first", [lake, warehouse, kept_parsing, etl, record])
def test_whoever_comes_first_makes_the_home_private(first, tmp_path, monkeypatch):
    home = tmp_path / "home"
    first(home, monkeypatch)
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("first", [warehouse, etl, record])
@pytest.mark.parametrize("home", ["file", "file/below", "nowhere"])
def test_a_home_that_cannot_be_made_is_a_sentence(first, home, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a directory")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone" / "away")
    with pytest.raises(DiskRefused, match="HEADWATER_HOME") as refused:
        first(tmp_path / home, monkeypatch)
    assert str(tmp_path / home) in str(refused.value)


def test_a_full_disk_leaves_no_half_of_dagsters_settings(tmp_path, monkeypatch):
    """Half of them would be taken as they are from then on: without the pools, say."""

    def full(source, target):
        Path(target).write_text("telemetry:")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(DiskRefused, match="No space left on device"):
            record(tmp_path / "home", monkeypatch)
    assert list((tmp_path / "home").iterdir()) == []
    record(tmp_path / "home", monkeypatch)
    assert (tmp_path / "home/dagster.yaml").read_text() == running.DAGSTER_YAML.read_text()


def test_make_makes_the_home_private():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert "mkdir -p -m 700 $(DAGSTER_HOME)" in makefile
