"""A PostgreSQL with PostGIS for as long as it is needed, where the Debian package is; the embedded one has none."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.server import identity

PACKAGE = "postgresql-15-postgis-3"


def programs() -> Path | None:
    """Where the programs of the newest server with PostGIS are; None where there is none."""
    for control in sorted(Path("/usr/share/postgresql").glob("*/extension/postgis.control"), reverse=True):
        folder = Path("/usr/lib/postgresql", control.parts[-3], "bin")
        if folder.is_dir():
            return folder
    return None


@contextmanager
def postgis_server(folder: Path) -> Iterator[PostgresAddress]:
    """A new server of these programs. It listens on a socket that only this user may enter, and is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="headwater-postgis-"))

    def call(program: str, *arguments: str) -> None:
        command = [*identity().prefix, str(folder / program), "-D", str(home / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=home)

    call("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    options = f"-k {home} -c listen_addresses= -c fsync=off -c unix_socket_permissions=0700"
    call("pg_ctl", "-w", "-l", str(home / "log"), "-o", options, "start")
    try:
        yield PostgresAddress(host=str(home), port=5432, database="postgres", user="postgres", dbt_user="postgres")
    finally:
        call("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)
