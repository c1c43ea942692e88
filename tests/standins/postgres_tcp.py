"""A PostgreSQL of its own that is reached as in production: over TCP, with a password."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from resources.clients.postgres.server import EmbeddedServer


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
    """A server with the login ``dagster``, in the directory ``home``."""
    found = TcpPostgres("127.0.0.1", free_port(), "dagster", password, "dagster")
    options = ["-c", "listen_addresses=127.0.0.1", "-p", str(found.port)]
    server = EmbeddedServer(home, ("postgres",), options, ["host all all 127.0.0.1/32 scram-sha-256"])
    folder = server.start()
    with psycopg.connect(
        f"host={folder} port={found.port} user=postgres dbname=postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE ROLE dagster LOGIN SUPERUSER PASSWORD '{password}'".encode())
        connection.execute("CREATE DATABASE dagster OWNER dagster")
    try:
        yield found
    finally:
        server.release()
