"""Every way in which something is written that lasts: each writes one of two versions, and says what it finds there.

A reader's own door tells what is there. It gives one version whole, the other, or says that neither stands.
"""

import hashlib
import os
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.markets.tables import MARKET_DAILY
from core.errors import DayMissing, LakeChanged
from core.frames import spooled
from core.ingest import INGEST_LOG
from core.merging import Batch
from core.objects import PublishedObject
from core.partitions import PartitionAddress
from core.scratch import ScratchDirectory
from core.windows import DayWindow
from resources.clients.databridge.schema import Column, TableSchema
from resources.clients.databridge.staging import Manifest, StagedKeys, Staging, digest_of
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.columns import Bars
from resources.clients.exchanges.objects import BarObjects, SymbolDay
from resources.clients.lake.lake import Lake
from resources.clients.lake.objects import PublishedObjects
from resources.clients.lake.store_of_uri import store_for
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.database import Postgres
from resources.clients.postgres.warehouse import PostgresWarehouse
from resources.clients.redshift.login import Login
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from tests.standins.lakes import ITEMS

DAY = date(2024, 1, 2)
NOW = datetime(2024, 1, 3, tzinfo=UTC)
WINDOW = DayWindow(DAY, DAY)
OLD, NEW = "old", "new"
# Files under fixed names are neither version while one takes the other's place: a reader is told so, and to export.
NEITHER = "neither"
# Where a path of writing has its server, if it has one: addresses, passwords, trust.
Environment = Mapping[str, str]

REPORT = PublishedObject("test", "written", "written/{day}.json.gz", latest="written/latest.json.gz")


def notes(version: str, rows: int) -> list[str]:
    """Texts that do not compress, others in each version."""
    draw = random.Random(version)
    return [f"{version} {draw.randbytes(64).hex()}" for _ in range(rows)]


def item_rows(version: str, rows: int) -> pa.Table:
    columns = {
        "block_number": list(range(rows)),
        "amount": [Decimal(number) for number in range(rows)],
        "note": notes(version, rows),
        "block_date": [DAY] * rows,
    }
    return pa.table(columns, schema=ITEMS.arrow_schema)


def _publish(lake: Lake, version: str, rows: int) -> None:
    tables = spooled(ITEMS, item_rows(version, rows), [DAY])
    lake.publish(ITEMS, tables, tables.days[0], version)


@dataclass
class Writing:
    """One way of writing. place: a directory of its own. rows: how much a version holds."""

    place: str
    rows: int = 200
    environment: Environment = field(default_factory=dict)

    def prepare(self) -> None:
        """What both versions need."""

    def write(self, version: str) -> None:
        """Write a version, in place of what is there."""
        raise NotImplementedError

    def found(self) -> dict[str, Any]:
        """What readers find now, by the name of what is read."""
        raise NotImplementedError

    @property
    def between(self) -> list[str]:
        """What readers may find besides while one version takes the other's place."""
        return [NEITHER] if getattr(self, "format", "") == "csv" else []


@dataclass
class LakePath(Writing):
    """A day of a table in the lake. format: ``parquet`` or ``csv``."""

    format: str = "parquet"

    @property
    def lake(self) -> Lake:
        return Lake(store_for(self.place), self.format)

    def write(self, version: str) -> None:
        _publish(self.lake, version, self.rows)

    def found(self) -> dict[str, Any]:
        try:
            return {"day": sorted(self.lake.open(ITEMS, [DAY]).table().column("note").to_pylist())}
        except LakeChanged:
            return {"day": NEITHER}


@dataclass
class _Load(Writing):
    """A day of the lake in a warehouse; each version has a lake of its own."""

    format: str = "parquet"

    @property
    def warehouse(self) -> Any:
        raise NotImplementedError

    def _lake(self, version: str) -> Lake:
        return Lake(store_for(f"{self.place}/{version}"), self.format)

    def prepare(self) -> None:
        for version in (OLD, NEW):
            _publish(self._lake(version), version, self.rows)

    def write(self, version: str) -> None:
        self.warehouse.replace(ITEMS, self._lake(version).open(ITEMS, [DAY]))

    def found(self) -> dict[str, Any]:
        try:
            return {"table": sorted(self.warehouse.read(ITEMS, None, ["note"]).column("note").to_pylist())}
        except DayMissing:
            return {"table": None}


@dataclass
class DuckDbLoad(_Load):
    file: str = ""

    @property
    def warehouse(self) -> DuckDbWarehouse:
        return DuckDbWarehouse(self.file or f"{self.place}/warehouse.duckdb")


@dataclass
class PostgresLoad(_Load):
    address: PostgresAddress | None = None

    @property
    def warehouse(self) -> PostgresWarehouse:
        return PostgresWarehouse(self.address)


