"""Geometries of rows that a database wrote as CSV: judged by their column, written anew only where they have to be.

A million points are read by Arrow, which takes a tenth of the time; every other geometry goes through
``GeometryColumn.normal``, and both count in the same facts.
"""

import csv
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from core.errors import InvalidAnswer
from resources.clients.databridge.geometry import GeometryColumn, GeometryFacts
from resources.clients.databridge.schema import TableSchema

# Numbers that Arrow reads as Python does; one written otherwise is read there.
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,20})?"


def normal_lines(data: bytes, rows: int, schema: TableSchema, before: int, facts: GeometryFacts) -> bytes:
    """The rows with each geometry in its one form, counted in ``facts``; as they are without a column of such.

    data: whole rows of CSV by the schema. before: the records written before them, for messages.

    Raises:
        WrongGeometry, WrongSrid: naming column and record. InvalidAnswer: when there are more or fewer rows.
    """
    if not schema.geometry or not rows:
        return data
    column = schema.geometry.geometry()
    texts = _texts(data, schema.names, column.name)
    if len(texts) != rows:
        raise InvalidAnswer(f"Records {before + 1:,} on: {len(texts):,} were read where {rows:,} were sent. Run again.")
    facts.empty += texts.null_count
    changed = {}
    for at in _others(texts, column, facts):
        text = texts[at].as_py()
        normal = column.normal(text, before + at + 1, facts)
        if normal != text:
            changed[at] = normal
    return _rewritten(data, schema.names.index(column.name), changed) if changed else data


def _texts(data: bytes, names: Sequence[str], name: str) -> pa.Array:
    """A column of the rows; an empty cell is null."""
    found = arrow_csv.read_csv(
        io.BytesIO(data),
        # One block: a geometry may be longer than Arrow's own blocks.
        arrow_csv.ReadOptions(column_names=list(names), block_size=len(data) + 1, use_threads=False),
        arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        arrow_csv.ConvertOptions(
            include_columns=[name], column_types={name: pa.string()}, null_values=[""], strings_can_be_null=True
        ),
    )
    return found.column(0).combine_chunks()


def _others(texts: pa.Array, column: GeometryColumn, facts: GeometryFacts) -> list[int]:
    """Where geometries stand that are no plain points of the column's SRID; those are counted."""
    left = pc.is_valid(texts)
    if column.takes_points:
        points = pc.extract_regex(texts, rf"^SRID={column.srid};POINT\((?P<x>{_NUMBER}) (?P<y>{_NUMBER})\)$")
        xs, ys = (pc.min_max(pc.cast(pc.struct_field(points, name), pa.float64())) for name in ("x", "y"))
        if counted := len(points) - points.null_count:
            corners = (xs["min"], ys["min"], xs["max"], ys["max"])
            facts.add_points(counted, *(corner.as_py() for corner in corners))
        left = pc.and_(left, pc.is_null(points))
    return pc.indices_nonzero(left).to_pylist()


def _rewritten(data: bytes, place: int, changed: dict[int, str | None]) -> bytes:
    """The rows with other geometries at some."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    for at, row in enumerate(csv.reader(io.StringIO(data.decode(), newline=""))):
        if at in changed:
            row[place] = changed[at] or ""
        writer.writerow(row)
    return text.getvalue().encode()
