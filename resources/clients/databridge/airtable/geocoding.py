"""Addresses to coordinates by the city's Address Information System (AIS); an address that it does not know is NULL."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from core.clock import Clock
from core.errors import InvalidAnswer, SourceRefused
from core.plain import one_line
from resources.clients.databridge.schema import Column, TableSchema, checked
from resources.clients.databridge.source import RowSource
from resources.clients.http.api import Answer, HttpApi, Unusable

ROOT = "https://api.phila.gov/ais/v1"
SRID = 4326
LONGEST_ADDRESS = 200
OK, NOT_FOUND, TOO_MANY, SERVER_ERROR = 200, 404, 429, 500
ADDED = {
    "lat": Column("lat", "numeric"),
    "lon": Column("lon", "numeric"),
    "shape": Column("shape", "geometry", geometry_type="point", srid=SRID),
}


class Geocoder:
    """AIS."""

    def __init__(self, key: str, clock: Clock, root: str = ROOT):
        self._api = HttpApi("AIS", root, clock, per_minute=600, secret_parameters={"gatekeeperKey": key})
        self.located = lru_cache(4096)(self._located)

    def _located(self, address: str) -> tuple[float, float] | None:
        """Longitude and latitude; None when the address is not known."""
        text = " ".join(address.split())[:LONGEST_ADDRESS]
        return self._api.get(f"search/{quote(text, safe='')}", {}, self._judged) if text else None

    def _judged(self, answer: Answer) -> tuple[float, float] | None:
        if answer.status == TOO_MANY or answer.status >= SERVER_ERROR:
            raise Unusable(f"HTTP {answer.status}")
        if answer.status == NOT_FOUND:
            return None
        if answer.status != OK:
            raise SourceRefused(f"AIS: HTTP {answer.status}: {one_line(answer.text, 200)!r}. Check the secret `ais`.")
        if answer.document is None:
            raise Unusable("no JSON in the answer")
        try:
            lon, lat = (float(number) for number in answer.document["features"][0]["geometry"]["coordinates"][:2])
        except (LookupError, TypeError, ValueError, OverflowError):
            return None
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise InvalidAnswer(f"AIS: {lon}, {lat} are no longitude and latitude.")
        return lon, lat


class GeocodedSource:
    """A source with what AIS adds. query_fields: joined by a blank, they are the address."""

    def __init__(
        self, source: RowSource, geocoder: Geocoder, query: Sequence[str], added: Sequence[str], removed: Sequence[str]
    ):
        self._source, self._geocoder = source, geocoder
        self._query, self._added, self._removed = query, added, removed

    def __str__(self) -> str:
        return f"{self._source}, geocoded"

    def schema(self) -> TableSchema:
        own = self._source.schema()
        if missing := [name for name in self._query if name not in own.names]:
            raise InvalidAnswer(f"{self}: query_fields names {missing[0]}; the columns are {', '.join(own.names)}.")
        kept = [column for column in own.columns if column.name not in (*self._removed, *self._added)]
        added = [ADDED[name] for name in self._added]
        return checked(
            TableSchema((*kept, *sorted(added, key=lambda column: column.is_geometry)), own.primary_key), str(self)
        )

    def count(self) -> int | None:
        return self._source.count()

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        own = self._source.schema()
        for row in self._source.rows(own):
            values = dict(zip(own.names, row, strict=True))
            found = self._geocoder.located(" ".join(str(values[name] or "") for name in self._query).strip())
            lon, lat = found or (None, None)
            values |= {"lon": lon, "lat": lat, "shape": f"SRID={SRID};POINT({lon} {lat})" if found else None}
            yield [values[name] for name in schema.names]
