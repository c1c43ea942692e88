"""A real S3 API on loopback: moto's server, one for the session."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto import backends
from moto.server import ThreadedMotoServer

# moto looks through its own directories at each request.
backends.list_of_moto_modules = functools.cache(lambda listed=backends.list_of_moto_modules: tuple(listed()))


@contextmanager
def s3_server() -> Iterator[str]:
    """The endpoint's URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_client(endpoint: str):
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
