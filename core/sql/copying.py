"""SQL that only Redshift has: COPY from S3, and what it says of a COPY that failed."""

from core.sql.ddl import staging
from core.sql.dialects import REDSHIFT, length_column
from core.sql.names import address_of, literal, quoted
from core.tables import ColumnType, Table

# The format of the files of one COPY, and what it says of them. Parquet's columns are matched by position, the
# others' by the list of columns or by name.
PARQUET = "FORMAT AS PARQUET"
CSV = "FORMAT AS CSV IGNOREHEADER 1 GZIP"
CSV_WITHOUT_HEADER = "FORMAT AS CSV GZIP"
JSON = "FORMAT AS JSON 'auto' GZIP"

# Rows of the load's own record quoted in a failure.
QUOTED_ERRORS = 5


def file_columns(table: Table) -> list[str]:
    """The columns of the csv and JSON files that a load makes: the old files' own, wide numbers apart, and the day."""
    wider = [column.wider for column in table.contract if column.wider]
    return [*(column.name for column in table.contract), *wider, table.day_column]


def copy(table: Table, manifest_uri: str, iam_role: str, format: str, null: str) -> str:
    """Load the files of a manifest into the staging table.

    iam_role: an ARN, or ``default``. null: the cell that stands for null, where the format has cells.
    """
    role = "default" if iam_role == "default" else literal(iam_role)
    columns = "" if format == PARQUET else f" ({', '.join(map(quoted, file_columns(table)))})"
    cells = f" NULL AS {literal(null)}" if format in (CSV, CSV_WITHOUT_HEADER) else ""
    return f"COPY {staging(table)}{columns} FROM {literal(manifest_uri)} IAM_ROLE {role} {format}{cells} MANIFEST"


def insert_staged(table: Table, marker: str) -> str:
    """Insert what was staged. A text ``<marker><length>`` stands for one that was too long to be staged."""
    names, values = [], []
    for column in table.columns:
        name = quoted(column.name)
        names.append(name)
        if not column.unbounded:
            values.append(name)
            continue
        is_marked = f"{name} LIKE {literal(f'{marker}%')}"
        values.append(f"CASE WHEN {is_marked} THEN NULL ELSE {name} END")
        names.append(quoted(length_column(column, REDSHIFT).name))
        length = f"CAST(substring({name}, {len(marker) + 1}) AS {REDSHIFT.types[ColumnType.BIGINT]})"
        values.append(f"CASE WHEN {is_marked} THEN {length} END")
    return f"INSERT INTO {table.address} ({', '.join(names)}) SELECT {', '.join(values)} FROM {staging(table)}"


def set_label(label: str) -> str:
    """Mark the session's statements in the engine's own record of queries."""
    return f"SET query_group TO {literal(label)}"


def columns(address: str) -> str:
    """Names and types of the columns of a table or view; of a late-binding view, too, unlike the catalog's tables."""
    schema, name = address_of(address)
    return (
        f"SELECT column_name AS name, data_type AS type FROM svv_columns WHERE table_schema = {literal(schema)} "
        f"AND table_name = {literal(name)} ORDER BY ordinal_position"
    )


def look_in(schema: str) -> str:
    """Makes the session see the schema's tables in ``pg_table_def``, which lists those of the search path only."""
    return f"SET search_path TO {quoted(schema)}"


def keys(table: Table) -> str:
    """The columns that rows are distributed and sorted by."""
    schema, name = address_of(table.address)
    return (
        'SELECT "column" AS name, distkey, sortkey FROM pg_table_def '
        f"WHERE schemaname = {literal(schema)} AND tablename = {literal(name)} AND (distkey OR sortkey <> 0)"
    )


SESSION = "SELECT pg_backend_pid() AS session"


def load_errors(session: int, serverless: bool) -> str:
    """What a session's last failed COPY says of each rejected row. Serverless has no STL tables."""
    if serverless:
        record, mine, query = "sys_load_error_detail", f"session_id = {session}", "query_id"
        found = "file_name, line_number, column_name, error_message AS reason, '' AS value"
    else:
        record, mine, query = "stl_load_errors", f"session = {session}", "query"
        found = (
            "filename AS file_name, line_number, colname AS column_name, err_reason AS reason, raw_field_value AS value"
        )
    return (
        f"SELECT {found} FROM {record} WHERE {mine} AND {query} = (SELECT max({query}) FROM {record} WHERE {mine}) "
        f"ORDER BY line_number LIMIT {QUOTED_ERRORS}"
    )
