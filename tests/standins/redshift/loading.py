"""Carrying out a COPY in the client's session and transaction."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.standins.redshift import formats, parquet
from tests.standins.redshift.copy_command import CopyCommand, parsed
from tests.standins.redshift.sources import SourceFile
from tests.standins.redshift.values import LoadError, Target, converted
from tests.standins.redshift.wire import RedshiftError

if TYPE_CHECKING:
    from tests.standins.redshift.session import Session

COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, NULL), a.atttypmod, a.attnotnull, a.atthasdef, a.attrelid
    FROM pg_attribute a WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


@dataclass
class _Load:
    """One COPY under way. ``rows`` by file, for the commits."""

    session: "Session"
    command: CopyCommand
    columns: list[Target]
    query: int
    rows: dict[str, int] = field(default_factory=dict)
    errors: int = 0


def load(session: "Session", statement: str) -> int:
    """Execute a COPY; the rows it loaded.

    Raises:
        RedshiftError: when it fails; what was wrong with the files stands in the system tables.
    """
    command = parsed(statement)
    work = _Load(session, command, _targets(session, command), session.standin.journal.next_query())
    names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in work.columns)
    if command.no_load:
        for _ in _chunks(work):
            pass
        return 0
    session.copy_in(f"COPY {command.table} ({names}) FROM STDIN WITH (FORMAT csv)", list(_chunks(work)))
    for uri, count in work.rows.items():
        entry = {"query": work.query, "filename": uri, "lines_scanned": count, "pid": session.pid}
        session.standin.journal.add(session.database, "stl_load_commits", entry | {"status": 1, "errors": 0})
    total = sum(work.rows.values())
    session.standin.journal.add(session.database, "copies", {"query": work.query, "pid": session.pid, "rows": total})
    return total


def _targets(session: "Session", command: CopyCommand) -> list[Target]:
    """The columns to fill, in the order that the files have them."""
    found = {}
    for name, type_, modifier, required, default, _ in session.rows(COLUMNS.format(table=command.table)):
        if name is not None and type_ is not None and modifier is not None:
            size, scale = _size(type_, int(modifier))
            found[name] = Target(name, type_, size, scale, required == "f", default == "t")
    unknown = [name for name in command.columns if name not in found]
    if unknown:
        raise RedshiftError(f'column "{unknown[0]}" of relation "{command.table}" does not exist', "42703")
    return [found[name] for name in command.columns or found]


def _size(type_: str, modifier: int) -> tuple[int | None, int | None]:
    if modifier < 0:
        return None, None
    if type_ == "numeric":
        return (modifier - 4) >> 16, (modifier - 4) & 0x7FF
    return modifier - 4, None


def _chunks(work: _Load) -> Iterator[bytes]:
    """All files' rows as the server's CSV; all of them are read before the first is given to it."""
    paths = _json_paths(work)
    for file in work.session.standin.s3.files(work.command):
        work.rows[file.uri] = 0
        if work.command.layout == "parquet":
            yield from _parquet(work, file)
        else:
            yield _text_rows(work, file, paths)


def _json_paths(work: _Load) -> list[Any] | None:
    source = work.command.json_paths
    if work.command.layout != "json" or source.lower() in ("auto", "auto ignorecase"):
        return None
    try:
        paths = formats.json_paths(work.session.standin.s3.content(source))
    except (ValueError, KeyError, TypeError) as error:
        raise RedshiftError(f"Invalid JSONPath format in {source}") from error
    if len(paths) != len(work.columns):
        raise RedshiftError(f"Number of jsonpaths and the number of columns should match. JSONPath size: {len(paths)}")
    return paths


def _parquet(work: _Load, file: SourceFile) -> Iterator[bytes]:
    try:
        for count, chunk in parquet.csv_chunks(file.uri, file.content, work.columns):
            work.rows[file.uri] += count
            yield chunk
    except RedshiftError as error:
        message = {"query": work.query, "pid": work.session.pid, "message": error.detail}
        work.session.standin.journal.add(work.session.database, "svl_s3log", message)
        raise


def _text_rows(work: _Load, file: SourceFile, paths: list[Any] | None) -> bytes:
    out = io.StringIO()
    for record in formats.records(file.content, work.columns, work.command, paths):
        try:
            values = _converted(work, record)
        except LoadError as error:
            _reject(work, file, record, error)
            continue
        work.rows[file.uri] += 1
        out.write(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n")
    return out.getvalue().encode()


def _converted(work: _Load, record: formats.Record) -> list[str | None]:
    """A record's fields as the server takes them.

    Raises:
        LoadError: naming the column.
    """
    if record.error:
        raise record.error
    values = []
    for column, value in zip(work.columns, record.fields, strict=True):
        try:
            values.append(converted(value, column, work.command))
        except LoadError as error:
            error.column, error.field = column, value or ""
            raise
    return values


def _reject(work: _Load, file: SourceFile, record: formats.Record, error: LoadError) -> None:
    """Note a load error; past MAXERROR of them the COPY fails."""
    column = error.column
    work.errors += 1
    entry = {
        "userid": 100, "slice": 0, "query": work.query, "session": work.session.pid, "filename": file.uri,
        "line_number": record.line, "colname": column.name if column else "",
        "type": column.type_name if column else "", "col_length": str(column.size or "") if column else "",
        "position": 0, "raw_line": record.raw[:1024], "raw_field_value": error.field[:1024],
        "err_code": error.code, "err_reason": error.reason[:100], "tbl_name": work.command.table,
    }  # fmt: skip
    work.session.standin.journal.add(work.session.database, "stl_load_errors", entry)
    if work.errors > work.command.max_errors:
        table = work.command.table.rsplit(".", 1)[-1].strip('"')
        raise RedshiftError(f"Load into table '{table}' failed.  Check 'stl_load_errors' system table for details.")
