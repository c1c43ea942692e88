"""A job for each configured table: it is staged, then loaded wherever its file says."""

import dagster as dg

from assets.databridge.assets import CONFIGURED
from assets.databridge.factory import key_of, steps_of
from assets.databridge.tables import ROOM, BridgeTable


def name_of(table: BridgeTable) -> str:
    """What job and schedule of a table are called, after the old DAG."""
    return f"{ROOM}_{table.dag}"


def job_of(table: BridgeTable):
    """The table's job."""
    keys = [key_of(table, step) for step in steps_of(table)]
    return dg.define_asset_job(
        f"{name_of(table)}_job",
        selection=dg.AssetSelection.assets(*keys),
        description=f"Stage {table.name} and load it where its file says.",
    )


JOBS_BY_TABLE = {table.name: job_of(table) for table in CONFIGURED.tables}
JOBS = tuple(JOBS_BY_TABLE.values())
