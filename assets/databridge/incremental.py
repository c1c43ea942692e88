"""A table read in part: what changed since the run before, merged into what that run staged; or whole, and why."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assets.databridge.config import Incremental
from core.errors import LakeChanged, LoadRejected, SourceMoved
from resources.clients.databridge.merging import Merged, highest_of
from resources.clients.databridge.records import RecordWriter, utc_text
from resources.clients.databridge.schema import TableSchema
from resources.clients.databridge.source import Since, SinceSource, Source, read_counted
from resources.clients.databridge.staging import Manifest, Reached, Staging
from resources.clients.databridge.watermarks import KINDS, Mark, Watermark, higher

logger = logging.getLogger("headwater.databridge")


@dataclass(frozen=True)
class Read:
    """What was written and when it began, what the source counted, how far an incremental table was read, and how."""

    writer: RecordWriter
    started: datetime
    counted: int | None
    reached: Reached | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """How a table is read in part. basis: a digest of what has to be the same for rows of two runs to be merged."""

    plan: Incremental
    source: SinceSource
    watermark: Watermark
    basis: str

    @staticmethod
    def of(plan: Incremental, source: Source, now: TableSchema, schema: TableSchema) -> "Part":
        """now: the source's columns. schema: those that are written.

        Raises:
            LoadRejected, SourceRefused: for a column that is none, or no watermark of this source's.
        """
        if not isinstance(source, SinceSource):
            raise LoadRejected(f"{source}: it cannot be read in part. Remove incremental from the table's file.")
        if missing := [name for name in (*plan.key, plan.watermark) if name not in schema.names]:
            raise LoadRejected(f"{source}: incremental names {missing[0]}, which is no column.")
        (kind,) = [column.type for column in now.columns if column.name == plan.watermark]
        if kind not in KINDS:
            raise LoadRejected(
                f"{source}: incremental.watermark {plan.watermark} is {kind}; name a column of moments, days or whole "
                "numbers."
            )
        watermark = Watermark(plan.watermark, kind)
        source.since(watermark.lowest())  # refused now, and not when there is something to merge
        texts = (str(source), repr(plan.key), plan.watermark)
        basis = hashlib.sha256(b"\0".join((*map(str.encode, texts), now.dump(), schema.dump()))).hexdigest()
        return Part(plan, source, watermark, basis)

    def since(self, reached: Reached | None, started: datetime) -> tuple[Since | None, str]:
        """From where on rows are to be read; None for all of them, and why."""
        if reached is None or reached.basis != self.basis:
            return None, "no run staged this table by the same schema, key and watermark"
        days = (started.date() - datetime.fromisoformat(reached.read_whole_at).date()).days
        if days >= self.plan.full_every_days:
            return None, f"the last time was {days} days ago"
        mark = self.watermark.parse(reached.watermark or "")
        return (None if mark is None else self.watermark.since(mark, self.plan.overlap)), "no row had a watermark"

    def reached(self, highest: Mark | None, started: datetime, whole_at: str) -> Reached:
        """What the next run begins with."""
        text = None if highest is None else str(self.watermark.capped(highest, started))
        return Reached(text, whole_at, self.basis)


@dataclass(frozen=True)
class Reading:
    """A table that is read. schema: the columns to write. path: the file. part: of an incremental table."""

    source: Source
    schema: TableSchema
    path: Path
    started: datetime
    part: Part | None = None

    def read(self, staging: Staging, before: Manifest | None, *, full: bool) -> Read:
        """The whole table, of which only what changed since the run before is read where that is enough.

        full: all is read.

        Raises:
            SourceMoved, WrongKey; and the errors of the source.
        """
        if self.part is None:
            writer, counted = read_counted(self.path, self.source, self.schema)
            return Read(writer, self.started, counted)
        reached = before.reached if before else None
        since, why = self.part.since(reached, self.started)
        if full:
            return self._whole(self.part, "the run asked for it")
        if since is None or before is None or reached is None:
            return self._whole(self.part, why)
        try:
            staged = staging.fetch(before, self.path.parent)
            return self._merged(self.part, since, staged, before, reached)
        except (LakeChanged, SourceMoved) as changed:
            return self._whole(self.part, str(changed))

    def _merged(self, part: Part, since: Since, staged: Path, before: Manifest, reached: Reached) -> Read:
        changed = self._beside("changes")
        merged = Merged(part.source, since, part.plan.key, part.watermark, staged, changed)
        writer, counted = read_counted(self.path, merged, self.schema)
        highest = higher(merged.highest, part.watermark.parse(reached.watermark or ""))
        note = f"{merged.rows:,} rows read whose {since.column} is at least {since.least}, merged into {before.rows:,}"
        now_reached = part.reached(highest, self.started, reached.read_whole_at)
        return Read(writer, self.started, counted, now_reached, (note,))

    def _whole(self, part: Part, why: str) -> Read:
        why = why.rstrip(".")
        logger.info("%s: all rows are read: %s.", self.source, why)
        writer, counted = read_counted(self.path, self.source, self.schema)
        highest = highest_of(self.path, self.schema, part.plan.key, part.watermark, self._beside("keys"))
        reached = part.reached(highest, self.started, utc_text(self.started))
        return Read(writer, self.started, counted, reached, (f"all rows were read: {why}",))

    def _beside(self, ending: str) -> Path:
        return self.path.with_suffix(f".{ending}")
