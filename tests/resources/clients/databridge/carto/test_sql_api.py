"""Carto's answers, right and wrong: each ends as rows or as an error that says whether trying again may help."""

import io
import socket
import threading
import time

import pytest

from core.errors import InvalidAnswer, LoadRejected, SourceRefused, SourceUnavailable
from resources.clients.databridge.carto import sql_api
from resources.clients.databridge.carto.sql_api import CartoAccount, SqlApi
from tests.standins.clock import ManualClock

KEY = "a-key-that-no-one-may-see"


class Raw:
    """A server that answers what it is told to, byte by byte where ``pause`` says so."""

    def __init__(self, answer, pause=None):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._answer, self._pause = answer, pause
        self.base = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                try:
                    for piece in [self._answer] if self._pause is None else (bytes([byte]) for byte in self._answer):
                        connection.sendall(piece)
                        time.sleep(self._pause or 0)
                except OSError:
                    continue

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # a thread that accepts would otherwise accept once more
        self._socket.close()


class Turns(Raw):
    """A server with another answer for each request, which it reads to its end first."""

    def __init__(self, answers):
        self.requests, self._answers = [], iter(answers)
        super().__init__(b"")

    def _serve(self):
        for answer in self._answers:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                request = b""
                while not request.endswith(b"\r\n0\r\n\r\n") and (piece := connection.recv(1 << 16)):
                    request += piece
                    if b"\r\n\r\n" in request and b"chunked" not in request:
                        break
                self.requests.append(request)
                connection.sendall(answer)


def answered(status, body, headers="", pause=None):
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return Raw(head.encode() + body, pause)


def run(server):
    try:
        return SqlApi(CartoAccount("phl", KEY, server.base), ManualClock()).run("SELECT 1")
    finally:
        server.stop()


def test_rows_are_returned():
    assert run(answered(200, b'{"rows": [{"a": 1}], "total_rows": 1}')) == [{"a": 1}]


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "said"),
    [
        (400, b'{"error": ["relation x does not exist"]}', "", LoadRejected, "relation x does not exist"),
        (200, b'{"error": ["oops"]}', "", LoadRejected, "oops"),
        (401, b'{"error": ["permission denied"]}', "", SourceRefused, "refuses the key"),
        (403, b"", "", SourceRefused, "refuses the key"),
        (429, b'{"error": ["over limits"]}', "Retry-After: 7\r\n", SourceUnavailable, "after 7 s"),
        (429, b'{"error": ["SQL query timeout"]}', "", SourceUnavailable, "when it has less to do"),
        (503, b"<html>", "", SourceUnavailable, "HTTP 503"),
        (302, b"", "Location: http://127.0.0.1/\r\n", LoadRejected, "HTTP 302"),
        (200, b"<html>", "", LoadRejected, "HTTP 200"),
        pytest.param(200, b"[" * 100_000, "", InvalidAnswer, "nested too deep", id="nested without end"),
        pytest.param(200, b'{"rows": [{"a": %b}]}' % (b"9" * 5000), "", InvalidAnswer, "5000 digits", id="digits"),
        (200, b'{"rows": [{"a": 1e400000}]}', "", InvalidAnswer, "a number of"),
        pytest.param(503, b"[" * 100_000, "", SourceUnavailable, "HTTP 503", id="nested, of a server in trouble"),
        (400, b'{"error": ["no\\n\\u001b[31mluck\\u0000"]}', "", LoadRejected, "HTTP 400: no [31mluck. Correct"),
        (200, b'{"rows": 3}', "", InvalidAnswer, "rows are none"),
        (200, b'{"rows": [3]}', "", InvalidAnswer, "rows are none"),
        (400, f'{{"error": ["no {KEY} here"]}}'.encode(), "", LoadRejected, "no *** here"),
    ],
)
def test_what_is_wrong_is_told_without_the_key(status, body, headers, error, said):
    with pytest.raises(error) as refused:
        run(answered(status, body, headers))
    assert said in str(refused.value)
    assert KEY not in str(refused.value)


def test_an_answer_that_is_cut_short_or_never_comes_is_tried_again():
    with pytest.raises(SourceUnavailable):
        run(Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"))
    closed = answered(200, b"{}")
    closed.stop()
    with pytest.raises(SourceUnavailable):
        SqlApi(CartoAccount("phl", KEY, closed.base), ManualClock()).run("SELECT 1")


def test_an_answer_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(sql_api, "LONGEST", 1000)
    with pytest.raises(InvalidAnswer, match="longer than 1,000 bytes"):
        run(answered(200, b'{"rows": [' + b" " * 5000 + b"]}"))


def test_a_server_that_trickles_meets_the_deadline():
    server, started = answered(200, b" " * 10_000, pause=0.02), time.monotonic()
    api = SqlApi(CartoAccount("phl", KEY, server.base), ManualClock())
    with pytest.raises(SourceUnavailable, match="no answer to api/v2/sql"):
        api._answer(("POST", "api/v2/sql"), {}, lambda: b"", {}, 0.5)
    assert time.monotonic() - started < 5
    server.stop()


LIMITED = b"HTTP/1.1 429 X\r\nContent-Length: 2\r\nConnection: close\r\nRetry-After: %s\r\n\r\n{}"


def test_who_is_asked_to_come_again_does_so_then_with_the_whole_file(caplog):
    whole = b'HTTP/1.1 200 X\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{"total_rows": 1}'
    server, clock = Turns([LIMITED % b"7", LIMITED % b"3", whole]), ManualClock()
    api = SqlApi(CartoAccount("phl", KEY, server.base), clock)
    assert api.copy("COPY t FROM STDIN", io.BytesIO(b"a\r\n1\r\n")) == 1
    assert clock.slept == [7, 3]
    assert "attempt 1 of 6 of api/v2/sql/copyfrom was refused (HTTP 429); next in 7 s" in caplog.text
    assert all(b"a\r\n1\r\n" in request for request in server.requests)
    server.stop()


@pytest.mark.parametrize("wait", [b"100000", b"-", b"nan", b"1e400"])
def test_an_unreasonable_pause_is_left_to_the_runs_retry(wait):
    clock, server = ManualClock(), Turns([LIMITED % wait])
    with pytest.raises(SourceUnavailable):
        SqlApi(CartoAccount("phl", KEY, server.base), clock).run("SELECT 1")
    assert clock.slept == []
    server.stop()


@pytest.mark.parametrize("total", [b"true", b'"3"', b"null", b"1.5"])
def test_a_count_that_is_none_is_refused(total):
    server = answered(200, b'{"total_rows": ' + total + b"}")
    with pytest.raises(InvalidAnswer, match="total_rows"):
        SqlApi(CartoAccount("phl", KEY, server.base), ManualClock()).copy("COPY t FROM STDIN", io.BytesIO(b""))
    server.stop()
