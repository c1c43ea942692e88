"""ECS and its log, as far as a task goes that runs at once and to its end."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
from botocore.exceptions import EndpointConnectionError

ROOT = Path(__file__).parents[2]
# A task has nothing of its starter's environment but what its request names.
BARE = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


class Ecs:
    """ECS and its log: a task runs to its end when it is started. interrupted: the run is cancelled meanwhile.
    late: how often its log is still empty. lost: nothing answers any more to who asks how a task goes."""

    def __init__(self, *, interrupted=False, late=0, lost=False):
        self.requests, self.stopped, self.interrupted, self.late, self.lost = [], [], interrupted, late, lost

    def run_task(self, **request):
        self.requests.append(request)
        (container,) = request["overrides"]["containerOverrides"]
        environ = {entry["name"]: entry["value"] for entry in container["environment"]}
        self.done = subprocess.run(
            container["command"], env={**BARE, **environ}, cwd=ROOT, capture_output=True, text=True, check=False
        )
        return {"tasks": [{"taskArn": "arn:task/cluster/1", "lastStatus": "RUNNING"}]}

    def describe_tasks(self, **_):
        if self.interrupted:
            raise dg.DagsterExecutionInterruptedError
        if self.lost:
            raise EndpointConnectionError(endpoint_url="https://ecs.example.com")
        container = {"name": "cmamp", "exitCode": self.done.returncode}
        return {"tasks": [{"taskArn": "arn:task/cluster/1", "lastStatus": "STOPPED", "containers": [container]}]}

    def stop_task(self, **request):
        self.stopped.append(request["task"])
        return {}

    def get_log_events(self, **_):
        self.late -= 1
        if self.late >= 0:
            return {"events": []}
        return {"events": [{"message": line} for line in (self.done.stdout + self.done.stderr).splitlines()]}
