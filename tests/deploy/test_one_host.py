"""The one-host deployment as it runs: PostgreSQL, code location, daemon, both web servers, and the proxy before them.

The programs are those of deploy/compose/compose.yaml, started with its commands and files, on loopback instead of in
containers.
"""

import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.served import LAUNCH
from tests.standins.postgres_tcp import free_port, tcp_postgres
from tests.standins.processes import Processes
from tests.standins.warm.warm import COLD

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
BIN = Path(sys.executable).parent
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
OPERATOR, VIEWER = ("operator", "pa:ss word"), ("viewer", "only looking")
# Four runs of seven days each; the last three hold the sample's blocks.
DAYS = [str(date(2024, 1, 4) - timedelta(days=back)) for back in reversed(range(4 * 14))]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deploy")]


class Host:
    """The deployment's addresses and environment."""

    def __init__(self, home, database, node_uri):
        self.home = home
        self.ports = {name: free_port() for name in ("code", "web", "viewer", "operators", "viewers")}
        self.environment = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "HEADWATER_STAGE": "test",
            "HEADWATER_HOME": str(home),
            "LAKE_URI": str(home / "lake"),
            "ETHEREUM_PROVIDER_URI": node_uri,
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_COMPUTE_LOGS": str(home / "compute-logs"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "HEADWATER_CODE_HOST": "127.0.0.1",
            **database.environment(),
        }
        (home / "dagster").mkdir()
        # The test's database is reached by the loopback, not by a socket that containers share.
        settings = yaml.safe_load((ROOT / "deploy/compose/dagster.yaml").read_text())
        del settings["storage"]["postgres"]["postgres_db"]["params"]
        (home / "dagster/dagster.yaml").write_text(yaml.safe_dump(settings))
        workspace = (ROOT / "deploy/compose/workspace.yaml").read_text()
        self.workspace = home / "dagster/workspace.yaml"
        self.workspace.write_text(workspace.replace("port: 4000", f"port: {self.ports['code']}"))

    def command(self, service):
        """The service's command, on the ports and paths of this test."""
        port = str(self.ports.get(service))
        here = {"/etc/dagster/workspace.yaml": str(self.workspace), "0.0.0.0": "127.0.0.1", "3000": port, "4000": port}
        return [here.get(word, word) for word in COMPOSE["services"][service]["command"]]

    def url(self, server, path="/"):
        scheme = "https" if server in ("operators", "viewers") else "http"
        return f"{scheme}://127.0.0.1:{self.ports[server]}{path}"


@pytest.fixture(scope="module")
def host(node_uri):
    home = Path(tempfile.mkdtemp(prefix="headwater-host-"))
    home.chmod(0o755)
    processes = Processes(home, ROOT)
    try:
        with tcp_postgres(home, "the record: password") as database:
            host = Host(home, database, node_uri)
            host.processes = processes
            processes.start("code", host.command("code"), host.environment)
            health = [BIN / "dagster", "api", "grpc-health-check", "-p", str(host.ports["code"])]
            processes.wait(lambda: subprocess.run(health, capture_output=True, check=False).returncode == 0, 120)
            cold = host.environment | {"PATH": f"{Path(COLD).parent}{os.pathsep}{os.environ['PATH']}"}
            for service, environment in (("daemon", cold), ("web", host.environment), ("viewer", host.environment)):
                processes.start(service, host.command(service), environment)
            if NGINX:
                processes.start(
                    "proxy", [NGINX, "-p", str(home), "-c", str(_proxy(host))], {"PATH": os.environ["PATH"]}
                )
            for service in ("web", "viewer"):
                processes.wait(lambda at=service: _get(host.url(at, "/server_info"))[0] == 200, 120)
            yield host
            processes.stop()
    finally:
        processes.stop()
        shutil.rmtree(home, ignore_errors=True)


