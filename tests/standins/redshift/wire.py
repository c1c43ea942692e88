"""PostgreSQL's wire protocol, version 3: messages in and out of a socket, and the bodies the proxy writes itself."""

import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST, PROTOCOL_3 = 80877103, 80877104, 80877102, 196608


class ConnectionLostError(Exception):
    """The other side is gone."""


@dataclass
class RedshiftError(Exception):
    """An error as Redshift would answer it. ``code``: the SQLSTATE."""

    message: str
    code: str = "XX000"
    detail: str = ""

    def body(self, severity: str = "ERROR") -> bytes:
        """The body of an ErrorResponse."""
        return error_body(
            {"S": severity, "V": severity, "C": self.code, "M": self.message, "D": self.detail, "R": "standin"}
        )


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def error_body(fields: dict[str, str]) -> bytes:
    return b"".join(kind.encode() + text(value) for kind, value in fields.items() if value) + b"\0"


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse, by their letter."""
    parts = [part for part in body.split(b"\0") if part]
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts}


def data_row(body: bytes) -> list[str | None]:
    """The values of a DataRow in text format."""
    (count,), at, values = struct.unpack_from("!h", body), 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return values


def startup_body(parameters: dict[str, str]) -> bytes:
    pairs = b"".join(text(name) + text(value) for name, value in parameters.items())
    return struct.pack("!i", PROTOCOL_3) + pairs + b"\0"


def startup_parameters(body: bytes) -> dict[str, str]:
    parts = body[4:].split(b"\0")
    return {name.decode(): value.decode() for name, value in zip(parts[::2], parts[1::2], strict=False) if name}


class Stream:
    """One side's messages."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self._file = connection.makefile("rb")

    def read(self, length: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            ConnectionLostError: when the other side ended before.
        """
        try:
            found = self._file.read(length)
        except OSError as error:
            raise ConnectionLostError from error
        if len(found) < length:
            raise ConnectionLostError
        return found

    def startup(self) -> tuple[int, bytes]:
        """A message without a type, as connections begin with: its code, and its body, code included."""
        (length,) = struct.unpack("!i", self.read(4))
        body = self.read(length - 4)
        return struct.unpack_from("!i", body)[0], body

    def receive(self) -> tuple[bytes, bytes]:
        """The next message's type and body."""
        kind, length = struct.unpack("!ci", self.read(5))
        return kind, self.read(length - 4)

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Write a message; ``kind`` is empty for one of start-up."""
        self.write(kind + struct.pack("!i", len(body) + 4) + body)

    def write(self, raw: bytes) -> None:
        try:
            self.connection.sendall(raw)
        except OSError as error:
            raise ConnectionLostError from error

    def leave(self) -> None:
        """Tell the other side that nothing follows, without waiting for its answer."""
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.settimeout(0)
            with suppress(OSError):
                self.connection.unwrap()

    def close(self) -> None:
        self._file.close()
        self.connection.close()
