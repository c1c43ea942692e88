"""The room's page: each of the 37 old tasks has its row, and what it names is there."""

import re
from pathlib import Path

from assets.stacks import objects, tables
from assets.stacks.checks import CHECKS
from core.objects import PublishedObject
from core.settings.stacks import Stacks
from core.tables import Table

PAGE = (Path(__file__).parents[3] / "docs/rooms/stacks.md").read_text()
DROPPED = {
    "most_popular_nft_list",
    "cheapest_and_most_expensive_nfts",
    "nft_trade_volume_stx_per_block",
    "top_nfts_by_trade_vol_last100",
}


def declared(module, kind):
    return {one.name for one in vars(module).values() if isinstance(one, kind)}


def rows():
    section = PAGE.split("## From the old DAGs")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([a-z_0-9]+) \| (.+) \|$", section, re.MULTILINE)
    return [(task, now) for task, now in found if "---" not in task]


def test_every_old_task_has_its_row():
    assert len(rows()) == 37
    assert {task for task, now in rows() if now.startswith("dropped: ")} == DROPPED


def test_what_the_page_names_is_there():
    names = declared(objects, PublishedObject) | declared(tables, Table) | {"pox_cycles", "nft_custody"}
    names |= {key.name for check in CHECKS for key in check.check_keys}
    names |= {str(field.alias or field.validation_alias) for field in Stacks.model_fields.values()}
    used = {name for _, now in rows() for name in re.findall(r"`([^`]+)`", now)} - {"latest"}
    assert used - names == set()


def test_every_object_is_on_the_page():
    section = PAGE.split("## From the old DAGs")[1]
    absent = {name for name in declared(objects, PublishedObject) if f"`{name}`" not in section}
    assert absent == set()
    for check in CHECKS:
        for key in check.check_keys:
            assert f"`{key.name}`" in PAGE
