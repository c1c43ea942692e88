"""The files that configure tables, as strict models: an unknown key is an error, a wrong value says what is expected.

The keys of the old files mean what they meant. What came to be since is optional, and its default is the old behaviour.
"""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from core.cron import check_cron

# Identifiers that go into keys of objects and assets, into SQL and into names of jobs.
NAME = re.compile(r"[A-Za-z0-9_]{1,63}")
CONNECTION = re.compile(r"[A-Za-z0-9_-]{1,63}")
# A role of PostgreSQL's; Carto's own have hyphens.
ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
INDEX = re.compile(r"[^+\x00-\x1f\"']{1,63}(\+[^+\x00-\x1f\"']{1,63}){0,7}")
MOST = 200


def _matching(pattern: re.Pattern[str], expected: str):
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} occurs twice; name it once")
    return values


def _listed(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list, such as [a, b]")
    return tuple(value)


def _none_listed(value: object) -> object:
    return () if value is None else _listed(value)


def _west_to_east(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError("expected west, south, east, north with west < east and south < north")
    return box


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone, such as America/New_York") from None
    return value


def _unscheduled(value: object) -> object:
    return None if value is False else value


def _off(value: object) -> object:
    return False if value is None else value


Name = Annotated[StrictStr, _matching(NAME, "letters, digits and underscores, such as ppr_sites")]
Connection = Annotated[StrictStr, _matching(CONNECTION, "the id of a connection, such as carto_phl")]
Role = Annotated[StrictStr, _matching(ROLE, "the name of a role, such as publicuser")]
Index = Annotated[StrictStr, _matching(INDEX, "a column, or several joined by +, such as opa_account_num")]
Cron = Annotated[
    Annotated[StrictStr, AfterValidator(check_cron)] | None,
    BeforeValidator(_unscheduled, json_schema_input_type=str | Literal[False] | None),
    Field(description="Five fields of cron, UTC; false for tables that are started by hand."),
]
Switch = Annotated[StrictBool, BeforeValidator(_off, json_schema_input_type=bool | None)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Box = Annotated[
    tuple[Number, Number, Number, Number],
    BeforeValidator(_listed),
    AfterValidator(_west_to_east),
    Field(description="West, south, east, north that every geometry lies in, in units of its SRID."),
]


class TableConfig(BaseModel):
    """What the files of every kind may say of a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule_interval: Cron = None
    upload_to_carto: Switch = Field(False, description="Whether the table is loaded to Carto at all.")
    upload_to_ago: None = Field(None, description="Dead: it was never read.")
    carto_users: Annotated[
        tuple[Role, ...], Field(min_length=1, max_length=MOST), BeforeValidator(_listed), AfterValidator(_each_once)
    ] = Field(description="Roles that may read the table; publicuser makes the dataset public.")
    carto_conn_id: Connection = Field("carto_phl", description="The Carto account.")
    upload_to_postgres: Switch = Field(False, description="Whether the table is loaded to PostgreSQL.")
    postgres_conn_id: Connection = Field("databridge2", description="The PostgreSQL that it is loaded to.")
    indexes: Annotated[
        tuple[Index, ...],
        Field(max_length=MOST),
        BeforeValidator(_none_listed, json_schema_input_type=tuple[Index, ...] | None),
        AfterValidator(_each_once),
    ] = Field((), description="Columns to index; a+b is one index of two.")
    schema_drift: Literal["fail", "warn", "evolve"] = Field(
        "fail", description="What a change of the source's columns does: stop, keep the old columns, take the new ones."
    )
    max_shrink_percent: Annotated[Number, Field(ge=0, le=100)] = Field(
        50.0, description="How much smaller than before a table may become and still be loaded."
    )
    bounding_box: Box | None = None
    fresh_within_hours: Annotated[Number, Field(gt=0, le=24 * 366)] | None = Field(
        None, description="How old the live table may become before it counts as stale; also of tables without a cron."
    )


class Incremental(BaseModel):
    """How a table is read in part: the rows that changed since the run before, merged by key into those it staged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[
        tuple[Name, ...], Field(min_length=1, max_length=8), BeforeValidator(_listed), AfterValidator(_each_once)
    ] = Field(description="Columns that tell rows apart; none of them is ever NULL.")
    watermark: Name = Field(
        description="A column of moments, days or whole numbers that rises with every insert and update."
    )
    overlap: Annotated[StrictInt, Field(ge=0, le=100_000_000)] = Field(
        300, description="How far below the highest watermark is read again: seconds, or units of a number."
    )
    full_every_days: Annotated[StrictInt, Field(ge=1, le=366)] = Field(
        7, description="Days after which all rows are read, which is when a deletion is certain to be seen."
    )


class DatabridgeConfig(TableConfig):
    """``databridge/<department>/<table>.yml``: a table of a database."""

    source_conn_id: Connection = Field("databridge", description="The database that it is read from.")
    source_schema: Name | None = Field(None, description="Its schema, where it is not the department's own.")
    incremental: Incremental | None = None


class KnackConfig(TableConfig):
    """``knack/<environment>/<department>/<table>.yml``: an object of a Knack app."""

    carto_conn_id: Connection = Field(description="The Carto account; the name of the environment's folder.")
    knack_object_id: Annotated[StrictInt, Field(gt=0, lt=1_000_000)] = Field(description="N of Knack's object_N.")
    knack_conn_id: Connection = Field(description="The app; a name with `test` in it has keys of its own.")
    time_zone: Annotated[StrictStr, AfterValidator(_time_zone)] = Field(
        "America/New_York", description="The app's time zone, which its moments are in."
    )


class Geocoding(BaseModel):
    """How addresses become coordinates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query_fields: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8), BeforeValidator(_listed)]
    ais_fields: Annotated[tuple[Literal["lat", "lon", "shape"], ...], BeforeValidator(_listed)] = (
        "lat",
        "lon",
        "shape",
    )
    remove_fields: Annotated[tuple[Name, ...], BeforeValidator(_listed)] = ()


class AirtableConfig(TableConfig):
    """``airtable/<table>.yml``: a table of an Airtable base, with its addresses geocoded."""

    airtable_table: Annotated[StrictStr, Field(min_length=1, max_length=255)]
    airtable_conn_id: Connection = "airtable"
    ais_conn_id: Connection = "ais"
    geocode: Geocoding | None = None


CONFIGS: dict[str, type[TableConfig]] = {
    "databridge": DatabridgeConfig,
    "knack": KnackConfig,
    "airtable": AirtableConfig,
}
# Keys whose values are mappings of keys.
NESTED: dict[str, type[BaseModel]] = {"incremental": Incremental, "geocode": Geocoding}
