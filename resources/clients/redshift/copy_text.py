"""The old lake's csv and JSON files as COPY can load them: gzipped, with the day in a column of its own.

Rows that cannot be read are passed on as they stand, so that it is the warehouse that refuses them, with line, column
and reason. Lines keep their numbers.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from core.errors import LoadRejected
from core.sql.copying import CSV, CSV_WITHOUT_HEADER, JSON, file_columns
from core.sql.storing import without_nul
from core.tables import LARGEST_DECIMAL, Column, ColumnType, Table

# A load reads each file once: speed before size.
GZIP_LEVEL = 1
LARGEST_DIGITS = len(str(LARGEST_DECIMAL))
# Bytes that are no UTF-8 come out as they went in.
ON_BAD_BYTES = "surrogateescape"

Shorten = Callable[[Column, str], str]


def shortener(marker: str, longest: int, shortened: Counter[str]) -> Shorten:
    """Texts as they are stored: one of more than ``longest`` bytes is the marker and its length, counted by column."""

    def shorten(column: Column, text: str) -> str:
        text = without_nul(text)
        # No character has more than four bytes.
        if len(text) * 4 <= longest or (length := len(text.encode(errors=ON_BAD_BYTES))) <= longest:
            return text
        shortened[column.name] += 1
        return f"{marker}{length}"

    return shorten


@dataclass(frozen=True)
class TextCopy:
    """Makes the copy of one day's csv, JSON or txt file.

    null: the cell that stands for null. shorten: what a text becomes that may be of any length.
    """

    table: Table
    day: date
    null: str
    shorten: Shorten

    @property
    def format(self) -> str:
        """What COPY is told of the copy."""
        return {"csv": CSV, "json": JSON, "txt": CSV_WITHOUT_HEADER}[self.table.csv_layout]

    def write(self, path: Path, target: Path) -> None:
        """Write the gzipped copy of a file.

        Raises:
            LoadRejected: when a csv file does not have the table's columns.
        """
        with (
            path.open(encoding="utf-8", errors=ON_BAD_BYTES, newline="") as source,
            gzip.open(target, "wt", GZIP_LEVEL, encoding="utf-8", errors=ON_BAD_BYTES, newline="") as out,
        ):
            if self.table.csv_layout == "json":
                out.writelines(map(self._json_line, source))
            else:
                self._write_csv(source, csv.writer(out, lineterminator="\n"))

    def _json_line(self, line: str) -> str:
        try:
            found = json.loads(line)
            row = {column.name: self._value(column, found.get(column.name)) for column in self.table.contract}
            for column in self.table.contract:
                if column.wider and abs(row[column.name] or 0) > LARGEST_DECIMAL:
                    row |= {column.wider: str(row[column.name]), column.name: None}
        except (ValueError, AttributeError, TypeError, RecursionError):
            return line
        return json.dumps(row | {self.table.day_column: str(self.day)}, ensure_ascii=False) + "\n"

    def _value(self, column: Column, value: Any) -> Any:
        if column.joined and value is not None:
            value = ",".join(value)
        return self.shorten(column, value) if column.unbounded and isinstance(value, str) else value

    def _write_csv(self, source: IO[str], out: Any) -> None:
        csv.field_size_limit(1 << 30)  # inputs of hundreds of thousands of characters exist
        rows, columns = csv.reader(source), self.table.contract
        at = list(range(len(columns)))
        try:
            if self.table.csv_layout == "csv":
                at = self._positions(next(rows, []))
                out.writerow(file_columns(self.table))
            for cells in rows:
                fits = len(cells) == len(columns)
                out.writerow([*self._cells([cells[i] for i in at]), str(self.day)] if fits else cells)
        except csv.Error as error:
            raise self._rejected(rows.line_num, f"is no csv: {error}") from error

    def _positions(self, header: list[str]) -> list[int]:
        lacking = [column.name for column in self.table.contract if column.name not in header]
        if lacking:
            raise self._rejected(1, f"lacks the columns {', '.join(lacking[:5])}")
        return [header.index(column.name) for column in self.table.contract]

    def _cells(self, cells: list[str]) -> Iterator[str]:
        """The files do not tell null from empty: required text is empty, everything else is null."""
        beside = []
        for column, cell in zip(self.table.contract, cells, strict=True):
            if column.wider:
                is_wide = len(cell) > LARGEST_DIGITS and cell.isdecimal()
                beside.append(cell if is_wide else self.null)
                cell = "" if is_wide else cell  # noqa: PLW2901 - what is left in the column
            if cell == "" and (column.nullable or column.type is not ColumnType.TEXT):
                yield self.null
            else:
                yield self.shorten(column, cell) if column.unbounded else cell
        yield from beside

    def _rejected(self, line: int, problem: str) -> LoadRejected:
        return LoadRejected(
            f"Lake: line {line} of the {self.table.name} file of {self.day} {problem}. Export the day again; "
            f"{self.table.address} is unchanged."
        )
