"""nginx as the second line: it refuses by the table of the web server's own guard, before it asks for a password."""

import base64
import http.client
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.standins.foreign_pages import JSON, OURS, TABLE
from tests.standins.postgres_tcp import free_port

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"operator:password").decode()}
SOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
OWN = {"Origin": f"https://{OURS}"}

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")


class Upstream(BaseHTTPRequestHandler):
    """Takes anything, as Dagster's web server does, and remembers what came."""

    came: ClassVar[list] = []

    def answer(self):
        self.came.append((self.command, self.path, dict(self.headers)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def ports():
    """The two doors' ports, by name; nginx stands behind them."""
    home = Path(tempfile.mkdtemp(prefix="headwater-proxy-"))
    home.chmod(0o711)  # the workers, who read the passwords, are another user's
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    doors = {"operators": free_port(), "viewers": free_port()}
    process = subprocess.Popen([NGINX, "-p", str(home), "-c", str(_configuration(home, doors, upstream.server_port))])
    try:
        _await(doors["viewers"])
        yield doors
    finally:
        process.terminate()
        process.wait(10)
        upstream.shutdown()
        shutil.rmtree(home)


def _configuration(home, doors, upstream):
    certificate = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={OURS}"]
    files = ["-keyout", home / "tls.key", "-out", home / "tls.crt"]
    subprocess.run(["openssl", "req", *certificate, *files], check=True, capture_output=True)
    for name in doors:
        (home / f"{name}.htpasswd").write_text("operator:{PLAIN}password\n")
    text = (ROOT / "deploy/proxy/headwater.conf.template").read_text()
    for name, value in {
        "PUBLIC_HOST": OURS,
        "PROXY_ADDRESS": "127.0.0.1",
        "OPERATORS_PORT": doors["operators"],
        "VIEWERS_PORT": doors["viewers"],
        "WEB_UPSTREAM": f"127.0.0.1:{upstream}",
        "VIEWER_UPSTREAM": f"127.0.0.1:{upstream}",
        "PROXY_TLS": home,
        "PROXY_USERS": home,
    }.items():
        text = text.replace(f"${{{name}}}", str(value))
    assert "${" not in text
    # The rate is for another test than one that asks two hundred times in a second.
    (home / "headwater.conf").write_text(text.replace("rate=50r/s", "rate=5000r/s"))
    main = home / "nginx.conf"
    main.write_text(
        f"daemon off; worker_processes 1; pid {home}/nginx.pid; error_log stderr crit;\n"
        f"events {{}}\nhttp {{ access_log off; include {home}/headwater.conf; }}\n"
    )
    return main


def _await(port):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return _answer(port, "GET", "/", LOGIN)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nginx did not start")


def _answer(port, method, path, headers):
    """The status; the name that is asked for stands in ``headers`` or is ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which does not read the machine's authorities each time
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": OURS} | headers).items():
            connection.putheader(name, value)
        if method == "POST":
            connection.putheader("Content-Length", "0")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("door", ["operators", "viewers"])
@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_the_table(ports, door, row):
    _, method, path, headers, answer = row
    answer = 400 if headers.get("Host") == "" else answer  # not HTTP, to nginx
    seen = len(Upstream.came)
    assert _answer(ports[door], method, path, headers | LOGIN) == answer
    assert len(Upstream.came) - seen == (answer == 200)
    # What is refused is refused before a password is asked for; what is not, is asked.
    assert _answer(ports[door], method, path, headers) == (401 if answer == 200 else answer)


@pytest.mark.parametrize("door", ["operators", "viewers"])
@pytest.mark.parametrize(
    ("path", "headers", "answer"),
    [
        ("/graphql", OWN, 200),
        ("/graphql?query=mutation", OWN, 405),
        ("/graphql", {}, 403),
        ("/other", {}, 403),
        ("/graphql", {"Origin": "https://evil.example"}, 403),
        ("/graphql", {"Origin": "null"}, 403),
        ("/graphql", OWN | {"Host": "evil.example"}, 421),
        ("/graphql", {"Origin": "https://evil.example", "Host": "evil.example"}, 421),
    ],
)
def test_websockets(ports, door, path, headers, answer):
    assert _answer(ports[door], "GET", path, SOCKET | headers | LOGIN) == answer


@pytest.mark.parametrize(
    ("method", "path", "headers", "answer"),
    [
        ("GET", "/%67raphql?query=mutation", {}, 405),
        ("GET", "//graphql?query=mutation", {}, 405),
        ("GET", "/x/../graphql?query=mutation", {}, 405),
        ("GET", "/graphql/?query=mutation", {}, 405),
        ("PATCH", "/anything", {"Content-Type": "text/plain"}, 415),
        ("POST", "/graphql", {"Content-Type": "application/jsonx"}, 415),
        ("POST", "/graphql", {"Content-Type": "APPLICATION/JSON ;charset=utf-8"}, 200),
        ("OPTIONS", "/graphql", {"Origin": "https://evil.example"}, 403),
        ("GET", f"https://{OURS}/runs", {"Host": "evil.example", "Origin": "https://evil.example"}, 421),
        ("POST", "/graphql", JSON | {"Host": f"{OURS}:8443", "Origin": f"https://{OURS}:8443"}, 200),
        ("POST", "/graphql", JSON | {"Host": f"{OURS}:8443", "Origin": f"https://{OURS}"}, 403),
        ("POST", "/graphql", JSON | {"Host": OURS.upper(), "Origin": f"https://{OURS}"}, 200),
        ("POST", "/graphql", JSON | {"Origin": f"https://{OURS}|{OURS}"}, 403),
        ("POST", "/graphql", JSON | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
)
def test_other_ways_of_saying_it(ports, method, path, headers, answer):
    assert _answer(ports["operators"], method, path, headers | LOGIN) == answer


def test_the_password_and_foreign_addresses_go_no_further(ports):
    Upstream.came.clear()
    _answer(ports["operators"], "GET", "/runs", LOGIN | {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http"})
    ((_, _, headers),) = Upstream.came
    assert "Authorization" not in headers
    assert (headers["Host"], headers["X-Forwarded-For"], headers["X-Forwarded-Proto"]) == (OURS, "127.0.0.1", "https")