def _proxy(host):
    """nginx's configuration: the template with its variables set, as the image's envsubst sets them."""
    certificate = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", host.home / "tls.key", "-out", host.home / "tls.crt", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", "req", *certificate, *files], check=True, capture_output=True)
    for name, (user, password) in {"operators": OPERATOR, "viewers": VIEWER}.items():
        hashed = subprocess.run(["openssl", "passwd", "-apr1", password], check=True, capture_output=True, text=True)
        (host.home / f"{name}.htpasswd").write_text(f"{user}:{hashed.stdout}")
    text = (ROOT / "deploy/proxy/headwater.conf.template").read_text()
    for name, value in {
        "PUBLIC_HOST": "127.0.0.1",
        "PROXY_ADDRESS": "127.0.0.1",
        "OPERATORS_PORT": host.ports["operators"],
        "VIEWERS_PORT": host.ports["viewers"],
        "WEB_UPSTREAM": f"127.0.0.1:{host.ports['web']}",
        "VIEWER_UPSTREAM": f"127.0.0.1:{host.ports['viewer']}",
        "PROXY_TLS": host.home,
        "PROXY_USERS": host.home,
    }.items():
        assert name in COMPOSE["services"]["proxy"]["environment"]
        text = text.replace(f"${{{name}}}", str(value))
    (host.home / "headwater.conf").write_text(text)
    main = host.home / "nginx.conf"
    main.write_text(
        f"daemon off; worker_processes 1; pid {host.home}/nginx.pid; error_log stderr info;\n"
        f"events {{}}\nhttp {{ access_log {host.home}/access.log; include {host.home}/headwater.conf; }}\n"
    )
    return main


def _context(host):
    return ssl.create_default_context(cafile=host.home / "tls.crt")


