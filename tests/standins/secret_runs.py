"""Runs of the graph in a process of their own, told of on stdin as JSON, so that everything they leave can be searched.

Each run has an environment of its own. The libraries log as much as they can; a pause passes at once.
"""

import json
import logging
import os
import sys
import time

import dagster as dg

from definitions import defs
from resources.clients.clock import Clock
from resources.clients.notices import send

passed = 0.0


def pass_at_once(self: Clock, seconds: float) -> None:
    global passed  # noqa: PLW0603 - one clock for the process
    passed += max(0.0, seconds)


def main() -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    Clock.sleep = pass_at_once
    Clock.monotonic = lambda self: time.monotonic() + passed
    outcomes = []
    base = dict(os.environ)
    with dg.DagsterInstance.get() as instance:
        for run in json.load(sys.stdin):
            os.environ.clear()
            os.environ.update(base | run["environment"])
            result = dg.materialize(
                [*defs.assets, *defs.asset_checks],
                selection=run["select"],
                resources=defs.resources,
                instance=instance,
                partition_key=run.get("partition"),
                raise_on_error=False,
            )
            outcomes.append({"name": run["name"], "success": result.success, "run_id": result.run_id})
    os.environ.update(base)
    send(os.environ["NOTICE_URL"], "a run failed")
    sys.stdout.write(f"\nOUTCOMES {json.dumps(outcomes)}\n")


if __name__ == "__main__":
    main()
