"""Runs of the graph in a process of their own, told of on stdin as JSON, so that everything they leave can be searched.

Each run has an environment of its own. The libraries log as much as they can; a pause passes at once.
"""

import json
import logging
import os
import sys
import time

import dagster as dg

from core.clock import Clock
from definitions import ROOMS, defs
from resources.notices import tell

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
            rooms = [room for room in ROOMS if room.name in run["select"]]
            result = dg.materialize(
                [definition for room in rooms for definition in (*room.assets, *room.checks)],
                selection=run["select"],
                resources=defs.resources,
                instance=instance,
                partition_key=run.get("partition"),
                raise_on_error=False,
            )
            outcomes.append({"name": run["name"], "success": result.success, "run_id": result.run_id})
    os.environ.update(base)
    notices = os.environ | {"HEADWATER_STAGE": "prod"}
    for port in json.loads(os.environ["MAIL_PORTS"]):
        for failure in tell("a run failed", notices | {"NOTICE_MAIL_PORT": str(port)}):
            sys.stdout.write(f"{failure}\n")
    sys.stdout.write(f"\nOUTCOMES {json.dumps(outcomes)}\n")


if __name__ == "__main__":
    main()
