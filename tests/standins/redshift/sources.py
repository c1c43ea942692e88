"""The objects that a COPY reads: those under a key prefix, or those that a manifest lists."""

import bz2
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pyarrow as pa
from botocore.exceptions import ClientError

from tests.standins.redshift.copy_command import CopyCommand
from tests.standins.redshift.wire import RedshiftError


@dataclass(frozen=True)
class SourceFile:
    """One object, decompressed."""

    uri: str
    content: bytes


class S3:
    """The S3 endpoint that COPY reads from, with the stand-in's own credentials."""

    def __init__(self, endpoint: str):
        self._client: Any = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
        )  # fmt: skip

    def files(self, command: CopyCommand) -> Iterator[SourceFile]:
        """What the command reads, in order.

        Raises:
            RedshiftError: when there is nothing, or something mandatory is missing.
        """
        uris = self._listed(command) if command.manifest else self._under(command.source)
        if not uris and not command.manifest:
            raise RedshiftError(f"The specified S3 prefix '{_key(command.source)[1]}' does not exist")
        for uri in uris:
            yield SourceFile(uri, _decompressed(uri, self.content(uri), command))

    def _under(self, uri: str) -> list[str]:
        bucket, prefix = _key(uri)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            found = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        except ClientError as error:
            raise _s3_error(error, uri) from error
        return [f"s3://{bucket}/{key}" for key in sorted(found)]

    def _listed(self, command: CopyCommand) -> list[str]:
        """The manifest's files; one that is not there is an error only when mandatory."""
        try:
            entries = json.loads(self.content(command.source))["entries"]
            listed = [(entry["url"], entry.get("mandatory", False), entry.get("meta", {})) for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise RedshiftError(f"The manifest file is not in correct JSON format: {command.source}") from error
        found = []
        for uri, mandatory, about in listed:
            if command.layout == "parquet" and "content_length" not in about:
                raise RedshiftError(f"COPY from PARQUET: the manifest has no meta.content_length for {uri}")
            size = self._size(uri)
            if size is None and mandatory:
                raise RedshiftError(f"Problem reading manifest file - Cannot find mandatory file: {uri}")
            if size is not None and about.get("content_length", size) != size:
                raise RedshiftError(f"Spectrum Scan Error: {uri} has {size} bytes, the manifest says otherwise")
            if size is not None:
                found.append(uri)
        if not found and listed:
            raise RedshiftError("None of the files in the manifest exist")
        return found

    def _size(self, uri: str) -> int | None:
        bucket, key = _key(uri)
        try:
            return self._client.head_object(Bucket=bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
                return None
            raise _s3_error(error, uri) from error

    def content(self, uri: str) -> bytes:
        """An object's bytes.

        Raises:
            RedshiftError: when S3 does not give them.
        """
        bucket, key = _key(uri)
        try:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise _s3_error(error, uri) from error


def _key(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _s3_error(error: ClientError, uri: str) -> RedshiftError:
    answer = error.response["Error"]
    return RedshiftError(f"S3ServiceException:{answer.get('Message')},Error {answer['Code']}, reading {uri}")


def _decompressed(uri: str, content: bytes, command: CopyCommand) -> bytes:
    try:
        match command.compression:
            case "gzip":
                return gzip.decompress(content)
            case "bz2":
                return bz2.decompress(content)
            case "zstd":
                return pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    except (OSError, EOFError, ValueError) as error:
        raise RedshiftError(f"error when uncompressing {uri}: {error}") from error
    return content
