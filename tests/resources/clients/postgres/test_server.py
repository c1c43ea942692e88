"""The embedded server does no harm, and comes up whatever a power cut or a stranger left."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import psutil
import psycopg
import pytest

from core.errors import DatabaseUnavailable, SettingError
from resources.clients.postgres import server as embedded
from resources.clients.postgres.server import PORT, EmbeddedServer

PROGRAM = """
import sys
from pathlib import Path
from resources.clients.postgres.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), ("postgres",))
print(server.start(), flush=True)
sys.stdin.readline()
"""


def started(home):
    """A process that uses the server of that home until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def ended(process):
    process.communicate("\n", timeout=60)


def answers(folder):
    with psycopg.connect(f"host={folder} port={PORT} user=postgres dbname=postgres") as connection:
        return connection.execute("SELECT count(*) FROM pg_stat_activity").fetchone()[0] > 0


def postmaster(home):
    return psutil.Process(int((home / "postgres/postmaster.pid").read_text().split("\n")[0]))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Data of a server that is not running, to be copied."""
    home = tmp_path_factory.mktemp("made")
    server = EmbeddedServer(home, ("postgres",))
    server.start()
    server.release()
    return home / "postgres"


@pytest.fixture
def home(made, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(made, home / "postgres", symlinks=True)
    (home / "postgres").chmod(0o700)
    yield home
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            try:
                if Path(process.cwd()) == home / "postgres":
                    process.send_signal(signal.SIGQUIT)
            except psutil.Error:
                continue


@pytest.fixture
def server(home):
    server = EmbeddedServer(home, ("postgres",))
    yield server
    server.release()


@pytest.mark.parametrize("written", ["", "\n", "not a number\n", "99999999999999999999\n", "-1\n", "0\n", "1\n"])
def test_a_pid_file_that_says_nothing_is_no_server(server, home, written):
    (home / "postgres/postmaster.pid").write_text(written)
    assert answers(server.start())


@pytest.mark.parametrize("stop", ["release", "start again"])
def test_another_program_under_the_number_of_the_file_lives_on(server, home, stop):
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    try:
        lines = [str(innocent.pid), str(home / "postgres"), "1700000000", "5432", "", "", "1 1", "ready", ""]
        (home / "postgres/postmaster.pid").write_text("\n".join(lines))
        assert answers(server.start())
        if stop == "release":
            server.release()
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.parametrize("kill", ["user", "server", "both"])
def test_it_comes_up_after_kills(home, kill):
    process, folder = started(home)
    running = postmaster(home)
    assert answers(folder)
    if kill in ("user", "both"):
        process.kill()
        process.wait()
    if kill in ("server", "both"):
        running.kill()
    again, folder = started(home)
    assert answers(folder)
    ended(again)
    if kill == "server":
        ended(process)
    assert not (home / "postgres/postmaster.pid").exists()


def test_the_last_user_stops_it_and_no_other(home):
    first, folder = started(home)
    second, _ = started(home)
    ended(first)
    assert answers(folder)
    ended(second)
    assert not (home / "postgres/postmaster.pid").exists()


def test_two_that_start_at_once_share_one_server(tmp_path):
    home = tmp_path / "fresh"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    folders = {process.stdout.readline().strip() for process in processes}
    assert folders == {str(home / "postgres")}
    assert answers(folders.pop())
    for process in processes:
        ended(process)


def test_a_crash_while_the_data_are_made_is_made_good(tmp_path):
    home = tmp_path / "fresh"
    (home / "postgres.new/base").mkdir(parents=True)
    (home / "postgres.new/PG_VERSION").write_text("18\n")
    server = EmbeddedServer(home, ("postgres",))
    assert answers(server.start())
    assert not (home / "postgres.new").exists()
    server.release()


def test_places_are_its_users_only(server, home):
    folder = server.start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / f".s.PGSQL.{PORT}").stat().st_mode) == 0o700
    said = (home / "postgres/pg_hba.conf").read_text()
    assert "trust" not in said
    with pytest.raises(psycopg.OperationalError, match="[Pp]eer authentication failed"):
        psycopg.connect(f"host={folder} port={PORT} user=somebody dbname=postgres")


def test_another_user_of_the_machine_cannot_enter(server, home):
    """Neither by the socket nor by the files."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    folder = server.start()
    tries = f"""
import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for what in (lambda: socket.socket(socket.AF_UNIX).connect({str(folder / f".s.PGSQL.{PORT}")!r}),
             lambda: open({str(home / "postgres/PG_VERSION")!r}), lambda: os.listdir({str(folder)!r})):
    try:
        what()
        print("entered")
    except PermissionError:
        print("refused")
"""
    said = subprocess.run([sys.executable, "-c", tries], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["refused"] * 3


def test_no_mode_of_a_directory_above_changes(tmp_path):
    above = tmp_path / "closed"
    above.mkdir(mode=0o700)
    server = EmbeddedServer(above / "home", ("postgres",))
    if embedded.identity().uid == os.geteuid():
        assert answers(server.start())
        server.release()
        assert stat.S_IMODE((above / "home").stat().st_mode) == 0o700
    else:
        with pytest.raises(SettingError, match=f"needs to enter {tmp_path}"):
            server.start()
    assert stat.S_IMODE(above.stat().st_mode) == 0o700


def test_a_home_that_something_else_made_is_opened_as_far_as_the_servers_account_needs():
    """As make and the lake make it, 0700; nobody but this user can list it afterwards either."""
    above = Path(tempfile.mkdtemp(prefix="hw", dir="/tmp"))
    above.chmod(0o711)
    home = above / "home"
    home.mkdir(mode=0o700)
    server = EmbeddedServer(home, ("postgres",))
    try:
        assert answers(server.start())
        server.release()
        ordinary = embedded.identity().uid == os.geteuid()
        assert stat.S_IMODE(home.stat().st_mode) == (0o700 if ordinary else 0o711)
    finally:
        shutil.rmtree(above)


def long_home(made, tmp_path):
    home = tmp_path / ("long-" * 30)
    home.mkdir(mode=0o700)
    shutil.copytree(made, home / "postgres", symlinks=True)
    (home / "postgres").chmod(0o700)
    return home


@pytest.fixture
def runtime(monkeypatch):
    """Where sockets of long homes are put; its own path is short."""
    folder = Path(tempfile.mkdtemp(prefix="hw", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_a_path_too_long_for_a_socket_has_it_in_a_folder_of_its_users(made, tmp_path, runtime):
    server = EmbeddedServer(long_home(made, tmp_path), ("postgres",))
    folder = server.start()
    assert folder.parent == runtime
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert answers(folder)
    server.release()


@pytest.mark.parametrize("trap", ["open to others", "link", "file", "another user's"])
def test_a_socket_folder_that_somebody_prepared_is_refused(made, tmp_path, runtime, trap):
    server = EmbeddedServer(long_home(made, tmp_path), ("postgres",))
    folder = server._socket_folder()
    if trap == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "link":
        (runtime / "elsewhere").mkdir()
        folder.symlink_to(runtime / "elsewhere")
    elif trap == "another user's":
        folder.mkdir(mode=0o700)
        try:
            os.chown(folder, 65534, 65534)
        except PermissionError:
            pytest.skip("only root can give a folder to another user")
    else:
        folder.touch()
    with pytest.raises(SettingError, match=f"{folder}.* is not a folder that only its user may enter"):
        server.start()
    server.release()


def test_data_of_the_old_way_are_taken_over(server, home):
    (home / "postgres/pg_hba.conf").write_text("local all all trust\nhost all all 0.0.0.0/0 trust\n")
    assert answers(server.start())
    assert (home / "postgres/pg_hba.conf").read_text() == "local all all peer map=headwater\n"


def test_data_that_are_none_are_told_with_what_to_do(tmp_path):
    (tmp_path / "postgres").mkdir()
    server = EmbeddedServer(tmp_path, ("postgres",))
    with pytest.raises(DatabaseUnavailable, match="holds no data of a server.*Move it away"):
        server.start()
    server.release()


def test_a_start_that_fails_quotes_the_server(server, home):
    (home / "postgres/global/pg_control").write_bytes(b"")
    with pytest.raises(DatabaseUnavailable, match="does not start: .*set POSTGRES_HOST"):
        server.start()


def test_a_user_without_a_name_is_a_sentence(monkeypatch):
    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(embedded.pwd, "getpwuid", nobody)
    embedded.identity.cache_clear()
    try:
        with pytest.raises(SettingError, match=r"the user with id \d+ has no name"):
            EmbeddedServer(Path(tempfile.gettempdir()) / uuid.uuid4().hex, ("postgres",))
    finally:
        embedded.identity.cache_clear()
