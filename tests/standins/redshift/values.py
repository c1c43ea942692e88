"""Values of text files for columns: what Redshift takes for each type, and the load error it gives otherwise."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from tests.standins.redshift.copy_command import CopyCommand


@dataclass(frozen=True)
class Target:
    """A column that COPY fills. ``size``: bytes of a text, or digits of a number. ``type``: PostgreSQL's name."""

    name: str
    type: str
    size: int | None = None
    scale: int | None = None
    nullable: bool = True
    has_default: bool = False

    @property
    def type_name(self) -> str:
        """As stl_load_errors has it."""
        names = {"character varying": "varchar", "bigint": "int8", "integer": "int", "smallint": "int2",
                 "double precision": "float8", "real": "float4", "boolean": "bool", "character": "char",
                 "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz"}  # fmt: skip
        return names.get(self.type, self.type)


@dataclass
class LoadError(Exception):
    """Why a line is not taken, with Redshift's number for it; the column and its field, where it is one field's."""

    code: int
    reason: str
    column: Target | None = None
    field: str = ""


TEXTS = ("character varying", "character")
INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
BOOLEANS = {**dict.fromkeys(("t", "true", "y", "yes", "1"), "t"), **dict.fromkeys(("f", "false", "n", "no", "0"), "f")}
PATTERNS = (
    ("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH24", "%H"), ("HH12", "%I"), ("HH", "%H"), ("MI", "%M"),
    ("SS", "%S"), ("US", "%f"), ("Mon", "%b"), ("MON", "%b"), ("AM", "%p"), ("PM", "%p"), ("YY", "%y"), ("OF", "%z"),
)  # fmt: skip


def converted(value: str | None, column: Target, command: CopyCommand) -> str | None:
    """What the server is given for a field.

    Raises:
        LoadError: when the column does not take it.
    """
    value = _nulled(value, column, command)
    if value is None:
        if not column.nullable:
            raise LoadError(1213, "Missing data for not-null field")
        return None
    if column.type in TEXTS:
        return _text(value, column, command)
    stripped = value.strip()
    if not stripped:
        return converted(None, column, command)
    if column.type not in CONVERSIONS:
        raise LoadError(1224, f"This stand-in loads no {column.type}")
    return CONVERSIONS[column.type](stripped, column, command)


def _nulled(value: str | None, column: Target, command: CopyCommand) -> str | None:
    """The rules that make a field null."""
    if value is None or value == (command.null_as if command.null_as is not None else "\\N"):
        return None
    if column.type in TEXTS and (
        (command.empty_as_null and value == "") or (command.blanks_as_null and value and value.isspace())
    ):
        return None
    return value


def _text(value: str, column: Target, command: CopyCommand) -> str:
    if "\0" in value:
        raise LoadError(1220, "String contains a NUL byte")
    value = value.rstrip(" ") if command.trim_blanks else value
    raw = value.encode()
    if column.size is None or len(raw) <= column.size:
        return value
    if not command.truncate_columns:
        raise LoadError(1204, "String length exceeds DDL length")
    return raw[: column.size].decode(errors="ignore")


def _integer(value: str, column: Target, _: CopyCommand) -> str:
    if not re.fullmatch(r"[+-]?\d+", value):
        raise LoadError(1207, f"Invalid digit, Value '{value[0]}', Pos 0, Type: {column.type.title()}")
    bound = INTEGERS[column.type]
    if not -bound <= int(value) < bound:
        raise LoadError(1207, f"Overflow, Value '{value}', Type: {column.type.title()}")
    return value


def _decimal(value: str, column: Target, command: CopyCommand) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise LoadError(1207, f"Invalid digit, Value '{value[0]}', Pos 0, Type: Decimal")
    with localcontext(prec=200):
        rounding = ROUND_HALF_UP if command.round_decimals else ROUND_DOWN
        scaled = number.quantize(Decimal(1).scaleb(-(column.scale or 0)), rounding)
    if len(scaled.as_tuple().digits) > (column.size or 38):
        raise LoadError(1214, "Overflow for NUMERIC")
    return f"{scaled:f}"


def _float(value: str, _column: Target, _: CopyCommand) -> str:
    try:
        number = float(value)
    except ValueError:
        raise LoadError(1207, f"Invalid digit, Value '{value[0]}', Pos 0, Type: Double") from None
    return value if math.isfinite(number) else repr(number)


def _boolean(value: str, _column: Target, _: CopyCommand) -> str:
    if value.lower() not in BOOLEANS:
        raise LoadError(1210, "Unknown boolean format")
    return BOOLEANS[value.lower()]


def _date(value: str, _: Target, command: CopyCommand) -> str:
    return str(_moment(value, command.date_format, 1205, "Invalid Date Format").date())


def _timestamp(value: str, _: Target, command: CopyCommand) -> str:
    return str(_moment(value, command.time_format, 1206, "Invalid timestamp format or value"))


def _moment(value: str, layout: str | None, code: int, reason: str) -> datetime:
    """A date or timestamp by DATEFORMAT or TIMEFORMAT; by default as ISO 8601, 'auto' also the epoch's units."""
    try:
        match (layout or "").lower():
            case "epochsecs":
                return datetime(1970, 1, 1) + timedelta(seconds=float(value))
            case "epochmillisecs":
                return datetime(1970, 1, 1) + timedelta(milliseconds=float(value))
            case "" | "auto":
                found = datetime.fromisoformat(value)
            case _:
                pattern = layout or ""
                for theirs, ours in PATTERNS:
                    pattern = pattern.replace(theirs, ours)
                found = datetime.strptime(value, pattern)
    except (ValueError, OverflowError):
        raise LoadError(code, reason) from None
    return found if isinstance(found, datetime) else datetime.combine(date.fromisoformat(value), datetime.min.time())


CONVERSIONS: dict[str, Callable[[str, Target, CopyCommand], str]] = {
    **dict.fromkeys(INTEGERS, _integer),
    "numeric": _decimal,
    "double precision": _float,
    "real": _float,
    "boolean": _boolean,
    "date": _date,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _timestamp,
}
