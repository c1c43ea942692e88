"""An object of a Knack app: its fields as columns, its records page by page, moments in the app's own time zone.

Knack says app-local time even where it writes a Z, so only the app's time zone gives the true moment.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import Clock
from core.errors import InvalidAnswer, SourceMoved, SourceRefused
from core.plain import one_line
from resources.clients.databridge.knack.names import column_names
from resources.clients.databridge.records import json_text
from resources.clients.databridge.schema import Column, TableSchema, checked
from resources.clients.http.api import Answer, HttpApi, Unusable

ROOT = "https://api.knack.com/v1"
PAGE = 1000
# An object of twenty million records; more pages are a server that does not end.
MOST_PAGES = 20_000
# Pages whose records are remembered, so that an object of any size takes the same memory.
REMEMBERED = 5
OK, TOO_MANY, SERVER_ERROR = 200, 429, 500
MOMENT, DAY = "%m/%d/%Y %I:%M %p", "%m/%d/%Y"
TYPES = {
    "boolean": "boolean",
    "number": "number",
    "auto_increment": "integer",
    "date_time": "datetime",
    "multiple_choice": "array",
    "connection": "array",
    "address": "object",
}
ID = "id"


class KnackSource:
    """One object. app: its id and key. number: N of ``object_N``. zone: the app's."""

    def __init__(self, app: tuple[str, str], number: int, zone: ZoneInfo, clock: Clock, root: str = ROOT):
        headers = {"X-Knack-Application-Id": app[0], "X-Knack-REST-API-KEY": app[1]}
        self._api = HttpApi("Knack", root, clock, per_minute=500, headers=headers)
        self._object, self._zone = f"objects/object_{number}", zone
        self._fields: list[dict[str, Any]] = []

    def __str__(self) -> str:
        return f"Knack {self._object.split('/')[1]}"

    def schema(self) -> TableSchema:
        self._fields = self._api.get(f"{self._object}/fields", {}, self._judged_fields)
        names = column_names([ID, *(field["label"] for field in self._fields)], str(self))[1:]
        columns = [Column(ID, "string", required=True)]
        columns += [
            Column(name, TYPES.get(field["type"], "string"), field.get("required") is True)
            for name, field in zip(names, self._fields, strict=True)
        ]
        return checked(TableSchema(tuple(columns), (ID,)), str(self))

    def count(self) -> int | None:
        """The records that the first page speaks of."""
        total = self._page(1, 1).get("total_records")
        return int(total) if isinstance(total, int) and total >= 0 else None

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        """Rows as they are paged; a record that moves between pages is seen by its id."""
        by_name = dict(zip([ID, *self._names()], [None, *self._fields], strict=True))
        fields = [by_name.get(name) for name in schema.names]
        # An edit moves records by a few places: what comes twice comes on neighbouring pages.
        seen: deque[set[str]] = deque(maxlen=REMEMBERED)
        for page in range(1, MOST_PAGES + 1):
            answer = self._page(page, PAGE)
            seen.append(set())
            for record in answer["records"]:
                identity = record.get(ID)
                if not isinstance(identity, str) or not identity:
                    raise InvalidAnswer(f"{self}: a record of page {page:,} has no id. Check the API's address.")
                if any(identity in page_before for page_before in seen):
                    raise SourceMoved(f"{self}: record {identity} came twice: records moved between pages. Run again.")
                seen[-1].add(identity)
                yield [record.get(ID) if field is None else value_of(record, field, self._zone) for field in fields]
            if page >= answer["total_pages"]:
                return
            if not answer["records"]:
                raise SourceMoved(f"{self}: page {page:,} of {answer['total_pages']:,} has no records. Run again.")
        raise InvalidAnswer(f"{self}: more than {MOST_PAGES:,} pages. Check the API's address.")

    def _names(self) -> list[str]:
        return column_names([ID, *(field["label"] for field in self._fields)], str(self))[1:]

    def _page(self, page: int, size: int) -> dict[str, Any]:
        parameters = {"rows_per_page": size, "page": page}
        return self._api.get(f"{self._object}/records", parameters, self._judged_page)

    def _judged_page(self, answer: Answer) -> dict[str, Any]:
        document = self._document(answer)
        records, pages = document.get("records"), document.get("total_pages")
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise Unusable("no records in the answer")
        if not isinstance(pages, int) or isinstance(pages, bool) or pages < 0:
            raise InvalidAnswer(f"{self}: total_pages is {str(pages)[:40]!r}; expected a number.")
        return document

    def _judged_fields(self, answer: Answer) -> list[dict[str, Any]]:
        fields = self._document(answer).get("fields")
        if not isinstance(fields, list) or not all(
            isinstance(field, dict) and all(isinstance(field.get(part), str) for part in ("key", "label", "type"))
            for field in fields
        ):
            raise InvalidAnswer(f"{self}: its fields have no key, label and type. Check the API's address.")
        return fields

    def _document(self, answer: Answer) -> dict[str, Any]:
        if answer.status == TOO_MANY or answer.status >= SERVER_ERROR:
            raise Unusable(f"HTTP {answer.status}")
        if answer.status != OK:
            raise SourceRefused(
                f"{self}: HTTP {answer.status}: {one_line(answer.text, 200)!r}. Check application id, key and "
                "knack_object_id."
            )
        if not isinstance(answer.document, dict):
            raise Unusable("no JSON object in the answer")
        return answer.document


def value_of(record: Mapping[str, Any], field: Mapping[str, Any], zone: ZoneInfo) -> Any:
    """A record's value of a field, as its column has it; a field that the record lacks is NULL."""
    key, kind = field["key"], field["type"]
    value = record[f"{key}_raw"] if f"{key}_raw" in record else record.get(key)
    if value is None or value == "":
        return None
    if kind == "date_time":
        return moment_of(value, zone)
    if kind == "phone" and isinstance(value, dict):
        return value.get("full")
    if TYPES.get(kind) == "array":
        links = kind == "connection"
        return [part.get(ID) if links and isinstance(part, dict) else part for part in _listed(value)]
    if TYPES.get(kind) == "object":
        return json_text(value) if isinstance(value, str) else value
    return json_text(value) if isinstance(value, dict | list) else value


def moment_of(value: Any, zone: ZoneInfo) -> datetime | None:
    """The moment of a date_time value, which is the app's local time.

    Raises:
        InvalidAnswer: when it is none.
    """
    text = value.get("timestamp") or value.get("date_formatted") if isinstance(value, dict) else value
    if not text:
        return None
    for form in (MOMENT, DAY):
        try:
            return datetime.strptime(str(text).strip()[:40], form).replace(tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise InvalidAnswer(f"Knack: {str(text)[:40]!r} is no moment like 01/31/2024 05:30 pm.")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
