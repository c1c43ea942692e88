"""``dagster dev`` for a while: web server and daemon on loopback, asked over GraphQL as the UI asks them.

Everything it keeps lies in the home it is given, and none of its processes is left when it is done.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Command, CommandFailed

LOOPBACK = "127.0.0.1"
SECONDS_TO_START = 180
QUOTED = 900  # characters, which fit into what is quoted of a measured command
UNDER_WAY, DONE = "REQUESTED", "COMPLETED_SUCCESS"
FAILED = {"FAILURE", "CANCELING", "CANCELED"}
ASSETS = "{ assetNodes { assetKey { path } } }"
LAUNCH = """
mutation($assets: [AssetKeyInput!]!, $days: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $days}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""
FOLLOW = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { status startTime endTime } }
  }
}
"""
PARTITIONS = (
    "query($assets: [AssetKeyInput!]!) { assetNodes(assetKeys: $assets) { partitionStats { numMaterialized } } }"
)


@dataclass(frozen=True)
class Backfill:
    """How far a backfill is. runs: status, start and end (Unix seconds) of each that it has started."""

    done: bool
    runs: Sequence[dict]

    @property
    def at_rest(self) -> bool:
        """Whether runs were started and all of them succeeded; the daemon may see it half a minute later."""
        return bool(self.runs) and all(run["status"] == "SUCCESS" for run in self.runs)


class ServedDagster:
    """A Dagster that answers at ``url`` and keeps all it has in ``home``."""

    def __init__(self, home: Path):
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self.port = probe.getsockname()[1]
        self.url, self.log = f"http://{LOOPBACK}:{self.port}", home / "dev.log"

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer.

        Raises:
            CommandFailed: quoting the errors of the answer.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own server
            found = json.load(answer)
        if "errors" in found:
            raise CommandFailed(f"Dagster does not answer {' '.join(query.split())}: {found['errors']}")
        return found["data"]

    def assets(self, room: str, layers: Sequence[str]) -> list[list[str]]:
        """The keys of a room's assets in some layers."""
        paths = [node["assetKey"]["path"] for node in self.ask(ASSETS)["assetNodes"]]
        return [path for path in paths if path[0] in layers and path[1] == room]

    def days_materialized(self, assets: Sequence[Sequence[str]]) -> int:
        """How many partitions each of the assets has at least."""
        nodes = self.ask(PARTITIONS, assets=_keys(assets))["assetNodes"]
        return min(node["partitionStats"]["numMaterialized"] for node in nodes)

    def launch(self, assets: Sequence[Sequence[str]], days: Sequence[str]) -> str:
        """The id of a backfill, started as the button in the UI starts it.

        Raises:
            CommandFailed: saying what kept it from being started.
        """
        launched = self.ask(LAUNCH, assets=_keys(assets), days=days)["launchPartitionBackfill"]
        if "backfillId" not in launched:
            raise CommandFailed(f"Dagster starts no backfill: {launched}")
        return launched["backfillId"]

    def follow(self, backfill: str) -> Backfill:
        """How far it is.

        Raises:
            CommandFailed: when it failed, or one of its runs.
        """
        found = self.ask(FOLLOW, id=backfill)
        status, runs = found["partitionBackfillOrError"]["status"], found["runsOrError"]["results"]
        states = [run["status"] for run in runs]
        if status not in (UNDER_WAY, DONE) or not FAILED.isdisjoint(states):
            raise CommandFailed(f"Backfill {backfill} is {status}, its runs are {states}: {self._said()}")
        return Backfill(status == DONE, runs)

    def runs_of(self, backfill: str, seconds: float) -> Sequence[dict]:
        """The runs that a backfill took, once it is done.

        Raises:
            CommandFailed: when it fails or takes longer.
        """
        self.wait(lambda: self.follow(backfill).done, seconds)
        return self.follow(backfill).runs

    def wait(self, ready: Callable[[], bool], seconds: float) -> None:
        """Ask again and again while Dagster works.

        Raises:
            CommandFailed: when it takes longer.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise CommandFailed(f"Dagster was not done in {seconds:g} s: {self._said()}")
            time.sleep(1)

    def answers(self) -> bool:
        """Whether the server is up and has loaded the definitions."""
        with suppress(OSError):
            return bool(self.ask(ASSETS)["assetNodes"])
        return False

    def _said(self) -> str:
        """The first error in its log, or the end of it."""
        said = self.log.read_text(errors="replace")
        first = said.find(" - ERROR - ")
        return said[first:][:QUOTED] if first >= 0 else said[-QUOTED:]


def _keys(assets: Sequence[Sequence[str]]) -> list[dict]:
    return [{"path": path} for path in assets]


def prepared(home: Path) -> dict[str, str]:
    """Give a home the local ``dagster.yaml``; the environment for its programs, without the settings of the shell."""
    (home / "dagster.yaml").write_bytes((ROOT / "deploy/local/dagster.yaml").read_bytes())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    homes = dict.fromkeys(("HOME", "HEADWATER_HOME", "DAGSTER_HOME"), str(home))
    return {"PATH": path, "DAGSTER_DISABLE_TELEMETRY": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **homes}


@contextmanager
def serving(home: Path) -> Iterator[ServedDagster]:
    """Dagster over a home that exists, ended afterwards with every run under way.

    Raises:
        CommandFailed: quoting its log when it does not start.
    """
    dagster = ServedDagster(home)
    command: Command = [Path(sys.executable).with_name("dagster"), "dev", "-w", "workspace.yaml"]
    with session([*command, "-h", LOOPBACK, "-p", str(dagster.port)], prepared(home), dagster.log):
        dagster.wait(dagster.answers, SECONDS_TO_START)
        yield dagster


@contextmanager
def session(command: Command, environ: Mapping[str, str], log: Path, patience: float = 15) -> Iterator[None]:
    """A command in a session of its own, ended with all that it started.

    patience: seconds they have to end by themselves.
    """
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
    finally:
        for signal_, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + seconds
            _send(process.pid, signal_)
            while _send(process.pid, 0) and time.monotonic() < deadline:
                process.poll()  # takes note of its end: until then it counts as there
                time.sleep(0.1)


def _send(group: int, signal_: int) -> bool:
    """Whether there was a process to send it to."""
    try:
        os.killpg(group, signal_)
    except ProcessLookupError:
        return False
    return True
