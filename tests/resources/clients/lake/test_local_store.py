"""A directory as a store: durable, private, and clean after every failure."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import DiskRefused, LakeDamaged
from resources.clients.lake.local_store import LocalObjectStore


@pytest.fixture
def root(tmp_path):
    return tmp_path / "lake"


@pytest.fixture
def store(root):
    return LocalObjectStore(root)


FULL = OSError(errno.ENOSPC, "No space left on device")


STEPS = {
    "write": ["pathlib.Path.write_bytes", "os.utime", "os.fsync", "pathlib.Path.mkdir", "pathlib.Path.replace"],
    "upload": ["shutil.move", "os.utime", "os.fsync", "pathlib.Path.mkdir", "pathlib.Path.replace"],
}


@pytest.mark.parametrize(("way", "step"), [(way, step) for way, steps in STEPS.items() for step in steps])
def test_whatever_fails_nothing_of_it_is_left(tmp_path, monkeypatch, way, step):
    store, file = LocalObjectStore(tmp_path / "lake"), tmp_path / "file"
    store.write("old", b"old")
    file.write_bytes(b"new")
    put = (lambda: store.write("a/b/new", b"new")) if way == "write" else (lambda: store.upload("a/b/new", file))

    def full(*_arguments, **_named):
        raise FULL

    with monkeypatch.context() as patched:
        patched.setattr(step, full)
        with pytest.raises(DiskRefused, match=r"cannot write .*/lake/a/b/new: No space.* bytes are free.*run again"):
            put()
    assert list((tmp_path / "lake/.incoming").iterdir()) == []
    assert (store.read("old"), store.read("a/b/new")) == (b"old", None)
    file.write_bytes(b"new")
    put()
    assert store.read("a/b/new") == b"new"


def test_half_a_file_is_removed_too(store, root, monkeypatch):
    def half(path, data):
        with path.open("wb") as file:
            file.write(data[:1])
        raise FULL

    monkeypatch.setattr("pathlib.Path.write_bytes", half)
    with pytest.raises(DiskRefused):
        store.write("k", b"new")
    assert list((root / ".incoming").iterdir()) == []


def test_what_a_killed_run_left_goes_once_no_run_can_need_it(root, clock):
    store = LocalObjectStore(root, clock)
    store.write("k", b"1")
    left, used = root / ".incoming/left", root / ".incoming/used"
    for path, age in ((left, timedelta(hours=25)), (used, timedelta(hours=23))):
        path.write_bytes(b"part")
        os.utime(path, ((clock.now() - age).timestamp(),) * 2)
    assert [found.key for found in store.list("")] == ["k"]
    store.write("k", b"2")
    assert list((root / ".incoming").iterdir()) == [used]


def test_an_old_file_that_is_moved_in_is_no_left_over(store, tmp_path, monkeypatch):
    path, real, seen = tmp_path / "file", os.fsync, []
    path.write_bytes(b"1")
    os.utime(path, (0, 0))

    def beside_another_run(descriptor):
        real(descriptor)
        if not seen:
            seen.append(True)
            store.write("other", b"2")

    monkeypatch.setattr("os.fsync", beside_another_run)
    store.write("first", b"")
    seen.clear()
    store.upload("k", path)
    assert store.read("k") == b"1"


def test_file_name_and_folders_are_on_the_disk_in_this_order(store, root, monkeypatch):
    store.write("first", b"")
    steps, replace, sync = [], Path.replace, os.fsync
    monkeypatch.setattr(
        "os.fsync",
        lambda descriptor: (steps.append(str(Path(f"/proc/self/fd/{descriptor}").readlink())), sync(descriptor)),
    )
    monkeypatch.setattr("pathlib.Path.replace", lambda path, target: (steps.append("replace"), replace(path, target)))
    store.write("a/b/k", b"1")
    part, *others = steps
    assert part.startswith(str(root / ".incoming"))
    assert others == [str(root), str(root / "a"), "replace", str(root / "a/b")]


def test_what_it_makes_is_for_its_user_only(store, root):
    store.write("a/b/k", b"1")
    folders = [root, root / ".incoming", root / "a", root / "a/b"]
    assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o700"}


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../outside", "link/x", "file-link"])
def test_a_key_does_not_lead_out(store, root, tmp_path, key):
    store.write("k", b"1")
    (tmp_path / "outside").write_bytes(b"theirs")
    (root / "link").symlink_to(tmp_path)
    (root / "file-link").symlink_to(tmp_path / "outside")
    for action in (store.read, store.delete, lambda key: store.fetch(key, tmp_path), lambda key: store.write(key, b"")):
        with pytest.raises(LakeDamaged, match="leads out of"):
            action(key)
    assert (tmp_path / "outside").read_bytes() == b"theirs"


def test_a_directory_in_the_place_of_an_object_is_told(store, root):
    (root / "k").mkdir(parents=True)
    with pytest.raises(LakeDamaged, match="is a directory"):
        store.read("k")
    store.write("k", b"1")
    assert store.read("k") == b"1"
    (root / "full/x").mkdir(parents=True)
    with pytest.raises(DiskRefused, match=r"lake/full: Directory not empty"):
        store.write("full", b"1")


@pytest.mark.parametrize(
    "trouble", [PermissionError(errno.EACCES, "Permission denied"), OSError(errno.EIO, "Input/output error")]
)
@pytest.mark.parametrize("step", ["stat", "read_bytes", "is_file", "rglob"])
def test_a_file_that_the_disk_does_not_give_is_told(store, tmp_path, monkeypatch, trouble, step):
    store.write("a/k", b"1")

    def refuse(*_arguments, **_named):
        raise trouble

    actions = {
        "stat": lambda: store.read("a/k"),
        "read_bytes": lambda: store.read("a/k"),
        "is_file": lambda: store.fetch("a/k", tmp_path),
        "rglob": lambda: store.list("a/"),
    }
    with monkeypatch.context() as patched:
        patched.setattr(f"pathlib.Path.{step}", refuse)
        with pytest.raises(DiskRefused, match=rf"cannot read .*/lake/a.*: {trouble.strerror}\. .*then run again"):
            actions[step]()
    assert store.read("a/k") == b"1"
