"""Fixtures of the clients' tests."""

from tests.standins.postgres import database, postgres_server

__all__ = ["database", "postgres_server"]
