"""Where the lake's objects lie: a local directory, S3, or memory. Keys are ``/``-separated, relative to a root.

Writing an object is atomic everywhere: a reader finds the old bytes or the new ones.
"""

import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from core.errors import LakeChanged, SettingError, TransientError
from resources.clients.clock import Clock


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing."""

    key: str
    modified: datetime


class ObjectStore(Protocol):
    """What the lake needs of a store."""

    def uri(self, key: str) -> str: ...

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None when there is none."""
        ...

    def fetch(self, key: str, scratch: Path) -> Path:
        """A local file with the object's bytes, in ``scratch`` unless it lies on this machine already.

        Raises:
            LakeChanged: when there is no such object (any more).
        """
        ...

    def write(self, key: str, data: bytes) -> None: ...

    def upload(self, key: str, path: Path) -> None:
        """Store a local file, which may be moved away by it."""
        ...

    def list(self, prefix: str) -> list[StoredObject]: ...

    def delete(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        ...


def store_for(uri: str) -> ObjectStore:
    """The store of a lake URI: ``s3://bucket/prefix``, or a directory (``file://`` allowed)."""
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        return S3ObjectStore(parts.netloc, parts.path.strip("/"))
    if parts.scheme in ("", "file") and parts.path:
        return LocalObjectStore(Path(parts.path))
    raise SettingError(
        f"LAKE_URI={uri!r}: expected a directory or s3://bucket/prefix, for example s3://my-lake/ethereum"
    )


def _gone(uri: str) -> LakeChanged:
    return LakeChanged(f"Lake: {uri} is listed in a manifest but not there; the day is being replaced. Run again.")


class LocalObjectStore:
    """Objects as files below a directory."""

    def __init__(self, root: Path):
        self._root = root.absolute()

    def _path(self, key: str) -> Path:
        return self._root / key

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, key: str, scratch: Path) -> Path:
        path = self._path(key)
        if not path.exists():
            raise _gone(self.uri(key))
        return path

    def write(self, key: str, data: bytes) -> None:
        part = self._part()
        part.write_bytes(data)
        self._put(part, key)

    def upload(self, key: str, path: Path) -> None:
        part = self._part()
        shutil.move(path, part)
        self._put(part, key)

    def _part(self) -> Path:
        """A new name on the same file system, outside every dataset's folder."""
        folder = self._root / ".incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _put(self, part: Path, key: str) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)

    def list(self, prefix: str) -> list[StoredObject]:
        folder = self._path(prefix)
        if not folder.is_dir():
            return []
        return [
            StoredObject(path.relative_to(self._root).as_posix(), datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)


class S3ObjectStore:
    """Objects in a bucket. Credentials, region and endpoint come from the SDK's own chain and settings."""

    def __init__(self, bucket: str, prefix: str, client: Any = None):
        import boto3  # noqa: PLC0415 - half a second that a local lake need not spend
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self._client = client or boto3.client("s3")
        self._failures = (ClientError, BotoCoreError)

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def read(self, key: str) -> bytes | None:
        try:
            return self._client.get_object(**self._name(key))["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        except self._failures as error:
            raise self._failed("read", key, error) from error

    def fetch(self, key: str, scratch: Path) -> Path:
        path = scratch / uuid.uuid4().hex
        try:
            self._client.download_file(self._bucket, self._prefix + key, str(path))
        except self._failures as error:
            if "404" in str(error):
                raise _gone(self.uri(key)) from error
            raise self._failed("read", key, error) from error
        return path

    def write(self, key: str, data: bytes) -> None:
        try:
            self._client.put_object(**self._name(key), Body=data, ChecksumAlgorithm="SHA256")
        except self._failures as error:
            raise self._failed("write", key, error) from error

    def upload(self, key: str, path: Path) -> None:
        from boto3.exceptions import S3UploadFailedError  # noqa: PLC0415

        try:
            # Multipart above the SDK's threshold of 8 MB; an upload that breaks leaves no object.
            extra = {"ChecksumAlgorithm": "SHA256"}
            self._client.upload_file(str(path), self._bucket, self._prefix + key, ExtraArgs=extra)
        except (*self._failures, S3UploadFailedError) as error:
            raise self._failed("write", key, error) from error

    def list(self, prefix: str) -> list[StoredObject]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        try:
            return [
                StoredObject(item["Key"].removeprefix(self._prefix), item["LastModified"])
                for page in pages
                for item in page.get("Contents", ())
            ]
        except self._failures as error:
            raise self._failed("list", prefix, error) from error

    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(**self._name(key))
        except self._failures as error:
            raise self._failed("delete", key, error) from error

    def _failed(self, operation: str, key: str, error: Exception) -> Exception:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        message = f"Lake: cannot {operation} {self.uri(key)}: {error}."
        if code in (
            "NoSuchBucket",
            "AccessDenied",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "NoCredentialsError",
        ):
            return SettingError(f"{message} Check LAKE_URI and the AWS credentials' rights on the bucket.")
        return TransientError(f"{message} Run again.")


class MemoryObjectStore:
    """Objects in this process, for pytest."""

    def __init__(self, clock: Clock | None = None):
        self._objects: dict[str, tuple[bytes, datetime]] = {}
        self._clock = clock or Clock()

    def uri(self, key: str) -> str:
        return f"memory://{key}"

    def read(self, key: str) -> bytes | None:
        return self._objects.get(key, (None, None))[0]

    def fetch(self, key: str, scratch: Path) -> Path:
        data = self.read(key)
        if data is None:
            raise _gone(self.uri(key))
        path = scratch / uuid.uuid4().hex
        path.write_bytes(data)
        return path

    def write(self, key: str, data: bytes) -> None:
        self._objects[key] = (bytes(data), self._clock.now())

    def upload(self, key: str, path: Path) -> None:
        self.write(key, path.read_bytes())

    def list(self, prefix: str) -> list[StoredObject]:
        found = ((key, modified) for key, (_, modified) in sorted(self._objects.items()))
        return [StoredObject(key, modified) for key, modified in found if key.startswith(prefix)]

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)
