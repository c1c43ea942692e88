"""Fixtures of the IO managers' tests."""

from tests.standins.postgres import database, postgres_server

__all__ = ["database", "postgres_server"]
