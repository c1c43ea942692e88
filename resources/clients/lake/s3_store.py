"""S3 as the lake's store: what is written is there as a whole or not at all, whatever the network does."""

import os
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from core.errors import HeadwaterError
from resources.clients.aws.failures import AWS_FAILURES, aws_failure, error_code
from resources.clients.aws.sdk import aws_client
from resources.clients.lake.object_store import NO_HEADERS, ObjectHeaders, StoredObject, ensure_small, gone

# Larger objects go up in parts, each with its checksum and its own retries; S3 shows the object when all are there.
PART_BYTES = 16 << 20
# Throttling (503 SlowDown) and broken connections are tried again by the SDK, with growing pauses.
ATTEMPTS = 8
# By name, and by number where S3 answers a question for the head of an object, which has no room for a name.
NO_ACLS = "AccessControlListNotSupported"
MISSING, DENIED = ("NoSuchKey", "404"), ("AccessDenied", "403")


class S3ObjectStore:
    """Objects in a bucket. Credentials, region and endpoint come from the SDK's own chain and settings.

    kms_key: the key that objects are encrypted with; the bucket decides without one.
    """

    def __init__(self, bucket: str, prefix: str, kms_key: str | None = None, client: Any = None):
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self._client = client or _client(frozenset(pair for pair in os.environ.items() if pair[0].startswith("AWS_")))
        self._extra = {"ChecksumAlgorithm": "SHA256"}
        if kms_key:
            self._extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        self._transfer = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def read(self, key: str, largest: int | None = None) -> bytes | None:
        try:
            answer = self._client.get_object(**self._name(key))
            ensure_small(self.uri(key), answer["ContentLength"], largest)
            return answer["Body"].read()
        except AWS_FAILURES as error:
            if self._is_missing(key, error):
                return None
            raise self._failed("read", key, error) from error

    def fetch(self, key: str, scratch: Path) -> Path:
        path = scratch / uuid.uuid4().hex
        try:
            self._client.download_file(self._bucket, self._prefix + key, str(path))
        except (*AWS_FAILURES, RetriesExceededError) as error:
            if self._is_missing(key, error):
                raise gone(self.uri(key)) from error
            raise self._failed("read", key, error) from error
        return path

    def _is_missing(self, key: str, error: Exception) -> bool:
        """Whether there is no such object. To whoever may list a part of the bucket only, S3 denies what is missing."""
        code = error_code(error)
        if code in DENIED:
            return key not in (found.key for found in self.list(key))
        return code in MISSING

    def write(self, key: str, data: bytes, headers: ObjectHeaders = NO_HEADERS) -> None:
        try:
            self._client.put_object(**self._name(key), Body=data, **self._told(headers))
        except AWS_FAILURES as error:
            raise self._failed("write", key, error) from error

    def upload(self, key: str, path: Path, headers: ObjectHeaders = NO_HEADERS) -> None:
        to = (self._bucket, self._prefix + key)
        try:
            self._client.upload_file(str(path), *to, ExtraArgs=self._told(headers), Config=self._transfer)
        except (*AWS_FAILURES, S3UploadFailedError) as error:
            raise self._failed("write", key, error) from error

    def _told(self, headers: ObjectHeaders) -> dict[str, str]:
        named = {"ContentType": headers.content_type, "CacheControl": headers.cache_control, "ACL": headers.acl}
        return self._extra | {name: value for name, value in named.items() if value}

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
        except AWS_FAILURES as error:
            raise self._failed("list", prefix, error) from error

    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(**self._name(key))
        except AWS_FAILURES as error:
            raise self._failed("delete", key, error) from error

    def _failed(self, operation: str, key: str, error: Exception) -> HeadwaterError:
        # The transfer manager wraps what S3 said, or how its answer ended.
        said = error.__context__ if isinstance(error, S3UploadFailedError) and error.__context__ else error
        said = said.last_exception if isinstance(said, RetriesExceededError) else said
        remedy = "Check LAKE_URI and the AWS credentials' rights on the bucket."
        if error_code(said) == NO_ACLS:
            remedy = "The bucket takes no ACLs: make its objects public by a bucket policy, and write without ACLs."
        return aws_failure(f"Lake: cannot {operation} {self.uri(key)}", said, remedy)


@lru_cache(maxsize=4)
def _client(environment: frozenset[tuple[str, str]]) -> Any:
    """The SDK's client, kept for as long as the environment says the same to the SDK.

    To make one takes 20 ms, and a run asks for its lake in every step.
    """
    return aws_client("s3", config=_config())


def _config() -> Config:
    """The SDK's own setting for the number of attempts goes before ours."""
    chosen = {} if "AWS_MAX_ATTEMPTS" in os.environ else {"total_max_attempts": ATTEMPTS}
    return Config(retries={"mode": "standard", **chosen})
