"""``dagster dev`` as a person uses it: the graph and a materialization in Chromium, a backfill from the UI."""

import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from benchmarks.backfill import GROUPS, ROOM
from benchmarks.served import prepared, serving

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


@pytest.fixture(scope="module")
def ui(tmp_path_factory):
    """Dagster's web server and daemon over a home with 30 days run through."""
    home = tmp_path_factory.mktemp("ui")
    command = [sys.executable, "-m", "commands", "run", ROOM, "--from", DAYS[0], "--to", DAYS[-1]]
    subprocess.run(command, cwd=ROOT, env=prepared(home), check=True, capture_output=True, timeout=900)
    with serving(home) as dagster:
        yield dagster


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
    page.goto(f"{ui.url}/locations/headwater/asset-groups/ethereum_node")
    page.get_by_text("chain", exact=True).first.wait_for()
    page.goto(f"{ui.url}/locations/headwater/asset-groups/ethereum_lake")
    for name in ("traces", "token_transfers"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.screenshot(path=str(tmp_path / "graph.png"))
    assert (tmp_path / "graph.png").stat().st_size > 20_000


@pytest.mark.browser
def test_a_materialization_shows_its_rows_its_table_and_its_plot(ui, page):
    """The plot is of the days up to the run's last one, and stands there."""
    page.goto(f"{ui.url}/assets/marts/ethereum/daily_chain_metrics?view=partitions&partition={LAST}")
    page.get_by_text("ethereum.daily_chain_metrics", exact=True).first.wait_for()
    page.get_by_text("rows", exact=True).first.wait_for()
    page.get_by_text("[Show Markdown]").first.click()
    picture = page.locator("img[alt='Transactions per day']")
    picture.wait_for()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


@pytest.mark.browser
def test_an_asset_page_says_what_the_asset_is(ui, page):
    page.goto(f"{ui.url}/assets/lake/ethereum/blocks?view=overview")
    for words in ("one row per canonical block", "data-platform", "Block height.", "Hash of the block header."):
        page.get_by_text(words).first.wait_for()


def test_a_30_day_backfill_of_loads_and_aggregates_starts_one_run_per_group(ui):
    backfills = [ui.launch(ui.assets(ROOM, layers), DAYS) for layers in GROUPS.values()]
    for backfill in backfills:
        assert [run["status"] for run in ui.runs_of(backfill, 900)] == ["SUCCESS"]
