"""The system tables that are no part of any transaction: files beside the server, which its views read.

So a row is there for every session at once, also inside a transaction that began before, and no rollback takes it.
"""

import json
import threading
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

TABLES = {
    "stl_load_errors": {
        "userid": "integer", "slice": "integer", "tbl": "integer", "starttime": "timestamp", "session": "integer",
        "query": "integer", "filename": "text", "line_number": "bigint", "colname": "text", "type": "text",
        "col_length": "text", "position": "integer", "raw_line": "text", "raw_field_value": "text",
        "err_code": "integer", "err_reason": "text", "is_partial": "integer", "start_offset": "bigint",
    },
    "stl_load_commits": {
        "userid": "integer", "slice": "integer", "query": "integer", "name": "text", "filename": "text",
        "byte_offset": "integer", "lines_scanned": "bigint", "errors": "integer", "curtime": "timestamp",
        "status": "smallint",
    },
    "svl_s3log": {"pid": "integer", "query": "integer", "segment": "integer", "step": "integer", "node": "integer",
                  "slice": "integer", "eventtime": "timestamp", "message": "text"},
    "stl_query": {
        "userid": "integer", "query": "integer", "label": "text", "xid": "bigint", "pid": "integer",
        "database": "text", "querytxt": "text", "starttime": "timestamp", "endtime": "timestamp", "aborted": "integer",
    },
}  # fmt: skip


class Journal:
    """Appends rows to the files under a directory that the server may read."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(mode=0o755, exist_ok=True)
        self._lock, self._queries = threading.Lock(), count(1000)

    def next_query(self) -> int:
        """A query's number."""
        return next(self._queries)

    def add(self, database: str, table: str, row: dict[str, Any]) -> None:
        """Write one row; it is there when this returns."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        line = json.dumps({"starttime": now, "curtime": now, "eventtime": now, "endtime": now} | row)
        with self._lock, (self.directory / f"{database}.{table}").open("a") as file:
            file.write(line.replace("\\u0000", "") + "\n")

    def rows(self, database: str, table: str) -> list[dict[str, Any]]:
        """What was written, oldest first."""
        path = self.directory / f"{database}.{table}"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def forget(self, database: str) -> None:
        """Remove what was written of a database."""
        for name in TABLES:
            (self.directory / f"{database}.{name}").unlink(missing_ok=True)

    def views(self) -> str:
        """DDL of the views that read the files."""
        path = f"'{self.directory}/' || current_database() || '.' || name"
        reader = (
            "CREATE FUNCTION redshift_standin.journal(name text) RETURNS SETOF jsonb LANGUAGE sql VOLATILE "
            "SECURITY DEFINER AS $body$ SELECT line::jsonb FROM "
            f"regexp_split_to_table(pg_read_file({path}, 0, 1000000000, true), E'\\n') AS line WHERE line <> '' $body$"
        )
        statements = [reader]
        for name, columns in TABLES.items():
            listed = ", ".join(f'"{column}" {type_}' for column, type_ in columns.items())
            statements.append(
                f"CREATE VIEW pg_catalog.{name} AS SELECT fields.* FROM redshift_standin.journal('{name}') AS entry, "
                f"jsonb_to_record(entry) AS fields({listed})"
            )
        statements.append(
            "CREATE VIEW pg_catalog.sys_load_error_detail AS SELECT session AS session_id, query AS query_id, "
            "starttime AS start_time, filename AS file_name, line_number, colname AS column_name, type AS column_type, "
            "col_length AS column_length, position, err_code AS error_code, err_reason AS error_message "
            "FROM pg_catalog.stl_load_errors"
        )
        return ";\n".join(statements)
