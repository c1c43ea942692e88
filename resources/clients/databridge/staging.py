"""What an extract leaves in the object store: an object of the run's own, its schema, a manifest, the old keys.

::

    staging/<s>/<t>/runs/<run>.csv     the data; nobody else ever writes it
    staging/<s>/<t>/runs/<run>.json    the schema that the data has
    schemas/<s>/<t>.json               the same under the old key, which the next extract compares with
    staging/<s>/<t>/manifest.json      which run is the newest, and what is known of it
    staging/<s>/<t>.csv                the old key, for who still reads it; written last

A load reads the manifest and then the run's own objects, so that an extract that comes between changes nothing. Runs
that are no longer named are removed by a later extract, once they are older than any load lasts.
"""

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from core.errors import LakeChanged, LakeDamaged, LoadRejected
from resources.clients.databridge.schema import TableSchema, parse_schema
from resources.clients.lake.object_store import ObjectStore

KEPT = timedelta(days=2)
LONGEST = 1 << 20
PIECE = 1 << 20


Count = Annotated[int, msgspec.Meta(ge=0)]
# A run's name is part of keys; a moment goes into SQL, and is compared as a text.
RunName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$")]


class GeometrySummary(msgspec.Struct, frozen=True):
    """What the geometries of a run are, as the checks judge them."""

    column: str
    srid: int
    types: dict[str, int]
    empty: int
    flattened: int
    vertices: int
    bounds: tuple[float, float, float, float] | None = None


class Reached(msgspec.Struct, frozen=True):
    """How far an incremental table was read.

    watermark: its highest value, as text; None when no row has one. read_whole_at: when all rows were last read. basis:
    a digest of what rows may be merged by; a run with another one reads all.
    """

    watermark: Annotated[str, msgspec.Meta(max_length=64)] | None
    read_whole_at: Moment
    basis: Digest


class Manifest(msgspec.Struct, frozen=True):
    """A run's data. Counts are rows; moments are UTC texts that sort as moments do.

    source_rows: what the source counted, before and after it was read; None where it cannot count.
    previous_rows: of the run before, for the check of how much it shrank. nuls: of the rows that this run read.
    reached: of an incremental table.
    """

    run: RunName
    key: str
    rows: Count
    bytes: Count
    sha256: Digest
    columns: list[str]
    extracted_at: Moment
    source: str
    source_rows: Count | None = None
    previous_rows: Count | None = None
    nuls: Count = 0
    notes: list[str] = []
    geometry: GeometrySummary | None = None
    reached: Reached | None = None


@dataclass(frozen=True)
class StagedKeys:
    """The keys of a table. department: with the ending that a test environment of Knack's has."""

    department: str
    table: str
    folder: str = "staging"

    @property
    def csv(self) -> str:
        return f"{self.folder}/{self.department}/{self.table}.csv"

    @property
    def schema(self) -> str:
        return f"schemas/{self.department}/{self.table}.json"

    @property
    def manifest(self) -> str:
        return f"{self.runs.rsplit('/', 2)[0]}/manifest.json"

    @property
    def runs(self) -> str:
        return f"{self.folder}/{self.department}/{self.table}/runs/"

    def run(self, run: str) -> str:
        return f"{self.runs}{run}.csv"

    def run_schema(self, run: str) -> str:
        return f"{self.runs}{run}.json"


class Staging:
    """The staged runs of one table in a store."""

    def __init__(self, store: ObjectStore, keys: StagedKeys):
        self.store, self.keys = store, keys

    def schema(self) -> TableSchema | None:
        """The schema of the last run, or the one kept by hand; None when there is none.

        Raises:
            InvalidAnswer, LakeDamaged: when it is none.
        """
        data = self.store.read(self.keys.schema, LONGEST)
        return None if data is None else parse_schema(data, self.keys.schema)

    def schema_of(self, manifest: Manifest) -> TableSchema:
        """The schema of a run's data.

        Raises:
            LoadRejected, InvalidAnswer, LakeDamaged: when it is not there, or names other columns.
        """
        key = self.keys.run_schema(manifest.run)
        data = self.store.read(key, LONGEST)
        schema = None if data is None else parse_schema(data, key)
        if schema is None or schema.names != manifest.columns:
            raise LoadRejected(
                f"Staging {self.store.uri(key)}: it does not name the columns of the staged run. Extract the table "
                "again."
            )
        return schema

    def newest(self) -> Manifest | None:
        """The newest run; None when there is none, or what names it is damaged and an extract has to mend it."""
        try:
            data = self.store.read(self.keys.manifest, LONGEST)
            manifest = None if data is None else msgspec.json.decode(data, type=Manifest)
        except (LakeDamaged, ValueError, RecursionError):
            return None
        # What decides which object is loaded may name only one of this table's own.
        return manifest if manifest and manifest.key == self.keys.run(manifest.run) else None

    def require(self) -> Manifest:
        """The newest run.

        Raises:
            LoadRejected: when there is none.
        """
        found = self.newest()
        if found is None:
            raise LoadRejected(
                f"Staging {self.store.uri(self.keys.manifest)}: there is no usable manifest. Extract the table again."
            )
        return found

    def publish(self, manifest: Manifest, schema: TableSchema, file: Path, now: datetime) -> None:
        """Store a run: data, schema, manifest, and last the old key. ``file`` stays where it is."""
        store = self.store
        self._upload(manifest.key, file)
        for key in (self.keys.run_schema(manifest.run), self.keys.schema):
            store.write(key, schema.dump())
        store.write(self.keys.manifest, msgspec.json.encode(manifest))
        self._upload(self.keys.csv, file)
        own = (manifest.key, self.keys.run_schema(manifest.run))
        for entry in store.list(self.keys.runs):
            if entry.key not in own and now - entry.modified > KEPT:
                store.delete(entry.key)

    def _upload(self, key: str, file: Path) -> None:
        copy = file.with_suffix(".copy")
        shutil.copyfile(file, copy)  # a store may move what it is given
        self.store.upload(key, copy)
        copy.unlink(missing_ok=True)

    def fetch(self, manifest: Manifest, scratch: Path) -> Path:
        """The run's data as a local file, proved to be what the manifest says.

        Raises:
            LakeChanged: when it is gone or is other data.
        """
        path = self.store.fetch(manifest.key, scratch)
        size, digest = digest_of(path)
        if (size, digest) != (manifest.bytes, manifest.sha256):
            raise LakeChanged(
                f"Staging {self.store.uri(manifest.key)}: {size:,} bytes with SHA-256 {digest[:12]}..., the manifest "
                f"says {manifest.bytes:,} with {manifest.sha256[:12]}.... Extract the table again."
            )
        return path


def digest_of(path: Path) -> tuple[int, str]:
    """Bytes of a file and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()
