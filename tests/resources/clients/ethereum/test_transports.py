"""The same chain over HTTP, WebSocket and an IPC socket."""

import socket
import socketserver
import threading
import time
from contextlib import suppress

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from core.errors import NodeRefused, NodeUnavailable, SettingError
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.clients.ethereum.refusals import Kind, Refusal
from resources.clients.ethereum.transports import transport_for
from tests.standins.synthetic_chain import SyntheticChain

CHAIN = SyntheticChain(range(0, 3000, 10))


def _reply(body):
    request = msgspec.json.decode(body)
    return msgspec.json.encode(
        [CHAIN.answer(r) for r in request] if isinstance(request, list) else CHAIN.answer(request)
    )


@pytest.fixture
def websocket_uri():
    def handle(connection):
        for message in connection:
            connection.send(_reply(message).decode())

    with serve(handle, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


class _Ipc(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    newline = b"\n"


@pytest.fixture(params=[b"\n", b""], ids=["newline", "no newline"])
def ipc_path(tmp_path, request):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                answer = _reply(line) + request.param
                for at in range(0, len(answer), 700):  # in pieces, as a socket gives them
                    self.wfile.write(answer[at : at + 700])

    path = tmp_path / "node.ipc"
    with _Ipc(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield str(path)
        server.shutdown()


def _numbers(uri, clock):
    node = EthereumNode(uri, Budget(batch_size=7, in_flight=3), clock)

    def read(_, answer):
        return [int(msgspec.json.decode(response.result)["number"], 16) for response in answer.responses()]

    return list(node.blocks(range(100), read))


def test_websocket(websocket_uri, clock):
    assert _numbers(websocket_uri, clock) == list(range(100))


def test_ipc(ipc_path, clock):
    assert _numbers(ipc_path, clock) == list(range(100))
    assert _numbers(f"file://{ipc_path}", clock) == list(range(100))


def test_mixed_endpoints(websocket_uri, ipc_path, clock):
    assert _numbers(f"{websocket_uri}, {ipc_path}", clock) == list(range(100))


@pytest.mark.parametrize("uri", ["ws://127.0.0.1:{port}", "http://127.0.0.1:{port}", "/nowhere/node.ipc"])
def test_nobody_there(uri, clock):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = uri.format(port=free.getsockname()[1])
    with pytest.raises(NodeUnavailable, match="Check the node"):
        EthereumNode(uri, Budget(), clock).header(1)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (401, {}, Kind.DENIED, None),
        (403, {}, Kind.DENIED, None),
        (429, {"Retry-After": "7"}, Kind.RATE_LIMITED, 7),
        (503, {}, Kind.SERVER_ERROR, None),
        (404, {}, Kind.INVALID, None),
    ],
)
def test_a_websocket_that_is_refused_means_what_the_status_does(status, headers, kind, wait, clock):
    def refuse(connection, request):
        answer = connection.respond(status, "no such project")
        answer.headers.update(headers)
        return answer

    with serve(lambda connection: None, "127.0.0.1", 0, process_request=refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        with pytest.raises(Refusal, match=f"HTTP {status}.* no such project") as refused:
            transport_for(uri, 5, 1, clock).exchange(b"{}")
        if kind is Kind.DENIED:
            with pytest.raises(NodeRefused, match="Check the key in ETHEREUM_PROVIDER_URI"):
                EthereumNode(uri, Budget(), clock).header(1)
            assert not clock.slept
        server.shutdown()
    assert (refused.value.kind, refused.value.retry_after) == (kind, wait)


@pytest.mark.parametrize("uris", [",", " , ", " "])
def test_a_list_without_an_endpoint_is_a_setting_to_correct(uris):
    with pytest.raises(SettingError, match="ETHEREUM_PROVIDER_URI names no endpoint"):
        EthereumNode(uris)


def test_an_unknown_scheme_is_a_setting_to_correct():
    with pytest.raises(SettingError, match="ETHEREUM_PROVIDER_URI: one of its endpoints is none"):
        EthereumNode("ftp://node")


@pytest.mark.parametrize("way", ["websocket", "ipc"])
def test_an_answer_that_trickles_is_given_up(tmp_path, way, clock):
    """A byte now and then passes every pause; the whole answer has a deadline of its own."""
    over = threading.Event()

    def trickle():
        yield "["
        while not over.wait(0.02):
            yield " "

    class Ipc(socketserver.StreamRequestHandler):
        def handle(self):
            self.rfile.readline()
            with suppress(OSError):
                for piece in trickle():
                    self.wfile.write(piece.encode())

    def fragments(connection):
        connection.recv()
        with suppress(ConnectionClosed):
            connection.send(trickle())

    path = tmp_path / "node.ipc"
    server = serve(fragments, "127.0.0.1", 0) if way == "websocket" else _Ipc(str(path), Ipc)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = str(path) if way == "ipc" else f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(Refusal) as refused:
        transport_for(uri, 0.1, 1, clock).exchange(b"{}")
    over.set()
    server.shutdown()
    assert refused.value.kind is Kind.TIMEOUT
    assert time.monotonic() - started < 5
