"""Secrets planted in every secret setting, runs that succeed and runs that fail, and then a search everywhere."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest

from core.settings.listing import all_settings
from sandbox.markets.sample import sample
from sandbox.markets.server import MarketServer
from tests.standins.echo import EchoServer
from tests.standins.postgres_tcp import free_port, tcp_postgres
from tests.standins.s3 import s3_client
from tests.standins.smtp import Smtp
from tests.standins.warm.warm import COLD

ROOT = Path(__file__).parents[1]
DAY = "2024-01-03"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("secrets")]

# One for each secret setting, and for what else must not be seen. All begin alike, so that a part of one is found too.
PLANTED = {setting.name: f"planted{index:02}qwertz" for index, setting in enumerate(all_settings()) if setting.secret}
PLANTED |= {"AWS_SECRET_ACCESS_KEY": "planted90qwertz", "DAGSTER_POSTGRES_PASSWORD": "planted91qwertz"}
PLANTED |= {"WRONG": "planted92qwertz", "USER": "planted93qwertz"}
MARK = b"planted"
REDSHIFT = {"REDSHIFT_USER": "loads", "REDSHIFT_DATABASE": "secrets", "REDSHIFT_IAM_ROLE": "default"}
# base64 of the mark at each of the three offsets that it may have in a longer text.
ENCODED = (b"cGxhbnRl", b"BsYW50ZW", b"wbGFudGVk")


def _node(host, setting="ETHEREUM_PROVIDER_URI", scheme="http"):
    """A node's address with secrets wherever an address has room for one."""
    key = PLANTED[setting]
    return f"{scheme}://user:{PLANTED['USER']}@{host}/v3/{key}?apikey={key}"


class Everything:
    """The runs' outcomes, and what was left behind: files, output, objects, arguments of processes."""

    def __init__(self, home, app):
        self.home, self.app = home, app
        self._before = set(app.rglob("*"))
        self.outcomes: dict[str, bool] = {}
        self.run_ids: dict[str, str] = {}
        self.arguments: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.output = b""

    def run(self, runs, environment):
        process = subprocess.Popen(
            [COLD, "-m", "tests.standins.secret_runs"],
            cwd=self.app,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(process.pid, over))
        watch.start()
        try:
            self.output, _ = process.communicate(json.dumps(runs).encode(), timeout=900)
        finally:
            process.kill()
            over.set()
        watch.join()
        text = self.output.decode(errors="replace")
        assert process.returncode == 0, text[-3000:]
        for outcome in json.loads(text.rsplit("OUTCOMES ", 1)[1]):
            self.outcomes[outcome["name"]] = outcome["success"]
            self.run_ids[outcome["name"]] = outcome["run_id"]

    def _watch(self, pid, over):
        while not over.is_set():
            with suppress(psutil.Error):
                for process in psutil.Process(pid).children(recursive=True):
                    with suppress(psutil.Error):
                        self.arguments.add(" ".join(process.cmdline()))
            time.sleep(0.02)

    def places(self):
        """Name and bytes of each place that is searched."""
        for path in sorted({*self.home.rglob("*"), *self.app.rglob("*")} - self._before):
            if path.is_file():
                yield str(path), path.read_bytes()
        yield "output", self.output
        yield from self.objects.items()
        yield from (("arguments", text.encode()) for text in self.arguments)