def _login(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def _get(url, headers=None, data=None, context=None):
    """Status, headers and body, whatever the status."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def _ask(host, query, server="web", headers=None, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    context = _context(host) if host.url(server).startswith("https") else None
    status, _, answer = _get(
        host.url(server, "/graphql"), {"Content-Type": "application/json", **(headers or {})}, body, context
    )
    assert status == 200, answer
    return json.loads(answer)


@pytest.fixture
def proxied(host):
    if NGINX is None:
        pytest.skip("nginx is not installed here")
    host.processes.wait(lambda: _get(host.url("operators"), context=_context(host))[0] == 401, 20)
    return host


PATHS = (
    "/",
    "/server_info",
    "/locations",
    "/report_asset_materialization/x",
    "/logs/x/y/z",
    "/static/x.js",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("server", ["operators", "viewers"])
def test_without_a_password_nothing_is_answered(proxied, server, path):
    context = _context(proxied)
    for headers in ({}, _login("operator", "wrong"), _login("nobody", OPERATOR[1])):
        status, answered, body = _get(proxied.url(server, path), headers, context=context)
        assert status == 401
        assert answered["WWW-Authenticate"].startswith("Basic realm=")
        assert b"dagster" not in body.lower()
    json_ = {"Content-Type": "application/json"}
    assert _get(proxied.url(server, "/graphql"), json_, b'{"query": "{ version }"}', context)[0] == 401


def test_viewers_and_operators_have_doors_of_their_own(proxied):
    context = _context(proxied)
    assert _get(proxied.url("operators"), _login(*VIEWER), context=context)[0] == 401
    assert _get(proxied.url("viewers"), _login(*OPERATOR), context=context)[0] == 401


def test_with_a_password_the_page_and_its_api_answer(proxied):
    status, headers, body = _get(proxied.url("operators"), _login(*OPERATOR), context=_context(proxied))
    assert status == 200
    assert body.startswith(b"<!DOCTYPE html>")
    assert b"/_next/static/" in body
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert headers["Server"] == "nginx"
    assert _ask(proxied, "{ version }", "operators", _login(*OPERATOR))["data"]["version"] == dg.__version__


@contextmanager
def _subscription(host, headers):
    url = host.url("operators", "/graphql").replace("https", "wss")
    with connect(
        url,
        ssl=_context(host),
        origin=host.url("operators", ""),
        additional_headers=headers,
        subprotocols=["graphql-ws"],
        open_timeout=20,
    ) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {}}))
        yield json.loads(socket.recv(timeout=20))


def test_websockets_want_the_password_too(proxied):
    for headers in ({}, _login("operator", "wrong")):
        with pytest.raises(InvalidStatus) as refused, _subscription(proxied, headers):
            pass
        assert refused.value.response.status_code == 401
    with _subscription(proxied, _login(*OPERATOR)) as answer:
        assert answer["type"] == "connection_ack"


def test_the_proxys_log_holds_no_password(proxied):
    log = (proxied.home / "access.log").read_text()
    assert "operator" in log
    for _, password in (OPERATOR, VIEWER):
        assert password not in log


def test_plain_http_gets_no_page(proxied):
    status, _, body = _get(proxied.url("operators").replace("https", "http"))
    assert status == 400
    assert b"HTTPS" in body


BLOCKS = [{"path": ["lake", "ethereum", name]} for name in ("blocks_meta", "blocks", "transactions", "withdrawals")]


@pytest.mark.parametrize("server", ["viewer", "viewers"])
def test_a_viewer_sees_the_graph_and_starts_nothing(host, server, request):
    if server == "viewers":
        request.getfixturevalue("proxied")
    headers = _login(*VIEWER)
    nodes = _ask(host, "{ assetNodes { assetKey { path } } }", server, headers)["data"]["assetNodes"]
    assert {"path": ["lake", "ethereum", "blocks"]} in [node["assetKey"] for node in nodes]
    launched = _ask(host, LAUNCH, server, headers, assets=BLOCKS[:1], days=DAYS[:1])["data"]["launchPartitionBackfill"]
    assert launched["__typename"] == "UnauthorizedError"
    schedule = """mutation($selector: ScheduleSelector!) {
        startSchedule(scheduleSelector: $selector) { __typename } }"""
    location = {"repositoryName": "__repository__", "repositoryLocationName": "headwater"}
    selector = {**location, "scheduleName": "ethereum_export_schedule"}
    answer = _ask(host, schedule, server, headers, selector=selector)["data"]["startSchedule"]
    assert answer["__typename"] == "UnauthorizedError"
    assert _ask(host, "{ runsOrError { ... on Runs { count } } }")["data"]["runsOrError"]["count"] == 0


def test_liveness_of_web_server_and_daemon(host):
    status, _, body = _get(host.url("web", "/server_info"))
    assert (status, json.loads(body)["dagster_webserver_version"]) == (200, dg.__version__)
    check = COMPOSE["services"]["daemon"]["healthcheck"]["test"][1:]

    def alive():
        return (
            subprocess.run(
                [BIN / check[0], *check[1:]], env=host.environment, cwd=ROOT, capture_output=True, check=False
            ).returncode
            == 0
        )

    host.processes.wait(alive, 90)
    silent = {**host.environment, "DAGSTER_HOME": str(host.home / "other")}
    (host.home / "other").mkdir()
    (host.home / "other/dagster.yaml").write_text("telemetry: {enabled: false}\n")
    dead = subprocess.run([BIN / check[0], *check[1:]], env=silent, cwd=ROOT, capture_output=True, check=False)
    assert dead.returncode != 0


FOLLOW = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) { ... on Runs { results { runId status } } }
}
"""


def _kill_a_run(host):
    """SIGKILL for a run's process, as when a host runs out of memory."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("HEADWATER_HOME") == str(host.home)
            if ours and "spawn_main" in " ".join(process.cmdline()):
                process.kill()
                return True
    return False


def test_a_backfill_goes_through_the_queue_within_its_limits_and_outlives_a_killed_run(host, monkeypatch):
    found = _ask(host, LAUNCH, assets=BLOCKS, days=DAYS)["data"]["launchPartitionBackfill"]
    assert found["__typename"] == "LaunchBackfillSuccess", found
    at_once, killed = [], []

    def done():
        answer = _ask(host, FOLLOW, id=found["backfillId"])["data"]
        runs = answer["runsOrError"]["results"]
        at_once.append(sum(run["status"] in ("STARTING", "STARTED", "CANCELING") for run in runs))
        if not killed and any(run["status"] == "STARTED" for run in runs) and _kill_a_run(host):
            killed.append(True)
        return runs if answer["partitionBackfillOrError"]["status"] not in ("REQUESTED", "IN_PROGRESS") else None

    runs = host.processes.wait(done, 400)
    assert killed
    assert sorted(run["status"] for run in runs) == ["FAILURE", *["SUCCESS"] * 4]
    limits = yaml.safe_load((ROOT / "deploy/compose/dagster.yaml").read_text())["concurrency"]["runs"]
    assert max(at_once) <= limits["tag_concurrency_limits"][0]["limit"] == 3
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        _check_record(instance, [run["runId"] for run in runs if run["status"] == "SUCCESS"])


def _check_record(instance, run_ids):
    """All days, by runs that waited in the queue, exporting one after the other; one of them a retry."""
    spans = []
    for run_id in run_ids:
        events = [entry for entry in instance.all_logs(run_id) if entry.is_dagster_event]
        kinds = [entry.dagster_event_type for entry in events]
        assert kinds.index(dg.DagsterEventType.RUN_ENQUEUED) < kinds.index(dg.DagsterEventType.RUN_STARTING)
        (step,) = {e.step_key for e in events if e.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION}
        times = {e.dagster_event_type: e.timestamp for e in events if e.step_key == step}
        spans.append((times[dg.DagsterEventType.STEP_START], times[dg.DagsterEventType.STEP_SUCCESS]))
    spans.sort()
    # The pool ethereum_node has one place.
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans)), spans
    assert sum(bool(instance.get_run_by_id(run_id).parent_run_id) for run_id in run_ids) == 1
    assert set(instance.get_materialized_partitions(dg.AssetKey(["lake", "ethereum", "blocks"]))) == set(DAYS)
