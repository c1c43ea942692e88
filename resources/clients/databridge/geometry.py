"""Geometries as EWKT: what a source says is read, checked and written in one form.

In: WKT or EWKT of any spelling (``POINT  ( 1 2)``, ``SRID=2272;MULTIPOINT EMPTY``). Out: ``SRID=2272;POINT(1 2)``, two
dimensions, polygons and lines as MULTI where the column is; None for an empty one.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite

from core.errors import InvalidAnswer

# What a schema may call a geometry, and the type that its column gets.
COLUMN_TYPES = {
    "point": "Point",
    "line": "Linestring",
    "linestring": "Linestring",
    "polygon": "MultiPolygon",
    "multipolygon": "MultiPolygon",
    "multilinestring": "MultiLineString",
    "geometry": "Geometry",
}
# Parentheses around a point's numbers, by type.
DEPTHS = {"POINT": 1, "MULTIPOINT": 1, "LINESTRING": 1, "MULTILINESTRING": 2, "POLYGON": 2, "MULTIPOLYGON": 3}
# Characters of one geometry: a coastline of a million vertices fits.
LONGEST = 64 << 20
SHOWN = 60
# What SDE calls the projected system of Pennsylvania South in US feet, in databases that number their own.
SDE_PREFIX, PA_SOUTH = "3000", 2272

# Possessive throughout, so that what does not match fails at once, however long it is.
_NUMBER = r"[-+]?+(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+"
_POINT = rf"{_NUMBER}(?:\s++{_NUMBER}){{1,3}}+"


def _nested(inner: str) -> str:
    return rf"\(\s*+{inner}(?:\s*+,\s*+{inner})*+\s*+\)"


_LINE = _nested(_POINT)
_BODIES = {
    "POINT": re.compile(rf"\(\s*+{_POINT}\s*+\)"),
    "MULTIPOINT": re.compile(_nested(rf"(?:{_POINT}|\(\s*+{_POINT}\s*+\))")),
    "LINESTRING": re.compile(_LINE),
    "MULTILINESTRING": re.compile(_nested(_LINE)),
    "POLYGON": re.compile(_nested(_LINE)),
    "MULTIPOLYGON": re.compile(_nested(_nested(_LINE))),
}
_HEAD = re.compile(
    r"\s*+(?:SRID\s*+=\s*+([0-9]{1,6})\s*+;\s*+)?+([A-Za-z]{1,20}?)\s*+(ZM|Z|M)?\s*+(?=\(|EMPTY\b)", re.IGNORECASE
)
_POINTS = re.compile(_POINT)
# What nearly all geometries of a city are, as databases write them: read without what other types take.
_PLAIN_POINT = re.compile(rf"SRID=([0-9]{{1,6}}+);POINT\(({_NUMBER}) ({_NUMBER})\)")
# Parts of a geometry that are none.
_NO_PART = re.compile(r"EMPTY\s*+,|,\s*+EMPTY", re.IGNORECASE)
_RINGS = re.compile(r"\(([^()]++)\)")


class WrongGeometry(InvalidAnswer):
    """A geometry that its column does not take. check: the name of the proof that failed."""

    check = "geometry"


class WrongSrid(WrongGeometry):
    """A geometry, or a column of them, of another reference system or of none."""

    check = "srid"


@dataclass
class GeometryFacts:
    """What a column's geometries were: counted while they are read, judged before they go live.

    bounds: west, south, east, north in units of the SRID; None without any geometry.
    """

    types: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    flattened: int = 0
    vertices: int = 0
    bounds: tuple[float, float, float, float] | None = None

    def add_points(self, number: int, west: float, south: float, east: float, north: float) -> None:
        """Count points between these bounds."""
        self.types["POINT"] += number
        self.vertices += number
        self._widen(west, south, east, north)

    def add(self, kind: str, points: list[list[float]], dimensions: int) -> None:
        """Count one geometry."""
        self.types[kind] += 1
        self.flattened += dimensions > 2
        self.vertices += len(points)
        xs, ys = [point[0] for point in points], [point[1] for point in points]
        self._widen(min(xs), min(ys), max(xs), max(ys))

    def _widen(self, west: float, south: float, east: float, north: float) -> None:
        was = self.bounds or (west, south, east, north)
        if self.bounds is None or west < was[0] or south < was[1] or east > was[2] or north > was[3]:
            self.bounds = (min(was[0], west), min(was[1], south), max(was[2], east), max(was[3], north))


@dataclass(frozen=True)
class GeometryColumn:
    """A column of geometries: its name, what the schema calls its type, and its SRID.

    Raises:
        WrongGeometry, WrongSrid: for a type that is none, or no SRID.
    """

    name: str
    kind: str
    srid: int

    def __post_init__(self) -> None:
        if self.kind.lower() not in COLUMN_TYPES:
            known = ", ".join(COLUMN_TYPES)
            raise WrongGeometry(f"Geometry {self.name}: geometry_type {self.kind!r} is none of {known}.")
        if not 0 < self.srid < 1_000_000:
            raise WrongSrid(
                f"Geometry {self.name}: SRID {self.srid} names no reference system. Set the source column's SRID, "
                "or name it in the table's schema JSON, such as 2272."
            )

    @cached_property
    def takes_points(self) -> bool:
        """Whether a point is of this column's type as it is."""
        return self.column_type in ("Point", "Geometry")

    @property
    def column_type(self) -> str:
        return COLUMN_TYPES[self.kind.lower()]

    @property
    def sql_type(self) -> str:
        """PostGIS' type of the column."""
        return f"geometry({self.column_type},{self.srid})"

    def normal(self, text: str | None, record: int, facts: GeometryFacts) -> str | None:
        """The geometry in the one form, None for an empty one; counted in ``facts``.

        Raises:
            WrongGeometry, WrongSrid: naming column and record, when it is no geometry, of another type or SRID.
        """
        if text is None or not text.strip():
            facts.empty += 1
            return None
        if self.takes_points and (point := _PLAIN_POINT.fullmatch(text)) and int(point[1]) == self.srid:
            x, y = float(point[2]), float(point[3])
            if isfinite(x) and isfinite(y):
                facts.add_points(1, x, y, x, y)
                return text
        if len(text) > LONGEST:
            raise self._wrong(text, record, f"has {len(text):,} characters, the most is {LONGEST:,}")
        head = _HEAD.match(text)
        if not head:
            doubled = text.upper().count("SRID=") > 1
            if doubled:
                raise self._wrong(text, record, "names its SRID twice", WrongSrid)
            raise self._wrong(text, record, "is no well-known text")
        srid, kind, body = head[1], head[2].upper(), _NO_PART.sub("", text[head.end() :]).strip()
        if kind not in _BODIES and kind != "GEOMETRYCOLLECTION":
            raise self._wrong(text, record, f"is a {kind}, which no column here takes")
        if srid is not None and int(srid) != self.srid:
            raise self._wrong(text, record, f"has SRID {srid}, the column {self.srid}", WrongSrid)
        if body.strip("( )").upper() == "EMPTY":
            facts.empty += 1
            return None
        if kind not in _BODIES or not _BODIES[kind].fullmatch(body):
            raise self._wrong(text, record, "is no well-known text")
        return f"SRID={self.srid};{self._fitted(kind, self._flat(kind, body, record, facts), record, text)}"

    def _flat(self, kind: str, body: str, record: int, facts: GeometryFacts) -> str:
        """The body with two numbers a point."""
        texts = [point.split() for point in _POINTS.findall(body)]
        dimensions = len(texts[0])
        if any(len(point) != dimensions for point in texts):
            raise self._wrong(body, record, "has points of different dimensions")
        numbers = [[float(number) for number in point] for point in texts]
        if not all(isfinite(number) for point in numbers for number in point):
            raise self._wrong(body, record, "has a number that is too large")
        facts.add(kind, numbers, dimensions)
        if "LINESTRING" in kind and not all("," in line for line in _RINGS.findall(body)):
            raise self._wrong(body, record, "has a line of a single point")
        if "POLYGON" in kind:
            for ring in _RINGS.findall(body):
                points = [point.split()[:2] for point in ring.split(",")]
                if len(points) < 4 or [*map(float, points[0])] != [*map(float, points[-1])]:
                    raise self._wrong(body, record, "has a ring that is not closed, or of fewer than four points")
        flat = _POINTS.sub(lambda point: " ".join(point[0].split()[:2]), body)
        return re.sub(r"\s*([(),])\s*", r"\1", flat)

    def _fitted(self, kind: str, body: str, record: int, text: str) -> str:
        wanted = self.column_type.upper()
        if wanted in (kind, "GEOMETRY"):
            return f"{kind}{body}"
        if wanted == f"MULTI{kind}":
            return f"{wanted}({body})"
        raise self._wrong(text, record, f"is a {kind}, the column takes {wanted}")

    def _wrong(self, text: str, record: int, reason: str, kind: type[WrongGeometry] = WrongGeometry) -> WrongGeometry:
        return kind(
            f"Geometry {self.name}, record {record:,}: {text[:SHOWN]!r} {reason}. Mend it in the source, or correct "
            "geometry_type and srid in the table's schema JSON."
        )


def srid_of_sde(srid: int) -> int:
    """The EPSG number of an SRID of SDE."""
    return PA_SOUTH if str(srid).startswith(SDE_PREFIX) else srid
