"""Replacing a live table as a whole: a table of the run's own, COPY, proofs, and one transaction that swaps them.

A reader finds the whole old table or the whole new one, with its grants and indexes, at every moment, whatever fails
where; what a killed run leaves goes with a later one. The table before stays as ``<table>_old`` for a rollback. The
live table's comment says what it holds, so that the same data is not loaded twice nor older data over newer.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.errors import HeadwaterError, LoadRejected, TransientError
from resources.clients.databridge.catalog import (
    Sql,
    answered,
    comment_of,
    count,
    dependent_views,
    exists,
    grants_of,
    indexes,
    may_read,
    named,
    refuse_guarded,
)
from resources.clients.databridge.rolling_back import STAMP, old_of
from resources.clients.databridge.schema import TableSchema, Target, casts, compound, literal, quoted

logger = logging.getLogger("headwater.databridge")

# Temporary tables older than any load lasts are swept.
ABANDONED = timedelta(days=1)
TEMPORARY = re.compile(r"t_.{0,41}_([0-9]{12})[0-9a-f]{6}")
MARK = "databridge"


class Unproved(LoadRejected):
    """A proof failed, and the live table is as it was. check: the name of the proof."""

    def __init__(self, check: str, said: str):
        super().__init__(said)
        self.check = check


@contextmanager
def proving(check: str) -> Iterator[None]:
    """Gives what is refused inside the name of a check."""
    try:
        yield
    except Unproved:
        raise
    except LoadRejected as rejected:
        raise Unproved(check, str(rejected)) from rejected


@dataclass(frozen=True)
class Wanted:
    """What the live table shall be.

    data: SHA-256 of what is loaded. rows: how many. extracted_at: a UTC text. cartodbfy: the Carto user, if it is one.
    """

    schema: str
    table: str
    columns: TableSchema
    data: str
    rows: int
    extracted_at: str
    indexes: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    cartodbfy: str | None = None

    @property
    def target(self) -> Target:
        return "carto" if self.cartodbfy else "postgres"

    @property
    def indexed(self) -> list[tuple[str, ...]]:
        """The columns of each index. On Carto the geometry has one of its own, on what replaces it."""
        geometry = self.columns.geometry
        entries = [compound(entry) for entry in self.indexes]
        return [entry for entry in entries if not (self.cartodbfy and geometry and geometry.name in entry)]

    @property
    def fingerprint(self) -> str:
        """What is the same exactly when loading again would change nothing."""
        parts = [self.data, self.columns.dump().decode(), *self.indexes, "|", *sorted(self.users)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@dataclass
class Loaded:
    """What a load did. unchanged: the live table held the data already. was_rows: of the table that it replaced."""

    rows: int
    unchanged: bool = False
    was_rows: int | None = None
    indexes: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)


class Replacement:
    """One load of one table."""

    def __init__(self, sql: Sql, wanted: Wanted, run: str, now: datetime):
        self._sql, self.wanted, self._now = sql, wanted, now
        # One run may load tables whose names begin alike.
        token = hashlib.sha256(f"{run}\n{wanted.schema}\n{wanted.table}".encode()).hexdigest()[:6]
        self.token = f"{now.astimezone(UTC):{STAMP}}{token}"
        self.temporary = f"t_{wanted.table[:41]}_{self.token}"

    def load(self, path: Path, before_swap: Callable[[int | None], None] = lambda _: None) -> Loaded:
        """Load the file. before_swap: is told the live table's rows, and raises to keep the live table.

        Raises:
            LoadRejected: when a proof fails, or the live table holds newer data; and the errors of the target.
        """
        live, said = self._named(self.wanted.table), self._said()
        was = count(self._sql, live) if exists(self._sql, live) else None
        if said.get(MARK) == self.wanted.fingerprint:
            # Loaded again all the same when somebody dropped an index or took a grant away.
            with suppress(LoadRejected):
                found = self._prove(self.wanted.table)
                return Loaded(self.wanted.rows, unchanged=True, was_rows=was, indexes=found)
        self._refuse_older(said.get("extracted_at"))
        self._sweep()
        try:
            self._fill(path)
            self._finish()
            before_swap(was)
            views = dependent_views(self._sql, live)
            self._sql.run(";\n".join(self.swap_statements(list(views.values()))))
        finally:
            self._drop_temporary()
        return Loaded(self.wanted.rows, False, was, self._prove_live(), list(views))

    def statements(self) -> list[str]:
        """The SQL of a load, in order, for a dry run."""
        copy = f"{self.copy_statement()}  -- {self.wanted.rows:,} rows"
        finish = [*self.finish_statements(), self.vacuum_statement()]
        return [self.create_statement(), copy, *finish, ";\n".join(self.swap_statements([]))]

    def create_statement(self) -> str:
        wanted = self.wanted
        columns = casts({column.name: column.sql_type(wanted.target) for column in wanted.columns.columns})
        return f"CREATE TABLE {self._named(self.temporary)} ({columns})"

    def copy_statement(self) -> str:
        names = ", ".join(quoted(name) for name in self.wanted.columns.names)
        options = f"FORMAT csv, HEADER true, ENCODING 'UTF8', FORCE_NULL ({names})"
        return f"COPY {self._named(self.temporary)} ({names}) FROM STDIN WITH ({options})"

    def finish_statements(self) -> list[str]:
        """A request each: Carto ends a statement after 25 s. Indexes come after cartodbfy, which loses them."""
        wanted, name = self.wanted, self._named(self.temporary)
        statements = []
        if wanted.cartodbfy:
            statements.append(f"SELECT cdb_cartodbfytable({literal(wanted.cartodbfy)}, {literal(name)})")
        for number, columns in enumerate(wanted.indexed):
            index = quoted(f"{wanted.table[:40]}_{number}_{self.token}")  # at most 63 bytes, whatever the columns
            geometry = wanted.columns.geometry
            using = "USING gist " if geometry and columns == (geometry.name,) else ""
            statements.append(f"CREATE INDEX {index} ON {name} {using}({', '.join(map(quoted, columns))})")
        if wanted.users:
            statements.append(f"GRANT SELECT ON {name} TO {', '.join(map(quoted, wanted.users))}")
        return statements

    def vacuum_statement(self) -> str:
        return f"VACUUM ANALYZE {self._named(self.temporary)}"

    def swap_statements(self, views: list[str]) -> list[str]:
        """The transaction that makes the new table the live one. views: the statements that make views read it."""
        wanted, live, old = self.wanted, self._named(self.wanted.table), self._named(old_of(self.wanted.table))
        comment = json.dumps(
            {MARK: wanted.fingerprint, "extracted_at": wanted.extracted_at, "rows": wanted.rows, "sha256": wanted.data}
        )
        said = f"obj_description(to_regclass({literal(live)}), 'pg_class')"
        newer = f'substring({said} from \'"extracted_at": "([^"]*)"\')'
        raised = literal(f"{live} holds newer data than of {wanted.extracted_at}").replace("%", "%%")
        older = f"{newer} > {literal(wanted.extracted_at)}"
        guard = f"DO $guard$ BEGIN IF {older} THEN RAISE EXCEPTION {raised}; END IF; END $guard$"
        return [
            f"SELECT pg_advisory_xact_lock(hashtext({literal(live)}))",
            guard,
            f"DROP TABLE IF EXISTS {old}",
            f"ALTER TABLE IF EXISTS {live} RENAME TO {quoted(old_of(wanted.table))}",
            f"ALTER TABLE {self._named(self.temporary)} RENAME TO {quoted(wanted.table)}",
            *views,
            f"COMMENT ON TABLE {live} IS {literal(comment)}",
        ]

    def _named(self, table: str) -> str:
        return named(self.wanted.schema, table)

    def _said(self) -> dict[str, Any]:
        """What the live table's comment says that it holds."""
        said = comment_of(self._sql, self._named(self.wanted.table))
        return said if MARK in said else {}

    def _refuse_older(self, newer: object) -> None:
        if isinstance(newer, str) and newer > self.wanted.extracted_at:
            raise LoadRejected(
                f"{self._named(self.wanted.table)} holds data of {newer[:40]}, newer than what was to be loaded, of "
                f"{self.wanted.extracted_at}. Extract the table again, or roll it back."
            )

    def _fill(self, path: Path) -> None:
        with proving("rows"):
            self._sql.run(self.create_statement())
            with path.open("rb") as file:
                taken = self._sql.copy(self.copy_statement(), file)
            if not taken == count(self._sql, self._named(self.temporary)) == self.wanted.rows:
                raise LoadRejected(
                    f"{self._named(self.wanted.table)}: {self.wanted.rows:,} rows were staged, COPY took {taken:,}. "
                    "The live table is as it was. Run again; extract again if that does not help."
                )

    def _finish(self) -> None:
        statements = self.finish_statements()
        if self.wanted.target == "postgres":
            # Who may do what is PostgreSQL's to say: it stays as it is. On Carto the table's file says it.
            live = self._named(self.wanted.table)
            refuse_guarded(self._sql, live)
            statements += grants_of(self._sql, live, self._named(self.temporary))
        for statement in statements:
            with proving({"GRANT": "grants", "CREATE": "indexes"}.get(statement.split(" ")[0], "rows")):
                self._sql.run(statement)
        self._prove(self.temporary)
        try:
            self._sql.run(self.vacuum_statement())
        except TransientError as error:
            # Carto ends a statement after 25 s, for a large table each time: plans are worse then, rows are the same.
            logger.warning("%s was not analyzed, and is loaded all the same: %s", self.temporary, error)

    def _prove_live(self) -> list[str]:
        try:
            return self._prove(self.wanted.table)
        except LoadRejected:
            if self._said().get(MARK) != self.wanted.fingerprint:
                return []  # another run has replaced it since, with newer data, and proves its own
            raise

    def _prove(self, table: str) -> list[str]:
        """The table's indexes; it has the rows, indexes and grants that are wanted.

        Raises:
            Unproved: naming what it lacks.
        """
        wanted, name = self.wanted, self._named(table)
        found = indexes(self._sql, wanted.schema, table)
        endings = [f"({', '.join(columns)})" for columns in wanted.indexed]
        lacks = []
        if (rows := count(self._sql, name)) != wanted.rows:
            lacks.append(("rows", f"{wanted.rows:,} rows (it has {rows:,})"))
        for ending in endings:
            if not any(definition.replace('"', "").endswith(ending.replace('"', "")) for definition in found):
                lacks.append(("indexes", f"an index on {ending}"))
        lacks += [("grants", f"a grant to {user}") for user in wanted.users if not may_read(self._sql, user, name)]
        if lacks:
            raise Unproved(lacks[0][0], f"{name} lacks {'; '.join(said for _, said in lacks)}. Run again.")
        return found

    def _sweep(self) -> None:
        """Remove temporary tables that killed loads of any table left in this schema."""
        rows = answered(
            self._sql,
            f"SELECT tablename FROM pg_tables WHERE schemaname = {literal(self.wanted.schema)} "
            "AND tablename ~ '^t_.*_[0-9a-f]{18}$'",
            tablename=str,
        )
        for name in (row["tablename"] for row in rows):
            found = TEMPORARY.fullmatch(name)
            with suppress(ValueError):
                if found and self._now - datetime.strptime(f"{found[1]}+0000", f"{STAMP}%z") > ABANDONED:
                    self._sql.run(f"DROP TABLE IF EXISTS {self._named(name)}")

    def _drop_temporary(self) -> None:
        try:
            self._sql.run(f"DROP TABLE IF EXISTS {self._named(self.temporary)}")
        except HeadwaterError as error:
            # It must not hide what went wrong before; a later load sweeps the table.
            logger.warning("%s stays until a later load: %s", self.temporary, error)
