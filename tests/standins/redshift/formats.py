"""Text files as records: csv, delimited, JSON. A record that cannot be read is a load error of its line."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.standins.redshift.copy_command import CopyCommand
from tests.standins.redshift.values import LoadError, Target


@dataclass(frozen=True)
class Record:
    """The fields of one line, or why there are none. ``raw``: the line, for the error."""

    line: int
    raw: str
    fields: list[str | None]
    error: LoadError | None = None


def records(content: bytes, columns: list[Target], command: CopyCommand, paths: list[Any] | None) -> Iterator[Record]:
    """The records of a file, in order of ``columns``. ``paths``: of a jsonpaths file."""
    if command.layout == "json":
        found = _json(content.decode(errors="replace"), columns, command, paths)
    elif command.layout == "csv":
        found = _csv(_text(content, command), command)
    else:
        found = _delimited(_text(content, command), command)
    for record in found:
        yield record if record.error or command.layout == "json" else _fitted(record, columns, command)


def _text(content: bytes, command: CopyCommand) -> str:
    """Invalid UTF-8 is kept as surrogates, so that its line alone is refused."""
    text = content.decode("utf-8-sig", errors="surrogateescape")
    if command.accept_invalid:
        return re.sub("[\udc80-\udcff]", command.accept_invalid, text)
    return text


def _fitted(record: Record, columns: list[Target], command: CopyCommand) -> Record:
    """As many fields as columns."""
    fields = record.fields
    if any("\udc80" <= letter <= "\udcff" for field in fields if field for letter in field):
        return Record(
            record.line,
            ascii(record.raw),
            [],
            LoadError(1220, "String contains invalid or unsupported UTF8 codepoints"),
        )
    if len(fields) > len(columns):
        extra = fields[len(columns) :]
        if len(extra) > 1 or extra[0]:
            return Record(record.line, record.raw, [], LoadError(1202, "Extra column(s) found"))
        fields = fields[:-1]
    if len(fields) < len(columns):
        if not command.fill_record:
            return Record(record.line, record.raw, [], LoadError(1202, "Delimiter not found"))
        fields = [*fields, *[None] * (len(columns) - len(fields))]
    return Record(record.line, record.raw, fields)


def _csv(text: str, command: CopyCommand) -> Iterator[Record]:
    """Quoted fields may hold line ends and doubled quotes."""
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=command.delimiter, quotechar=command.quote, strict=True)
    line = 1
    while True:
        start = source.tell()
        try:
            fields: list[str | None] = list(next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(
                line, text[start : start + 200], [], LoadError(1212, f"Invalid quote formatting for CSV: {error}")
            )
            return
        began, line = line, reader.line_num + 1
        if began <= command.ignore_header:
            continue
        if not fields and command.ignore_blank_lines:
            continue
        yield Record(began, command.delimiter.join(field or "" for field in fields), fields or [""])


def _delimited(text: str, command: CopyCommand) -> Iterator[Record]:
    lines = re.split(r"(?<!\\)\r?\n", text) if command.escape else re.split(r"\r?\n", text)
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if number <= command.ignore_header or (not line and command.ignore_blank_lines):
            continue
        fields = _delimited_fields(line, command)
        yield Record(number, line, fields)


def _delimited_fields(line: str, command: CopyCommand) -> list[str | None]:
    delimiter = re.escape(command.delimiter)
    if command.remove_quotes:
        found = re.findall(rf"(?:^|{delimiter})(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^{delimiter}]*)", line)
        fields = [field[1:-1] if field[:1] in "\"'" and field else field for field in found]
    else:
        fields = re.split(rf"(?<!\\){delimiter}" if command.escape else delimiter, line)
    null = command.null_as if command.null_as is not None else "\\N"
    unescape: Callable[[str], str] = (
        (lambda field: re.sub(r"\\(.)", r"\1", field, flags=re.DOTALL)) if command.escape else str
    )
    return [None if field == null else unescape(field) for field in fields]


def _json(text: str, columns: list[Target], command: CopyCommand, paths: list[Any] | None) -> Iterator[Record]:
    """Objects one after the other; by name ('auto') or by jsonpaths."""
    decoder = json.JSONDecoder(parse_float=Decimal, parse_int=int)
    at, end = _skip_space(text, 0), len(text)
    while at < end:
        line = text.count("\n", 0, at) + 1
        try:
            found, stop = decoder.raw_decode(text, at)
        except ValueError as error:
            stop = text.find("\n", at) + 1 or end
            yield Record(line, text[at:stop], [], LoadError(1223, f"Invalid JSON format: {error}"))
            at = _skip_space(text, stop)
            continue
        raw, at = text[at:stop], _skip_space(text, stop)
        if paths is None and not isinstance(found, dict):
            yield Record(line, raw, [], LoadError(1223, "Invalid JSON: an object was expected"))
            continue
        values = [_at_path(found, path) for path in paths] if paths is not None else _by_name(found, columns, command)
        yield Record(line, raw, [_json_text(value) for value in values])


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _by_name(found: dict[str, Any], columns: list[Target], command: CopyCommand) -> list[Any]:
    if command.json_paths.lower() == "auto ignorecase":
        found = {name.lower(): value for name, value in found.items()}
    return [found.get(column.name) for column in columns]


def json_paths(content: bytes) -> list[list[str | int]]:
    """The paths of a jsonpaths file, each as keys and positions.

    Raises:
        ValueError: when it is none.
    """
    listed = json.loads(content)["jsonpaths"]
    steps = r"\.(?P<dotted>\w+)|\[['\"](?P<key>.*?)['\"]\]|\[(?P<index>\d+)\]"
    return [
        [found["dotted"] or found["key"] or int(found["index"]) for found in re.finditer(steps, path)]
        for path in listed
    ]


def _at_path(value: Any, path: list[str | int]) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    return json.dumps(value, separators=(",", ":"), default=str)