@pytest.fixture(scope="module")
def everything(node_uri, s3_endpoint, redshift_standin, tmp_path_factory):
    base = Path(tempfile.mkdtemp(prefix="headwater-secrets-"))
    base.chmod(0o755)
    home, app = base / "home", base / "app"
    home.mkdir()
    ignored = shutil.ignore_patterns(".git", ".venv", ".headwater", "__pycache__", "target", "logs", ".*_cache", "docs")
    shutil.copytree(ROOT, app, ignore=ignored)
    (home / "dagster.yaml").write_text((ROOT / "deploy/local/dagster.yaml").read_text())
    echoes = {status: EchoServer(status) for status in (401, 429, 500)}
    markets = MarketServer(sample()).start()
    # One that refuses the password and repeats it, and one that would have it sent in the open.
    mails = [Smtp(redshift_standin.tls), Smtp()]
    mails[0].refuses = "AUTH"
    bucket = "secrets"
    s3_client(s3_endpoint).create_bucket(Bucket=bucket)
    redshift_standin.create_user(REDSHIFT["REDSHIFT_USER"], PLANTED["REDSHIFT_PASSWORD"])
    redshift_standin.create_database(REDSHIFT["REDSHIFT_DATABASE"], REDSHIFT["REDSHIFT_USER"])
    found = Everything(home, app)
    try:
        with tcp_postgres(base, PLANTED["POSTGRES_PASSWORD"]) as database:
            login = f"host={database.host} port={database.port} user=dagster dbname=dagster"
            with psycopg.connect(f"{login} password={database.password}", autocommit=True) as connection:
                password = PLANTED["POSTGRES_DBT_PASSWORD"]
                connection.execute(f"CREATE ROLE builder LOGIN SUPERUSER PASSWORD '{password}'".encode())
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "HEADWATER_HOME": str(home),
                "DAGSTER_HOME": str(home),
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "AWS_ENDPOINT_URL_S3": s3_endpoint,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": PLANTED["AWS_SECRET_ACCESS_KEY"],
                **{name: PLANTED[name] for name in PLANTED if name in {s.name for s in all_settings()}},
                "ETHEREUM_PROVIDER_URI": _node(node_uri.removeprefix("http://")),
                "ETHEREUM_PROVIDER_URI_ARCHIVAL": _node(
                    node_uri.removeprefix("http://"), "ETHEREUM_PROVIDER_URI_ARCHIVAL"
                ),
                **REDSHIFT,
                "REDSHIFT_HOST": redshift_standin.host,
                "REDSHIFT_PORT": str(redshift_standin.port),
                "SSL_CERT_FILE": str(redshift_standin.authority),
                "NOTICE_URL": f"http://{echoes[500].host}/hooks/{PLANTED['NOTICE_URL']}",
                "NOTICE_TELEGRAM_URL": f"http://{echoes[401].host}",
                "NOTICE_TELEGRAM_CHAT": "-1001",
                "NOTICE_MAIL_HOST": mails[0].host,
                "NOTICE_MAIL_STARTTLS": "offered",
                "NOTICE_MAIL_USER": "headwater",
                "NOTICE_MAIL_FROM": "headwater@example.com",
                "NOTICE_MAIL_TO": "oncall@example.com",
                "MAIL_PORTS": json.dumps([mail.port for mail in mails]),
                "LAKE_URI": f"s3://{bucket}/lake",
                "POSTGRES_HOST": database.host,
                "POSTGRES_PORT": str(database.port),
                "POSTGRES_DATABASE": "dagster",
                "POSTGRES_USER": "dagster",
                "POSTGRES_DBT_USER": "builder",
                "COINGECKO_PLAN": "demo",
                "COINGECKO_URL": markets.coingecko_root,
                "BLOCKCHAIR_PLAN": "key",
                "BLOCKCHAIR_URL": markets.blockchair_root,
            }
            found.run(_runs(echoes), environment)
        store = boto3.session.Session().client(
            "s3",
            endpoint_url=s3_endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for item in store.list_objects_v2(Bucket=bucket)["Contents"]:
            found.objects[item["Key"]] = store.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        yield found
    finally:
        markets.stop()
        for echo in echoes.values():
            echo.stop()
        for mail in mails:
            mail.stop()
        shutil.rmtree(base, ignore_errors=True)


def _runs(echoes):
    nobody = f"127.0.0.1:{free_port()}"
    blocks, prices = "key:lake/ethereum/blocks", "key:raw/markets/coin_list"
    wrong = {"POSTGRES_PASSWORD": PLANTED["WRONG"], "POSTGRES_DBT_PASSWORD": PLANTED["WRONG"]}

    def node(uri):
        return {"ETHEREUM_PROVIDER_URI": uri}

    def run(name, select, environment=None, partition=DAY):
        return {"name": name, "select": select, "partition": partition, "environment": environment or {}}

    return [
        run("ethereum", "tag:room=ethereum"),
        run("prices", prices, partition=None),
        run("models", "key:marts/markets/dim_asset", partition=None),
        run("nobody listens", blocks, node(_node(nobody))),
        run("nobody listens, websocket", blocks, node(_node(nobody, scheme="ws"))),
        run("no websocket", blocks, node(_node(echoes[401].host, scheme="ws"))),
        *(run(f"node {status}", blocks, node(_node(echo.host))) for status, echo in echoes.items()),
        run("mistyped", blocks, node(f"node.example.com/{PLANTED['ETHEREUM_PROVIDER_URI']}")),
        run("wrong password", prices, wrong, None),
        run(
            "wrong password of dbt",
            "key:marts/markets/dim_asset",
            wrong | {"POSTGRES_PASSWORD": PLANTED["POSTGRES_PASSWORD"]},
            None,
        ),
        run("wrong host", prices, {"POSTGRES_PORT": nobody.rpartition(":")[2]}, None),
        *(
            run(f"prices {status}", prices, {"COINGECKO_URL": f"http://{echo.host}"}, None)
            for status, echo in echoes.items()
        ),
        *(
            run(f"chains {status}", "key:raw/markets/chain_stats", {"BLOCKCHAIR_URL": f"http://{echo.host}"}, None)
            for status, echo in echoes.items()
        ),
        run(
            "traces 401",
            "key:lake/ethereum/traces",
            {"ETHEREUM_PROVIDER_URI_ARCHIVAL": _node(echoes[401].host, "ETHEREUM_PROVIDER_URI_ARCHIVAL")},
        ),
        run(
            "dumps 401",
            "key:raw/markets/blocks",
            {
                "BLOCKCHAIR_SOURCE": "dumps",
                "BLOCKCHAIR_DUMPS_URL": f"http://{echoes[401].host}/{{chain}}/{{table}}/{{day}}",
            },
            f"bitcoin|{DAY}",
        ),
        run("no bucket", blocks, {"LAKE_URI": "s3://nowhere/lake"}),
        run(
            "redshift",
            "key:warehouse/ethereum/* or key:intermediate/ethereum/* or key:marts/ethereum/*",
            {"WAREHOUSE": "redshift"},
        ),
        run(
            "wrong password of redshift",
            "key:warehouse/ethereum/blocks",
            {"WAREHOUSE": "redshift", "REDSHIFT_PASSWORD": PLANTED["WRONG"]},
        ),
    ]


SUCCEED = {"ethereum", "prices", "models", "redshift"}


def test_the_runs_did_what_they_were_to_do(everything):
    assert {name for name, success in everything.outcomes.items() if success} == SUCCEED
    assert len(everything.objects) > 8
    assert any("dbt" in text for text in everything.arguments)
    with closing(sqlite3.connect(next(everything.home.rglob("runs.db")))) as record:
        assert record.execute("SELECT count(*) FROM runs").fetchone()[0] == len(everything.outcomes)
    assert list(everything.app.rglob("dbt_project/target/**/dbt.log"))


@pytest.mark.parametrize(
    "words",
    [
        "HTTP 401",
        "***",
        "password authentication failed",
        "ETHEREUM_PROVIDER_URI: one of its endpoints",
        "NoSuchBucket",
        "not sent by webhook: 127.0.0.1 answered HTTP 500",
        "not sent by telegram: 127.0.0.1 answered HTTP 401",
        "not sent by mail: SMTPAuthenticationError",
        "offers no STARTTLS",
    ],
)
def test_failures_say_what_failed(everything, words):
    assert words in everything.output.decode(errors="replace")


def test_no_secret_is_left_anywhere(everything):
    searched, leaks = 0, []
    for place, data in everything.places():
        searched += 1
        for mark in (MARK, *ENCODED):
            at = data.find(mark)
            if at >= 0:
                leaks.append(f"{place}: {data[max(0, at - 200) : at + 60]!r}")
                break
    assert searched > 100
    assert not leaks, f"{len(leaks)} leaks\n" + "\n".join(leaks[:12])
