"""Which public objects are not as the CDN was told last."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from assets.stacks.objects import PUBLIC
from assets.stacks.tables import CDN_TOLD
from core.objects import PublishedObject, declared_objects
from resources.clients.lake.objects import LARGEST_IN_MEMORY, PublishedObjects
from resources.clients.postgres.database import Postgres


@dataclass(frozen=True)
class Changed:
    """A public object by its key, and the hash of its bytes. before: when the CDN was told of it last, or empty."""

    key: str
    sha256: str
    before: str


def changed_objects(objects: PublishedObjects, database: Postgres) -> list[Changed]:
    """The public objects that are there with other bytes than the CDN was told of, by key."""
    database.migrate(CDN_TOLD)
    told = {row["key"]: row for row in database.records(f"SELECT key, sha256, told_at FROM {CDN_TOLD.address}")}
    found = []
    for key in sorted(filter(None, map(public_key, declared_objects()))):
        data = objects.store.read(key, LARGEST_IN_MEMORY)
        sha256 = hashlib.sha256(data).hexdigest() if data is not None else None
        before = told.get(key)
        if sha256 and (before is None or before["sha256"] != sha256):
            found.append(Changed(key, sha256, str(before["told_at"]) if before else ""))
    return found


def public_key(declared: PublishedObject) -> str | None:
    """The key that consumers fetch the object by; None of what is private, or another room's."""
    if declared.system != CDN_TOLD.system:
        return None
    if declared.latest_acl == PUBLIC:
        return declared.latest
    return declared.key if declared.acl == PUBLIC else None


def reference_of(changed: Sequence[Changed]) -> str:
    """A name for one state of the objects after another: the same when it is told twice, never that of an earlier one.

    The bytes alone would not do: an object may become again what it was.
    """
    parts = "\n".join(f"{one.key} {one.sha256} {one.before}" for one in changed)
    return hashlib.sha256(parts.encode()).hexdigest()
