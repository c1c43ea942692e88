"""ethereum-etl's environment: made once, made whole, made by one process at a time."""

import hashlib
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import PermanentError
from resources.clients.ethereum_etl.environment import COMPLETE, LOCK, etl_command
from tests.conftest import KEPT

SAYS_HELLO = "def main():\n    print('hello')\n"
METADATA = "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def lock(tmp_path):
    """A lock of one package, made here, whose command has the name of ethereum-etl's."""
    wheel = tmp_path / "small-1.0-py3-none-any.whl"
    files = {
        "small.py": SAYS_HELLO,
        "small-1.0.dist-info/METADATA": METADATA,
        "small-1.0.dist-info/WHEEL": WHEEL,
        "small-1.0.dist-info/entry_points.txt": "[console_scripts]\nethereumetl = small:main\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("small-1.0.dist-info/RECORD", "".join(f"{name},,\n" for name in files))
    path = tmp_path / "small.lock"
    path.write_text(f"small @ {wheel.as_uri()} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    return path


def _says(command):
    return subprocess.run([command], capture_output=True, text=True, check=True).stdout


def test_it_is_made_once_by_whoever_comes_first(home, lock):
    said = []
    with ThreadPoolExecutor(3) as threads:
        commands = set(threads.map(lambda _: etl_command(home, said.append, lock), range(3)))
    (command,) = commands
    assert _says(command) == "hello\n"
    assert len(said) == 1
    made = command.stat().st_mtime_ns
    assert etl_command(home, said.append, lock) == command
    assert (command.stat().st_mtime_ns, len(said)) == (made, 1)


def test_half_an_environment_and_one_that_was_moved_are_made_anew(home, lock, tmp_path):
    command = etl_command(home, lock=lock)
    (command.parent.parent / COMPLETE).unlink()
    command.write_text("half")
    assert _says(etl_command(home, lock=lock)) == "hello\n"
    moved = home.rename(tmp_path / "elsewhere")
    assert _says(etl_command(moved, lock=lock)) == "hello\n"


def test_a_file_with_another_hash_is_refused(home, lock):
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0")[:-2] + "\n")
    with pytest.raises(PermanentError, match=r"cannot make its environment in .*ethereum-etl-.*(?i:hash)"):
        etl_command(home, lock=lock)
    assert not list(home.glob(f"*/{COMPLETE}"))


def test_a_lock_without_ethereum_etl_and_a_missing_lock_are_named(home, tmp_path):
    empty = tmp_path / "empty.lock"
    empty.write_text("")
    with pytest.raises(PermanentError, match=r"empty\.lock brings no command ethereumetl"):
        etl_command(home, lock=empty)
    with pytest.raises(PermanentError, match=r"cannot read .*none\.lock"):
        etl_command(home, lock=tmp_path / "none.lock")


def test_the_lock_pins_hashes_and_names_no_address():
    text = LOCK.read_text()
    assert "ethereum-etl==2.4.2" in text
    assert "://" not in text
    assert text.count("==") <= text.count("--hash=sha256:")


@pytest.mark.slow
@pytest.mark.xdist_group("ethereum-etl")
def test_the_real_lock_installs_and_runs(ethereum_etl):
    """In the directory that is named after what the lock holds: what is kept there was installed from it."""
    command = etl_command(KEPT)
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ethereumetl, version 2.4.2"
    helped = subprocess.run([command, "export_receipts_and_logs", "--help"], capture_output=True, text=True, check=True)
    assert "--provider-uri" in helped.stdout
    assert sys.prefix not in str(command)
