"""A reader of live tables: what it saw of each, in order, and whether it was refused."""

import threading
from typing import Any

import psycopg

PAUSE = 0.02


class Watcher:
    """Looks at tables as a role that may only read what it was granted.

    saw: by table, the counts of rows in the order in which they were first seen; None while there was no table.
    looks: how often each was looked at.
    """

    def __init__(self, parameters: dict[str, Any], tables: list[str], role: str):
        self.saw: dict[str, list[int | None]] = {table: [] for table in tables}
        self.refused: list[str] = []
        self.looks = 0
        self._parameters, self._role, self._over = parameters, role, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(10)

    def _watch(self) -> None:
        with psycopg.connect(**self._parameters, autocommit=True) as connection:
            connection.execute(f"SET ROLE {self._role}".encode())
            while not self._over.wait(PAUSE):
                for table, saw in self.saw.items():
                    rows = self._look(connection, table)
                    if not saw or saw[-1] != rows:
                        saw.append(rows)
                self.looks += 1

    def _look(self, connection: psycopg.Connection, table: str) -> int | None:
        try:
            (rows,) = connection.execute(f'SELECT count(*) FROM public."{table}"'.encode()).fetchone() or (None,)
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.Error as error:
            self.refused.append(f"{table}: {str(error).splitlines()[0]}")
            return None
        return rows
