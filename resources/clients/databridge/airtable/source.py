"""A table of an Airtable base. Records name only fields that they have: all are read before the columns are known."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from core.clock import Clock
from core.errors import InvalidAnswer, SourceMoved, SourceRefused
from core.plain import one_line, plain
from resources.clients.databridge.knack.names import column_names
from resources.clients.databridge.schema import Column, TableSchema, checked
from resources.clients.http.api import Answer, HttpApi, Unusable

ROOT = "https://api.airtable.com/v0"
PAGE = 100
# Airtable's own limit for a base is 500,000 records; these are tables of some hundreds.
MOST_PAGES = 5_000
LONGEST_OFFSET = 1_000
OK, UNPROCESSABLE, TOO_MANY, SERVER_ERROR = 200, 422, 429, 500
# What Airtable says of an offset that is too old for it, beside the status; from the first page on it answers again.
EXPIRED = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"


class AirtableSource:
    """One table; what it holds is read once."""

    def __init__(self, app: str, key: str, table: str, clock: Clock, root: str = ROOT):
        headers = {"Authorization": f"Bearer {key}"}
        # Five requests a second, or the base is shut for half a minute.
        self._api = HttpApi("Airtable", root, clock, per_minute=280, headers=headers)
        self._path, self._table = f"{quote(app, safe='')}/{quote(table, safe='')}", table
        self._records: list[dict[str, Any]] | None = None

    def __str__(self) -> str:
        return f"Airtable {self._table}"

    def schema(self) -> TableSchema:
        labels = self._labels()
        columns = [Column(name, self._type(label)) for name, label in zip(self._names(), labels, strict=True)]
        return checked(TableSchema((Column("id", "text", required=True), *columns), ("id",)), str(self))

    def count(self) -> int:
        return len(self._read())

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        labels = dict(zip(self._names(), self._labels(), strict=True))
        for record in self._read():
            yield [record["id"] if name == "id" else record["fields"].get(labels[name]) for name in schema.names]

    def _labels(self) -> list[str]:
        return list(dict.fromkeys(label for record in self._read() for label in record["fields"]))

    def _names(self) -> list[str]:
        return column_names(["id", *self._labels()], str(self))[1:]

    def _type(self, label: str) -> str:
        kinds = {type(record["fields"].get(label)) for record in self._read()} - {type(None)}
        if kinds <= {dict} and kinds:
            return "object"
        return "array" if kinds == {list} else "text"

    def _read(self) -> list[dict[str, Any]]:
        if self._records is None:
            records: dict[str, dict[str, Any]] = {}
            parameters: dict[str, Any] = {"pageSize": PAGE}
            for _ in range(MOST_PAGES):
                answer = self._api.get(self._path, parameters, self._judged)
                for record in answer["records"]:
                    if record["id"] in records:
                        raise SourceMoved(f"{self}: record {plain(record['id'], 40)} came twice. Run again.")
                    records[record["id"]] = record
                # A page may be short or empty, and another one follow it.
                if not answer.get("offset"):
                    self._records = list(records.values())
                    return self._records
                parameters["offset"] = answer["offset"]
            raise InvalidAnswer(f"{self}: more than {MOST_PAGES:,} pages. Check the API's address.")
        return self._records

    def _judged(self, answer: Answer) -> dict[str, Any]:
        if answer.status == TOO_MANY or answer.status >= SERVER_ERROR:
            raise Unusable(f"HTTP {answer.status}")
        if answer.status == UNPROCESSABLE and EXPIRED in answer.text:
            raise SourceMoved(f"{self}: its pages were no longer kept when the next one was asked for. Run again.")
        if answer.status != OK:
            raise SourceRefused(
                f"{self}: HTTP {answer.status}: {one_line(answer.text, 200)!r}. Check application id and key."
            )
        document = answer.document
        records = document.get("records") if isinstance(document, dict) else None
        if not isinstance(records, list) or not all(
            isinstance(record, dict) and isinstance(record.get("id"), str) and isinstance(record.get("fields"), dict)
            for record in records
        ):
            raise Unusable("no records in the answer")
        offset = document.get("offset")
        if not (offset is None or isinstance(offset, str)) or len(offset or "") > LONGEST_OFFSET:
            raise InvalidAnswer(f"{self}: the offset {one_line(offset, 80)!r} is none. Check the API's address.")
        return document
