"""A table's job whose steps are jobs on AWS Batch, as the process of a run loads it, and that process.

The environment says which: BRIDGE_TABLE, and BRIDGE_GATE, the file that a job waits for before it begins.
"""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from assets.databridge import factory
from assets.databridge.factory import assets_of
from assets.databridge.loading import load_tree
from core.settings.databridge import SHIPPED
from jobs.databridge import job_of, name_of
from resources.batch import PipesBatchClient
from resources.databridge import DatabridgeResource
from tests.standins.batch_run import QuickClock

ROOT = Path(__file__).parents[2]
WAITS = 'until [ -e "$1" ]; do sleep 0.05; done; shift; exec "$@"'


class QuickBatch(DatabridgeResource):
    """The resource, with a client that does not wait as long as for a machine of AWS."""

    def batch(self) -> PipesBatchClient:
        return PipesBatchClient(clock=QuickClock())


def bridge_job() -> dg.JobDefinition:
    """The job of the table."""
    step = [sys.executable, *PROGRAM[1:]]
    factory.PROGRAM = ["sh", "-c", WAITS, "sh", os.environ["BRIDGE_GATE"], *step]
    (table,) = [table for table in load_tree(SHIPPED).tables if table.name == os.environ["BRIDGE_TABLE"]]
    defs = dg.Definitions(
        assets_of(table),
        jobs=[job_of(table)],
        resources={"databridge": QuickBatch()},
        executor=dg.in_process_executor,
    )
    return defs.resolve_job_def(f"{name_of(table)}_job")


PROGRAM = factory.PROGRAM


def started(instance: dg.DagsterInstance, parent: dg.DagsterRun | None = None) -> tuple[str, subprocess.Popen]:
    """A run of the job in a process of its own, as launchers start one; parent: the run that it retries."""
    job, origin = bridge_job(), dg.reconstructable(bridge_job).get_python_origin()
    root = parent and (parent.root_run_id or parent.run_id)
    run = instance.create_run_for_job(
        job, job_code_origin=origin, root_run_id=root, parent_run_id=parent and parent.run_id
    )
    arguments = serialize_value(ExecuteRunArgs(origin, run.run_id, instance.get_ref(), None))
    command = [sys.executable, "-m", "dagster", "api", "execute_run", arguments]
    return run.run_id, subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
