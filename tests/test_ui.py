"""``dagster dev`` as a person uses it: the graph and a materialization in Chromium, a backfill from the UI."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
# Thirty days: the sample days, the empty one, and days before the chain began.
LAST = date(2024, 1, 5)
DAYS = [str(LAST - timedelta(days=back)) for back in reversed(range(30))]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ui")]


class Ui:
    """Dagster's web server and daemon on a free port, over a home with 30 days run through."""

    def __init__(self, home):
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = {"PATH": path, "HEADWATER_HOME": str(home), "DAGSTER_HOME": str(home), "HOME": str(home)}

    def start(self):
        (self.home / "dagster.yaml").write_text((ROOT / "deploy/local/dagster.yaml").read_text())
        command = [sys.executable, "-m", "jobs", DAYS[0], DAYS[-1]]
        subprocess.run(command, cwd=ROOT, env=self.env, check=True, capture_output=True, timeout=300)
        command = [str(Path(sys.executable).with_name("dagster")), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1"]
        self._log = (self.home / "dev.log").open("wb")
        self._process = subprocess.Popen(
            [*command, "-p", str(self.port)],
            cwd=ROOT,
            env=self.env,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.wait(self._answers, 120)

    def _answers(self):
        try:
            return self.ask("{ assetNodes { id } }")["assetNodes"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def stop(self):
        for signal_, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal_)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self._log.close()

    def ask(self, query, **variables):
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["data"]

    def wait(self, ready, seconds):
        """Poll another process: its time is not ours to set."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = ready()
            if found:
                return found
            time.sleep(0.5)
        raise AssertionError((self.home / "dev.log").read_text()[-3000:])


@pytest.fixture(scope="module")
def ui(tmp_path_factory):
    ui = Ui(tmp_path_factory.mktemp("ui"))
    try:
        ui.start()
        yield ui
    finally:
        ui.stop()


@pytest.fixture(scope="module")
def page(ui):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


@pytest.mark.browser
def test_the_graph_shows_the_flow_from_node_to_metrics(ui, page, tmp_path):
    page.goto(f"{ui.url}/locations/headwater/asset-groups/ethereum")
    for name in ("chain", "traces", "token_transfers"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.screenshot(path=str(tmp_path / "graph.png"))
    assert (tmp_path / "graph.png").stat().st_size > 20_000


@pytest.mark.browser
def test_a_materialization_shows_its_rows_its_table_and_its_plot(ui, page):
    page.goto(f"{ui.url}/assets/marts/ethereum/daily_chain_metrics?view=partitions&partition=2024-01-04")
    page.get_by_text("ethereum.daily_chain_metrics", exact=True).first.wait_for()
    page.get_by_text("dagster/partition_row_count").first.wait_for()
    page.get_by_text("[Show Markdown]").first.click()
    picture = page.locator("img[alt='Transactions per day']")
    picture.wait_for()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


@pytest.mark.browser
def test_an_asset_page_says_what_the_asset_is(ui, page):
    page.goto(f"{ui.url}/assets/lake/ethereum/blocks?view=overview")
    for words in ("one row per canonical block", "data-platform", "Block height.", "Hash of the block header."):
        page.get_by_text(words).first.wait_for()


LAUNCH = """
mutation($assets: [AssetKeyInput!]!, $days: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $days}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
FOLLOW = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) { ... on Runs { results { runId status } } }
}
"""


def _backfill(ui, layers):
    nodes = ui.ask("{ assetNodes { assetKey { path } } }")["assetNodes"]
    paths = [node["assetKey"]["path"] for node in nodes]
    keys = [{"path": path} for path in paths if path[0] in layers and path[1] == "ethereum"]
    return ui.ask(LAUNCH, assets=keys, days=DAYS)["launchPartitionBackfill"]["backfillId"]


def test_a_30_day_backfill_of_loads_and_aggregates_starts_one_run_per_group(ui):
    backfills = [_backfill(ui, {"warehouse"}), _backfill(ui, {"marts", "intermediate"})]

    def done():
        found = [ui.ask(FOLLOW, id=backfill) for backfill in backfills]
        states = [one["partitionBackfillOrError"]["status"] for one in found]
        return found if not set(states) & {"REQUESTED"} else None

    for found in ui.wait(done, 300):
        assert found["partitionBackfillOrError"]["status"] == "COMPLETED_SUCCESS"
        assert [run["status"] for run in found["runsOrError"]["results"]] == ["SUCCESS"]
