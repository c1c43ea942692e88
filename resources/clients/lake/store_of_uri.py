"""The store that a lake's URI names."""

from pathlib import Path
from urllib.parse import urlsplit

from core.errors import SettingError
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import ObjectStore


def store_for(uri: str, kms_key: str | None = None) -> ObjectStore:
    """The store of a lake URI: ``s3://bucket/prefix``, or a directory (``file://`` allowed).

    kms_key: what objects on S3 are encrypted with, if not with what the bucket says.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        from resources.clients.lake.s3_store import S3ObjectStore  # noqa: PLC0415 - the SDK takes half a second to load

        return S3ObjectStore(parts.netloc, parts.path.strip("/"), kms_key)
    if parts.scheme in ("", "file") and parts.path:
        return LocalObjectStore(Path(parts.path))
    raise SettingError(
        f"LAKE_URI={uri!r}: expected a directory or s3://bucket/prefix, for example s3://my-lake/headwater"
    )
