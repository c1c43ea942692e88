"""The table of what a foreign page can send, against the guard and against the real web server."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import urllib3

from commands.guard import Guard, host_of
from core.errors import SettingError
from core.settings.stage import Stage
from tests.standins.foreign_pages import JSON, OURS, TABLE
from tests.standins.warm.warm import COLD

ROOT = Path(__file__).parents[2]


def asked(guard, method, path, headers, kind="http"):
    """The status that the guard answers with; 200 when it passes the request on."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": f"{kind}.connect"}

    path, _, query = path.partition("?")
    named = {"Host": OURS} | headers
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode()}
    scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    asyncio.run(guard(scope, receive, send))
    return sent[0].get("status") or sent[0].get("code")


@pytest.fixture
def guard():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    return Guard(app, hosts=[OURS])


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_the_table(guard, row):
    _, method, path, headers, answer = row
    assert asked(guard, method, path, headers) == answer


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"Origin": f"https://{OURS}"}, 200),
        ({}, 1008),
        ({"Origin": "https://evil.example"}, 1008),
        ({"Origin": f"https://{OURS}", "Host": "evil.example"}, 1008),
    ],
)
def test_websockets(guard, headers, answer):
    assert asked(guard, "GET", "/graphql", headers, kind="websocket") == answer


def test_on_a_laptop_the_loopback_is_served_without_tls(guard):
    for host in ("localhost:3000", "127.0.0.1:3000", "[::1]:3000"):
        assert asked(guard, "POST", "/graphql", JSON | {"Host": host, "Origin": f"http://{host}"}) == 200
        assert asked(guard, "POST", "/graphql", JSON | {"Host": host, "Origin": "http://localhost:8080"}) == 403


def test_a_health_check_needs_no_name(guard):
    assert asked(guard, "GET", "/server_info", {"Host": "10.0.0.7:3000"}) == 200
    assert asked(guard, "POST", "/server_info", JSON | {"Host": "10.0.0.7:3000"}) == 421


def test_the_host_is_that_of_the_setting():
    assert host_of("https://headwater.example.com:8443/x") == ("headwater.example.com",)
    assert host_of(None) == ()


@pytest.mark.parametrize("url", ["headwater.example.com", "//headwater.example.com", "http://[::1", "https://"])
def test_an_address_that_names_no_host_is_a_sentence(url):
    """Else the server answers 421 to all who open it by its name, and notices hold a link that leads nowhere."""
    with pytest.raises(SettingError, match=r"HEADWATER_URL=.* such as https://headwater\.example\.com\."):
        Stage.read({"HEADWATER_URL": url})


# Without a daemon, which would start what is queued.
INSTANCE = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
SMALL = """
import dagster as dg

@dg.op
def greeting(context):
    context.log.info("a line of the run's own log")

@dg.job
def small():
    greeting()

defs = dg.Definitions(jobs=[small])
"""


def _answers(address):
    try:
        return urllib3.request("GET", address, retries=False, timeout=5).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The real web server by its command, on a workspace with one job in it."""
    home = tmp_path_factory.mktemp("web")
    (home / "small.py").write_text(SMALL)
    (home / "dagster.yaml").write_text(INSTANCE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [COLD, "-m", "commands.web", "-h", "127.0.0.1", "-p", str(port), "-f", str(home / "small.py")],
        cwd=ROOT,
        env=os.environ | {"DAGSTER_HOME": str(home), "HEADWATER_URL": f"https://{OURS}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not _answers(f"http://127.0.0.1:{port}/server_info"):
        assert process.poll() is None, "the web server has ended"
        assert time.monotonic() < deadline, "the web server does not answer"
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(60)


def test_the_real_web_server_refuses_what_the_table_says(web):
    body = b'{"query": "{ version }"}'
    for what, method, path, headers, answer in TABLE:
        named = {"Host": OURS} | headers
        sent = body if method in ("POST", "PUT", "DELETE") else None
        if not sent or "Content-Type" in headers:
            found = urllib3.request(method, web + path, headers=named, body=sent, retries=False).status
            assert found == answer or (answer == 200 and found < 400), what


def test_the_real_web_server_serves_its_own_page(web):
    host = web.removeprefix("http://")
    page = {"Host": host, "Origin": web, "Sec-Fetch-Site": "same-origin"}
    answer = urllib3.request("POST", f"{web}/graphql", headers=JSON | page, body=b'{"query": "{ version }"}')
    assert answer.status == 200
    assert answer.json()["data"]["version"]


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_itself_starts_a_run_and_its_log_streams(web):
    """In Chromium, by the buttons, with the guard between page and server."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        received, refused = [], []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))))
        page.on(
            "response", lambda answer: refused.append(answer.url) if answer.status in (403, 405, 415, 421) else None
        )
        page.goto(f"{web}/locations/small.py/jobs/small/playground")
        page.get_by_role("button", name="Launch Run").click()
        page.get_by_text("a line of the run's own log").first.wait_for()
        page.get_by_text("RUN_SUCCESS").first.wait_for()
        browser.close()
    assert any("a line of the run's own log" in frame for frame in received)
    assert refused == []
