"""Clients of AWS' SDK, each answer whole within a deadline: botocore's own time-outs count the pauses between bytes."""

from typing import Any

import boto3
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool

from resources.clients.http.bounded import Deadline

# Files come and go in parts of 16 MB at most, single objects of 256: what takes longer never ends.
ANSWER_SECONDS = 600.0


def aws_client(service: str, **options: Any) -> Any:
    """boto3's client of a service, with credentials, region and endpoint from the SDK's own chain and settings.

    A connection whose answer is not whole after ``ANSWER_SECONDS`` is shut down, and the SDK tries again as after any
    broken one. options: of ``boto3.client``.
    """
    client = boto3.client(service, **options)
    # botocore has no setting for the class of its connections.
    client._endpoint.http_session._pool_classes_by_scheme.update(_POOLS)
    return client


class _Deadlined:
    """A connection with a deadline for each exchange, from the request's first byte to its answer's last."""

    deadline: Deadline | None = None

    def request(self, *arguments: Any, **named: Any) -> None:
        self.over()
        self.deadline = Deadline(ANSWER_SECONDS)
        self.deadline.watch(self)  # type: ignore[arg-type]
        self.deadline.start()
        super().request(*arguments, **named)  # type: ignore[misc]

    def getresponse(self) -> Any:
        # Where the answer is to be the last one, the connection is closed in here, before its body is read.
        waiting, self.deadline = self.deadline, None
        try:
            answer = super().getresponse()  # type: ignore[misc]
        except BaseException:
            waiting.cancel() if waiting else None
            raise
        if waiting:
            waiting.reading(answer)
        self.deadline = waiting
        return answer

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        self.over()

    def over(self) -> None:
        """The answer has been read, or never will be."""
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None


class _Connection(_Deadlined, AWSHTTPConnection):
    pass


class _SecureConnection(_Deadlined, AWSHTTPSConnection):
    pass


class _GivenBack:
    """A pool that ends the deadline of a connection which is given back."""

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.over()
        super()._put_conn(connection)  # type: ignore[misc]


class _Pool(_GivenBack, AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(_GivenBack, AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}