@dataclass
class RedshiftLoad(_Load):
    """host, port, database, user, password, role: of the stand-in."""

    server: tuple[str, int, str, str, str, str] | None = None

    @staticmethod
    def server_of(database: Any) -> tuple[str, int, str, str, str, str]:
        """database: the stand-in, as its fixture gives it."""
        return database.host, database.port, database.database, database.user, database.password, database.iam_role

    @property
    def warehouse(self) -> Redshift:
        host, port, database, user, password, role = self.server
        login = Login(user, password)
        return Redshift(RedshiftAddress(host, port, database, lambda: login), store_for(self.place), role)


@dataclass
class MarketsMerge(Writing):
    """What a source of markets delivers: rows, their history and the line in the ingest log, in one transaction."""

    address: PostgresAddress | None = None

    def write(self, version: str) -> None:
        database, draw = Postgres(self.address), random.Random(version)
        rows = [
            {
                "coin_id": f"coin-{number}",
                "vs_currency": "usd",
                "price_date": DAY,
                "price": Decimal(draw.randrange(1, 10**12)),
                "observed_at": NOW,
            }
            for number in range(self.rows)
        ]
        with database.transaction() as session:
            now = datetime.now(UTC)
            merged = database.merge_within(session, MARKET_DAILY, Batch(rows, "test"), version, now)
            entry = {"run_id": version, "asset": "test", "partition": "", "logged_at": now, "outcome": "merged"}
            database.append_within(session, INGEST_LOG, entry | {"rows_updated": merged.updated})

    def found(self) -> dict[str, Any]:
        database = Postgres(self.address)
        try:
            prices = database.records("SELECT price FROM raw.market_daily ORDER BY coin_id")
        except DayMissing:
            return {"prices": None}
        (log,) = database.records("SELECT coalesce(sum(rows_updated), 0) AS updated FROM raw.ingest_log")
        assert database.count("raw.market_daily_history") == log["updated"]
        return {"prices": [row["price"] for row in prices]}


@dataclass
class BarsPath(Writing):
    """A symbol's day of exchanges, whose former values are kept beside it."""

    KEY = "v3/a/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet"

    def write(self, version: str) -> None:
        draw, start = random.Random(version), int(datetime(2024, 1, 2, tzinfo=UTC).timestamp() * 1000)
        bars = []
        for minute in range(self.rows):
            prices = [Decimal(draw.randrange(10**17)).scaleb(-8) for _ in range(5)]
            bars.append(Bar(start + minute * MINUTE_MS, *prices, Decimal(4), minute))
        day = SymbolDay("binance", "BTC_USDT", DAY, Bars.of(bars), facts={"outcome": "complete", "source": "test"})
        BarObjects(store_for(self.place)).put(self.KEY, day, datetime.now(UTC))

    def found(self) -> dict[str, Any]:
        objects = BarObjects(store_for(self.place))
        day = objects.read(self.KEY)
        if day is None:
            return {"bars": None}
        objects.revised(self.KEY, day)
        return {"bars": [bar.values for bar in day.bars]}


@dataclass
class StagedPath(Writing):
    """What databridge extracts from a table: data, schema, manifest, and the old key."""

    def _staging(self) -> Staging:
        return Staging(store_for(self.place), StagedKeys("311", "t"))

    def _data(self, version: str) -> bytes:
        return "".join(f"{line}\r\n" for line in ("a", *notes(version, self.rows))).encode()

    def write(self, version: str) -> None:
        staging, schema = self._staging(), TableSchema((Column("a", "text"),))
        with ScratchDirectory("databridge") as scratch:
            path, run = Path(scratch, "data.csv"), f"{version}-{os.getpid()}"
            path.write_bytes(self._data(version))
            size, digest = digest_of(path)
            moment = NOW.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            manifest = Manifest(run, staging.keys.run(run), self.rows, size, digest, ["a"], moment, "test")
            staging.publish(manifest, schema, path, NOW)

    def found(self) -> dict[str, Any]:
        staging = self._staging()
        newest, old_key = staging.newest(), staging.store.read(staging.keys.csv)
        if newest is None:
            return {"run": None, "old key": old_key}
        assert staging.schema_of(newest).names == ["a"]
        return {"run": staging.fetch(newest, Path(tempfile.gettempdir())).read_bytes(), "old key": old_key}


@dataclass
class ObjectPath(Writing):
    """A published object with a second key, by the IO manager's client."""

    def _objects(self) -> PublishedObjects:
        return PublishedObjects(store_for(self.place), acls=False)

    def write(self, version: str) -> None:
        self._objects().write(REPORT, PartitionAddress(DAY), notes(version, self.rows))

    def found(self) -> dict[str, Any]:
        store = store_for(self.place)
        keys = (REPORT.key_of(PartitionAddress(DAY)), REPORT.latest)
        return {key: hashlib.sha256(data).hexdigest() if (data := store.read(key)) else None for key in keys}


def write_new(writing: Writing, begun: Any) -> None:
    """The new version, in a process of its own. begun: the event that says that what follows is the writing."""
    os.environ.update(writing.environment)
    tempfile.tempdir = None
    begun.set()
    writing.write(NEW)
