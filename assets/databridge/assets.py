"""The assets of the tree of files that the settings name. A file that is wrong is told, and hides no other."""

import logging

import dagster as dg

from assets.databridge.factory import assets_of
from assets.databridge.loading import Loaded, load_tree
from core.settings.databridge import Databridge

logger = logging.getLogger("headwater.databridge")


def configured() -> Loaded:
    """The tables of the tree, its faults told once in the log of whoever loads the definitions."""
    loaded = load_tree(Databridge.tree_in_force())
    for fault in loaded.faults:
        logger.error("Databridge: %s", fault)
    return loaded


CONFIGURED = configured()
DATABRIDGE_ASSETS: tuple[dg.AssetsDefinition, ...] = tuple(
    asset for table in CONFIGURED.tables for asset in assets_of(table)
)
