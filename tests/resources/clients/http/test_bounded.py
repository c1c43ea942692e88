"""No answer holds a run for ever or fills its memory, whatever a server sends."""

import gzip
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAnswer, SourceUnavailable
from resources.clients.http.api import HttpApi
from resources.clients.http.bounded import seconds_to_wait

NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[4]


@contextmanager
def raw_server(reply):
    """A server that hands each connection to ``reply(connection, ended)`` after the request's first bytes."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection):
        with connection:
            try:
                connection.recv(65_536)
                reply(connection, ended)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.close()


def trickle(head):
    def reply(connection, ended):
        connection.sendall(head)
        while not ended.wait(0.05):
            connection.sendall(b"1\r\n \r\n" if b"chunked" in head else b" ")

    return reply


TRICKLES = {
    "chunks": trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "length": trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "until closed": trickle(b"HTTP/1.1 200 OK\r\n\r\n"),
    "headers": trickle(b"HTTP/1.1 200 OK\r\nX-Slow:"),
    "status line": trickle(b"HTTP/1.1 "),
}


@pytest.mark.parametrize("how", TRICKLES)
def test_a_server_that_trickles_is_given_up(how, clock):
    with raw_server(TRICKLES[how]) as root:
        started = time.monotonic()
        with pytest.raises(SourceUnavailable, match="not whole after 0.4 s"):
            HttpApi("Source", root, clock, timeout=0.1).get("x", {}, lambda answer: answer.document)
        assert time.monotonic() - started < 10


def whole(body, *headers):
    head = b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers])
    return lambda connection, ended: connection.sendall(head + b"\r\n\r\n" + body)


BOMBS = {
    "digits": b'{"price": 1e500000000}',
    "more digits": b'{"price": 0.' + b"1" * 5_000 + b"}",
    "whole digits": b'{"price": ' + b"9" * 5_000 + b"}",
    "negative power": b'{"price": 1e-400000000}',
    "nesting": b"[" * 100_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_numbers_and_nesting_of_no_honest_answer_are_refused_at_once(bomb, clock):
    with raw_server(whole(BOMBS[bomb])) as root:
        with pytest.raises(InvalidAnswer, match="Source: the answer to .*/x is (a number|nested)"):
            HttpApi("Source", root, clock).get("x", {}, lambda answer: answer.document)
    assert not clock.slept


def test_the_largest_honest_numbers_pass(clock):
    body = b'{"wei": %d, "price": 0.%s, "tiny": 1.5e-30}' % (2**256 - 1, b"1" * 60)
    with raw_server(whole(body)) as root:
        found = HttpApi("Source", root, clock).get("x", {}, lambda answer: answer.document)
    assert found == {"wei": 2**256 - 1, "price": Decimal("0." + "1" * 60), "tiny": Decimal("1.5e-30")}


BOMBED = """
import sys
from core.clock import Clock
from core.errors import InvalidAnswer
from resources.clients.http.api import HttpApi
try:
    HttpApi("Source", sys.argv[1], Clock()).get("x", {}, lambda answer: answer.document)
except InvalidAnswer as error:
    print(error)
"""


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_unfolds_is_refused_in_little_memory(encoding):
    if encoding == "gzip":
        body = gzip.compress(b" " * (1 << 30), 1)
    else:
        import zlib

        body = zlib.compress(b" " * (1 << 30), 1)
    with raw_server(whole(body, f"Content-Encoding: {encoding}".encode())) as root:
        done = subprocess.run(
            ["bash", "-c", f'ulimit -v 700000; exec {sys.executable} -c "$0" "$1"', BOMBED, root],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "unfold to more than" in done.stdout or "longer than" in done.stdout, done.stderr


@given(st.text(max_size=60))
def test_any_retry_after_is_seconds_or_nothing(text):
    found = seconds_to_wait(text, NOW)
    assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7),
        ("-3", 0),
        ("Wed, 10 Jan 2024 12:00:09 GMT", 9),
        ("Wed, 10 Jan 2024 12:00:09 -0000", 9),
        ("Fri, 31 Dec 1999 23:59:59 -0000", 0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after(text, expected):
    assert seconds_to_wait(text, NOW) == expected


LENGTHS = [b"13", b"\xb2", b"0" * 6_000 + b"13", b"13, 13", b"-13", b"1e1", b" 13 "]


@pytest.mark.parametrize("length", LENGTHS, ids=range(len(LENGTHS)))
def test_a_length_that_is_no_number_is_passed_over(length, clock):
    def reply(connection, ended):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b'\r\n\r\n{"price": 7.5}')

    with raw_server(reply) as root:
        api = HttpApi("Prices", root, clock, timeout=2)
        try:
            assert api.get("p", {}, lambda answer: answer.text).startswith('{"price": 7.5')
        except SourceUnavailable:
            assert length not in (b"13", b"0" * 6_000 + b"13")
