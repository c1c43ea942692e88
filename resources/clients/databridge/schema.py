"""A table's schema as the JSON beside its data (the Table Schema dialect), its column types, and how two compare."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from core.errors import InvalidAnswer, LoadRejected
from resources.clients.databridge.geometry import GeometryColumn

Drift = Literal["fail", "warn", "evolve"]
Target = Literal["carto", "postgres"]

# A schema file's bytes and columns: the widest of the real ones has 80 columns in 12 KB; PostgreSQL takes 1,600.
LONGEST, MOST_COLUMNS = 1 << 20, 1600
LONGEST_NAME = 63

_SHARED = {
    "string": "text",
    "number": "numeric",
    "float": "numeric",
    "double precision": "numeric",
    "object": "jsonb",
    "array": "jsonb",
}
MOMENTS = ("datetime", "timestamp", "timestamp without time zone", "timestamp without tz")
TYPES: dict[Target, dict[str, str]] = {
    "carto": _SHARED | dict.fromkeys(MOMENTS, "timestamp with time zone"),
    "postgres": _SHARED | dict.fromkeys(MOMENTS, "timestamp without time zone"),
}
WHOLE = ("smallint", "integer", "bigint")
GEOMETRIES = ("geom", "geometry")
# What is passed to the database as it is has to look like the name of a type.
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_ ]{0,40}(\([0-9]{1,4}(, ?[0-9]{1,4})?\))?")


@dataclass(frozen=True)
class Column:
    """A column: its name, what the schema calls its type, whether it may be NULL; for geometries type and SRID."""

    name: str
    type: str
    required: bool = False
    format: str | None = None
    geometry_type: str | None = None
    srid: int | None = None

    @property
    def is_geometry(self) -> bool:
        return self.type in GEOMETRIES

    def geometry(self) -> GeometryColumn:
        """The geometry column that this is."""
        return GeometryColumn(self.name, str(self.geometry_type), self.srid or 0)

    def sql_type(self, target: Target) -> str:
        """The type of the column in a target."""
        return self.geometry().sql_type if self.is_geometry else TYPES[target].get(self.type, self.type)

    def document(self) -> dict[str, Any]:
        """The column as its entry in the JSON."""
        entry: dict[str, Any] = {"name": self.name, "type": self.type}
        entry |= {"constraints": {"required": True}} if self.required else {}
        given = {"format": self.format, "geometry_type": self.geometry_type, "srid": self.srid}
        return entry | {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True)
class TableSchema:
    """A table's columns in order, and its key."""

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def geometry(self) -> Column | None:
        """The one geometry column, if there is one."""
        return next((column for column in self.columns if column.is_geometry), None)

    def dump(self) -> bytes:
        """The JSON document."""
        document = {"primaryKey": list(self.primary_key), "fields": [column.document() for column in self.columns]}
        return json.dumps(document, indent=2, ensure_ascii=False).encode()


class _Constraints(msgspec.Struct):
    required: bool | str = False


class _Field(msgspec.Struct):
    name: str
    type: str
    constraints: _Constraints = msgspec.field(default_factory=_Constraints)
    format: str | None = None
    geometry_type: str | None = None
    srid: int | None = None


class _Document(msgspec.Struct):
    fields: list[_Field]
    primaryKey: list[str] | str = []  # noqa: N815 - the dialect's own word


def parse_schema(data: bytes, source: str) -> TableSchema:
    """The schema of a JSON document. source: what messages call it.

    Raises:
        InvalidAnswer: naming source, field and remedy.
    """
    try:
        if len(data) > LONGEST:
            raise ValueError(f"it has {len(data):,} bytes, the most is {LONGEST:,}")
        document = msgspec.json.decode(data, type=_Document)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer(f"Schema {source}: {error}. Correct the file, or remove it to have it generated.") from None
    key = [document.primaryKey] if isinstance(document.primaryKey, str) else document.primaryKey
    columns = [
        Column(
            field.name.lower(),
            field.type.lower(),
            str(field.constraints.required).lower() == "true",
            field.format,
            field.geometry_type,
            field.srid,
        )
        for field in document.fields
    ]
    return checked(TableSchema(tuple(columns), tuple(name.lower() for name in key)), source)


