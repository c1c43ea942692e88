"""The store that a lake's URI names."""

import re
from pathlib import Path
from urllib.parse import unquote

from core.errors import SettingError
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import ObjectStore

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BUCKET = re.compile(r"s3://(?![^/]*\.\.)([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_FILE = "file://"


def store_for(uri: str, kms_key: str | None = None) -> ObjectStore:
    """The store of a lake URI: ``s3://bucket/prefix``, or a directory, also as ``file:///directory``.

    A directory and a prefix are taken as they stand: ``#``, ``?`` and ``%`` are characters like others, but for
    ``file://``, whose ``%20`` is a space. kms_key: what objects on S3 are encrypted with, if not with what the bucket
    says.
    """
    if in_bucket := _BUCKET.fullmatch(uri):
        from resources.clients.lake.s3_store import S3ObjectStore  # noqa: PLC0415 - the SDK takes half a second to load

        return S3ObjectStore(in_bucket[1], (in_bucket[2] or "").strip("/"), kms_key)
    if uri.startswith(f"{_FILE}/") and "\0" not in unquote(uri):
        return LocalObjectStore(Path(unquote(uri.removeprefix(_FILE))))
    if uri and not _SCHEME.match(uri):
        return LocalObjectStore(Path(uri))
    raise SettingError(
        f"LAKE_URI={uri!r}: expected a directory or s3://bucket/prefix, for example s3://my-lake/headwater"
    )
