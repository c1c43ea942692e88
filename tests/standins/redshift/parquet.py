"""Parquet files for COPY: columns by position, as many as the target has, of exactly fitting types."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tests.standins.redshift.values import Target
from tests.standins.redshift.wire import RedshiftError

SCAN_ERROR = "Spectrum Scan Error"


def csv_chunks(uri: str, content: bytes, columns: list[Target]) -> Iterator[tuple[int, bytes]]:
    """Rows and their CSV, batch by batch.

    Raises:
        RedshiftError: naming file and column when the file does not fit.
    """
    try:
        file = pa.parquet.ParquetFile(io.BytesIO(content))
        schema = file.schema_arrow
        _check_schema(uri, schema, columns)
        for batch in file.iter_batches():
            _check_values(uri, batch, columns)
            table = pa.Table.from_arrays(
                [_text(array) for array in batch.columns], names=[column.name for column in columns]
            )
            sink = io.BytesIO()
            pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
            yield batch.num_rows, sink.getvalue()
    except (pa.ArrowInvalid, OSError) as error:
        raise scan_error(f"File '{uri}' is not a valid Parquet file: {error}", 15001) from error


def scan_error(context: str, code: int) -> RedshiftError:
    return RedshiftError(SCAN_ERROR, "XX000", f"error: {SCAN_ERROR} code: {code} context: {context}")


def _check_schema(uri: str, schema: pa.Schema, columns: list[Target]) -> None:
    if len(schema) != len(columns):
        context = f"Unmatched number of columns between table and file. Table columns: {len(columns)}, Data columns: "
        raise scan_error(f"{context}{len(schema)}, File name: {uri}", 15007)
    for field, column in zip(schema, columns, strict=True):
        if not _fits(field.type, column):
            raise scan_error(
                f"File '{uri}' has an incompatible Parquet schema for column '{uri}.{field.name}'. "
                f"Column type: {column.type_name.upper()}, Parquet schema: {field.type}",
                15007,
            )


def _fits(found: pa.DataType, column: Target) -> bool:
    """Whether a Parquet column's type is the table's: nothing is widened, nothing narrowed."""
    match column.type:
        case "character varying" | "character":
            return pa.types.is_string(found) or pa.types.is_large_string(found)
        case "numeric":
            return pa.types.is_decimal(found) and (found.precision, found.scale) == (column.size, column.scale)
        case "timestamp without time zone" | "timestamp with time zone":
            return pa.types.is_timestamp(found)
    wanted = {"smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "boolean": pa.bool_(),
              "real": pa.float32(), "double precision": pa.float64(), "date": pa.date32()}  # fmt: skip
    return wanted.get(column.type) == found


def _check_values(uri: str, batch: pa.RecordBatch, columns: list[Target]) -> None:
    for array, column in zip(batch.columns, columns, strict=True):
        if not column.nullable and array.null_count:
            raise scan_error(f"NULL value in NOT NULL column {column.name}, File name: {uri}", 15007)
        if column.size and column.type in ("character varying", "character"):
            longest = pc.max(pc.binary_length(array)).as_py() or 0
            if longest > column.size:
                raise scan_error(
                    f"The length of the data column {column.name} is longer than the length defined in the table. "
                    f"Table: {column.size}, Data: {longest}, File name: {uri}",
                    15007,
                )


def _text(array: pa.Array) -> pa.Array:
    return array.cast(pa.string()) if pa.types.is_decimal(array.type) else array
