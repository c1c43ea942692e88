"""Rows as CSV: comma, CRLF, a header, UTF-8, NULL as an empty cell; and reading what others called CSV."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from core.errors import InvalidAnswer
from resources.clients.databridge.geometry import LONGEST, GeometryFacts
from resources.clients.databridge.geometry_lines import normal_lines
from resources.clients.databridge.schema import Column, TableSchema

# Real districts have 33,092 characters of WKT; csv's own limit is 131,072.
csv.field_size_limit(LONGEST)
# Bytes that are looked at, or written, together.
PIECE = 1 << 20
# A character of zero as JSON writes it, after an even number of backslashes.
_ESCAPED_NUL = re.compile(r"((?<!\\)(?:\\\\)*+)\\u0000")
# Types whose cells are JSON; a text among their values is JSON already.
JSON = ("object", "array", "json", "jsonb")
TIME_ZONE = ZoneInfo("America/New_York")


class RecordWriter:
    """Writes rows of a schema as CSV into a binary file, counting what it saw.

    zone: what moments without an offset are in. nuls: characters of zero that were left out, since no text of
    PostgreSQL's can hold them.
    """

    def __init__(self, file: IO[bytes], schema: TableSchema, zone: ZoneInfo = TIME_ZONE):
        self.rows, self.nuls, self.geometry = 0, 0, GeometryFacts()
        self.schema, self._zone = schema, zone
        self._file, self._text = file, io.StringIO(newline="")
        self._csv = csv.writer(self._text, lineterminator="\r\n")
        self._csv.writerow(schema.names)
        self._cells = [self._cell_of(column) for column in schema.columns]

    def write(self, row: Sequence[Any]) -> None:
        """One row, in the schema's order.

        Raises:
            InvalidAnswer: naming record and column, for a row of another width or a value that no cell holds.
        """
        self.rows += 1
        if len(row) != len(self._cells):
            raise InvalidAnswer(
                f"Record {self.rows:,} has {len(row)} values, the header {len(self._cells)}. Mend the source."
            )
        self._csv.writerow([cell(value) for cell, value in zip(self._cells, row, strict=True)])
        if self._text.tell() > PIECE:
            self.finish()

    def write_lines(self, lines: Sequence[Any]) -> None:
        """Rows that are CSV already, each without its end, in the schema's order; only geometries are looked at.

        Raises:
            WrongGeometry, WrongSrid: for a geometry that its column does not take.
        """
        data = normal_lines(b"\r\n".join((*lines, b"")), len(lines), self.schema, self.rows, self.geometry)
        self.rows += len(lines)
        self.finish()
        self._file.write(data)

    def finish(self) -> None:
        """Everything so far is in the file, which stays open."""
        self._file.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()

    def _cell_of(self, column: Column) -> Callable[[Any], Any]:
        """What makes cells of a column's values."""
        if column.is_geometry:
            geometry, facts = column.geometry(), self.geometry
            return lambda value: geometry.normal(None if value is None else str(value), self.rows, facts)
        as_json = column.type in JSON

        def cell(value: Any) -> Any:
            # Nearly every value is such a text, or nothing.
            if value is None or (type(value) is str and value.isascii() and "\x00" not in value and not as_json):
                return value
            return self._cell(value, as_json, column.name)

        return cell

    def _cell(self, value: Any, as_json: bool, name: str) -> Any:
        if isinstance(value, datetime):
            return localised(value, self._zone).isoformat(" ")
        if isinstance(value, dict | list | tuple) or (as_json and not isinstance(value, str)):
            value = self._json(value, name)
        elif isinstance(value, bytes | memoryview | bytearray):
            return f"\\x{bytes(value).hex()}"
        elif isinstance(value, bool | int | float | Decimal | date | time | timedelta | UUID):
            return value
        text = _ESCAPED_NUL.sub(r"\1", str(value)) if as_json else str(value)
        if "\x00" in text:
            self.nuls += text.count("\x00")
            text = text.replace("\x00", "")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise self._unfit(name, "holds half a character")
        return text

    def _json(self, value: Any, name: str) -> str:
        try:
            return _ESCAPED_NUL.sub(r"\1", json_text(value))
        except RecursionError:
            raise self._unfit(name, "is nested too deep") from None

    def _unfit(self, name: str, reason: str) -> InvalidAnswer:
        return InvalidAnswer(f"Record {self.rows:,}: {name} {reason}. Mend it in the source.")


def localised(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment with its offset; one without is the zone's. In the hour that autumn repeats it is the first."""
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def json_text(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """What JSON has for a value that it does not know: a number where it is one to the digit, else its text."""
    if isinstance(value, Decimal) and value.is_finite():
        if value == value.to_integral_value():
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    return str(value)


def encoding_of(path: Path) -> str:
    """UTF-8, with a byte order mark or without; what is no UTF-8 is latin-1, which the old extract wrote."""
    import codecs  # noqa: PLC0415 - only files of others need it

    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def read_records(path: Path, name: str) -> Iterator[list[str | None]]:
    """The header, then each record of a CSV file by others; an empty cell is None.

    Raises:
        InvalidAnswer: naming the file and the record whose width is not the header's.
    """
    with path.open(encoding=encoding_of(path), newline="") as file:
        reader = csv.reader((line.replace("\x00", "") for line in file), strict=False)
        header: list[str] = []
        try:
            for number, cells in enumerate(reader):
                if not header:
                    header = [cell.strip().lower() for cell in cells]
                    yield [*header]
                    continue
                if len(cells) != len(header):
                    raise InvalidAnswer(
                        f"{name}: record {number:,} has {len(cells)} cells, the header {len(header)}. Quote cells that "
                        "hold a comma, or remove what is too much."
                    )
                yield [cell or None for cell in cells]
        except csv.Error as error:
            raise InvalidAnswer(f"{name}: record {reader.line_num:,} cannot be read: {error}.") from None
        if not header:
            raise InvalidAnswer(f"{name}: it has no header.")


def in_schema_order(
    records: Iterable[Sequence[Any]], header: Sequence[str], schema: TableSchema
) -> Iterator[list[Any]]:
    """Records with the schema's columns, in its order.

    Raises:
        InvalidAnswer: when the header lacks one.
    """
    places: Mapping[str, int] = {name: at for at, name in enumerate(header)}
    if missing := [name for name in schema.names if name not in places]:
        raise InvalidAnswer(f"The data has no column {missing[0]}; it has {', '.join(header)}.")
    order = [places[name] for name in schema.names]
    return ([record[at] for at in order] for record in records)


def utc_text(moment: datetime) -> str:
    """A moment as manifests hold it: UTC, to the microsecond, so that texts sort as moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
