"""The COPY command, read into what it asks for. An option this stand-in does not know is refused, never passed over."""

import codecs
from dataclasses import dataclass

from tests.standins.redshift.sql import Token, joined, significant, tokens, word_at
from tests.standins.redshift.wire import RedshiftError

COMPRESSIONS = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
# Accepted and without effect here: they tune, or ask for statistics.
NO_EFFECT = {"compupdate", "statupdate", "encoding"}
MOST_ERRORS = 100_000


@dataclass
class CopyCommand:
    """What a COPY asks for. ``columns``: none means all, in the table's order."""

    table: str
    source: str
    columns: tuple[str, ...] = ()
    layout: str = "delimited"  # or csv, json, parquet
    delimiter: str = "|"
    quote: str = '"'
    json_paths: str = "auto"
    compression: str | None = None
    manifest: bool = False
    ignore_header: int = 0
    max_errors: int = 0
    null_as: str | None = None
    date_format: str | None = None
    time_format: str | None = None
    region: str | None = None
    credentials: str | None = None
    truncate_columns: bool = False
    blanks_as_null: bool = False
    empty_as_null: bool = False
    ignore_blank_lines: bool = False
    fill_record: bool = False
    trim_blanks: bool = False
    remove_quotes: bool = False
    escape: bool = False
    no_load: bool = False
    round_decimals: bool = False
    accept_invalid: str | None = None


FLAGS = {
    "manifest": "manifest", "truncatecolumns": "truncate_columns", "blanksasnull": "blanks_as_null",
    "emptyasnull": "empty_as_null", "ignoreblanklines": "ignore_blank_lines", "fillrecord": "fill_record",
    "trimblanks": "trim_blanks", "removequotes": "remove_quotes", "escape": "escape", "noload": "no_load",
    "roundec": "round_decimals",
}  # fmt: skip
TEXTS = {
    "delimiter": "delimiter", "quote": "quote", "region": "region", "dateformat": "date_format",
    "timeformat": "time_format", "iam_role": "credentials", "credentials": "credentials",
    "access_key_id": "credentials", "secret_access_key": "credentials", "session_token": "credentials",
}  # fmt: skip
NUMBERS = {"ignoreheader": "ignore_header", "maxerror": "max_errors"}


def parsed(statement: str) -> CopyCommand:
    """Read a COPY ... FROM 's3://...'.

    Raises:
        RedshiftError: when it is no COPY that Redshift and this stand-in know.
    """
    parts = significant(tokens(statement))
    start = next((at for at, part in enumerate(parts) if part.word == "from"), 0)
    if not start or start + 1 >= len(parts) or parts[start + 1].kind != "string":
        raise RedshiftError("syntax error: COPY needs FROM and a quoted source", "42601")
    bracket = next((at for at in range(1, start) if parts[at].word == "("), start)
    columns = tuple(part.value.lower() for part in parts[bracket + 1 : start] if part.word not in (",", ")"))
    command = CopyCommand(joined(parts[1:bracket]), parts[start + 1].value, columns)
    if not command.source.startswith("s3://"):
        raise RedshiftError(f"COPY from {command.source.split(':')[0]}: this stand-in reads s3:// only", "0A000")
    rest = parts[start + 2 :]
    while rest:
        rest = rest[_option(command, rest) :]
    _checked(command)
    return command


def _option(command: CopyCommand, parts: list[Token]) -> int:
    """Apply the option that ``parts`` begin with; how many tokens it took.

    Raises:
        RedshiftError: when it is no option.
    """
    word = parts[0].word
    if word in FLAGS:
        setattr(command, FLAGS[word], True)
        return 1
    if word in COMPRESSIONS:
        command.compression = COMPRESSIONS[word]
        return 1
    if word in ("format", "csv", "json", "parquet", "avro", "orc", "fixedwidth"):
        return _layout(command, parts)
    if word in NO_EFFECT:
        return 2 if word_at(parts, 1) in ("on", "off", "true", "false", "preset", "utf8") else 1
    return _valued(command, parts)


def _valued(command: CopyCommand, parts: list[Token]) -> int:
    """An option with a value, AS before it or not."""
    word, at = parts[0].word, 2 if word_at(parts, 1) == "as" else 1
    value = parts[at] if len(parts) > at else Token("space", "")
    if word in TEXTS:
        setattr(command, TEXTS[word], _unescaped(value) if word == "delimiter" else value.value)
    elif word in NUMBERS:
        if not value.text.isdigit():
            raise RedshiftError(f"invalid {word.upper()} value", "42601")
        setattr(command, NUMBERS[word], int(value.text))
    elif word == "null":
        command.null_as = "\\N" if value.text[1:-1].strip("\\") == "N" else _unescaped(value)
    elif word == "acceptinvchars":
        command.accept_invalid = value.value if value.kind == "string" else "?"
        return at + 1 if value.kind == "string" else 1
    else:
        raise RedshiftError(f'syntax error at or near "{parts[0].text}": no COPY option known here', "42601")
    return at + 1


def _layout(command: CopyCommand, parts: list[Token]) -> int:
    """FORMAT [AS] layout, or the layout alone; JSON takes its paths, CSV its QUOTE as an option of its own."""
    at = 1 if parts[0].word != "format" else 1 + (word_at(parts, 1) == "as") + 1
    command.layout = parts[at - 1].word
    if command.layout not in ("csv", "json", "parquet"):
        raise RedshiftError(f"FORMAT {command.layout} is not part of this stand-in", "0A000")
    if command.layout == "csv" and command.delimiter == "|":
        command.delimiter = ","
    if command.layout == "json":
        at += word_at(parts, at) == "as"
        if at < len(parts) and parts[at].kind == "string":
            command.json_paths = parts[at].value
            return at + 1
    return at


def _unescaped(part: Token) -> str:
    return codecs.decode(part.text[1:-1], "unicode_escape")


def _checked(command: CopyCommand) -> None:
    """Raises RedshiftError for what Redshift refuses before it reads anything."""
    if not command.credentials:
        raise RedshiftError("COPY needs IAM_ROLE or CREDENTIALS to read from S3", "42601")
    if command.max_errors > MOST_ERRORS:
        raise RedshiftError(f"MAXERROR exceeds {MOST_ERRORS}", "22023")
    if command.layout == "parquet":
        for option in ("max_errors", "ignore_header", "truncate_columns", "blanks_as_null", "empty_as_null",
                       "compression", "null_as", "date_format", "time_format", "region"):  # fmt: skip
            if getattr(command, option):
                raise RedshiftError(f"COPY from PARQUET does not take {option.replace('_', '').upper()}", "0A000")
    if command.layout == "csv" and (command.escape or command.remove_quotes):
        raise RedshiftError("CSV cannot be used with ESCAPE or REMOVEQUOTES", "0A000")