def checked(schema: TableSchema, source: str) -> TableSchema:
    """The schema, if a table can be made of it.

    Raises:
        InvalidAnswer: naming source, column and remedy.
    """

    def refuse(reason: str) -> InvalidAnswer:
        return InvalidAnswer(f"Schema {source}: {reason}")

    if not 0 < len(schema.columns) <= MOST_COLUMNS:
        raise refuse(f"it has {len(schema.columns):,} fields; a table has 1 to {MOST_COLUMNS:,}.")
    for column in schema.columns:
        check_name(column.name, lambda reason: refuse(f"field {reason}"))
        if column.is_geometry:
            if not column.geometry_type or column.srid is None:
                raise refuse(f"field {column.name!r} is a geometry and needs geometry_type and srid.")
            column.geometry()
        elif not _TYPE_NAME.fullmatch(column.type):
            raise refuse(f"field {column.name!r}: {column.type[:40]!r} is no name of a type.")
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise refuse(f"{', '.join(map(repr, twice))} occurs twice. Rename one of them in the source.")
    geometries = [column.name for column in schema.columns if column.is_geometry]
    if len(geometries) > 1:
        raise refuse(f"it has the geometries {', '.join(geometries)}; a table has one.")
    if missing := [name for name in schema.primary_key if name not in schema.names]:
        raise refuse(f"primaryKey names {missing[0]!r}, which is no field.")
    return schema


def check_name(name: str, refuse: Callable[[str], Exception]) -> None:
    """Refuse what PostgreSQL would cut or cannot hold as an identifier."""
    if not name or len(name.encode(errors="replace")) > LONGEST_NAME:
        raise refuse(f"{name[:80]!r}: a name has 1 to {LONGEST_NAME} bytes.")
    if not name.isprintable():
        raise refuse(f"{name!r}: a name has printable characters only.")


def differences(last: TableSchema, now: TableSchema, *, strict: bool = False) -> list[str]:
    """What changed between two schemas, a sentence each; types are compared as Carto's columns have them.

    Schemas that were kept by hand call Oracle's moments dates and its numbers whole. That is no change unless strict:
    who loads by such a type gets what was always loaded, and a number that is not whole is refused by the target.
    """
    before, after = ({column.name: column for column in schema.columns} for schema in (last, now))
    found = [f"column {name} is new" for name in after if name not in before]
    found += [f"column {name} is gone" for name in before if name not in after]
    for name, old in before.items():
        new = after.get(name)
        if new is None or (not strict and _by_hand(old, new)):
            continue
        types = old.sql_type("carto"), new.sql_type("carto")
        if types[0] != types[1]:
            found.append(f"column {name} was {types[0]} and is {types[1]}")
    return found


def _by_hand(old: Column, new: Column) -> bool:
    dated = old.type == "date" and new.type in MOMENTS
    return dated or (old.type in WHOLE and _SHARED.get(new.type, new.type) == "numeric")


def settle_drift(table: str, last: TableSchema | None, now: TableSchema, drift: Drift) -> tuple[TableSchema, list[str]]:
    """The schema to load by, and what is to be said about it.

    fail: a change stops the table. warn: the columns that both have, by the types there were. evolve: the new one.

    Raises:
        LoadRejected: for a change where drift is fail; where warn is left with no column.
    """
    if last is None:
        return now, []
    changed = differences(last, now, strict=drift == "evolve")
    moments = [column.name for column in now.columns if column.type in MOMENTS]
    notes = [f"column {column.name} is a date by the schema and loses its time" for column in last.columns
             if column.name in moments and column.type == "date"]  # fmt: skip
    if not changed:
        return last, notes
    if drift == "fail":
        raise LoadRejected(
            f"Table {table}: the source's schema changed: {'; '.join(changed)}. Accept it with schema_drift: evolve "
            "in the table's file, or mend the source."
        )
    if drift == "evolve":
        return now, changed
    kept = tuple(column for column in last.columns if column.name in now.names)
    if not kept:
        raise LoadRejected(f"Table {table}: the source has none of the columns that the schema names.")
    key = tuple(name for name in last.primary_key if name in now.names)
    return TableSchema(kept, key if len(key) == len(last.primary_key) else ()), changed + notes


def compound(entry: str) -> tuple[str, ...]:
    """The columns of an index: one, or several joined by ``+``."""
    return tuple(entry.split("+"))


def missing_columns(indexes: Sequence[str], schema: TableSchema) -> list[str]:
    """Columns that are to be indexed and are not there."""
    return sorted({name for entry in indexes for name in compound(entry) if name not in schema.names})


def casts(columns: Mapping[str, str]) -> str:
    """Column definitions as SQL: quoted names with their types."""
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())


def quoted(name: str) -> str:
    """An identifier of PostgreSQL's."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text of PostgreSQL's, with standard_conforming_strings as everywhere."""
    return "'" + text.replace("'", "''") + "'"
