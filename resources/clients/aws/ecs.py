"""Tasks on ECS: how one is asked for, started where there is room, followed to its end, and what it said last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.clock import Clock
from core.errors import JobFailed, JobInterrupted, TransientError
from resources.clients.aws.batch import LONGEST_OUTAGE, TEMPORARY_FAILURE
from resources.clients.aws.failures import AWS_FAILURES, aws_failure

# The old system's: a quarter of a CPU, and the least that AWS lets the temporary disk be.
CPU, MEMORY, DISK_GIB = "256", "512", 21
# ECS may have no room for a while; that, and nothing else, is asked again once.
NO_ROOM = "Capacity is unavailable at this time."
ATTEMPTS, PAUSE = 2, 15.0
POLL = 6.0
# ECS may not know a task for a while after it has started it.
LONGEST_UNKNOWN = 60.0
LONGEST = 26 * 3600.0
# Lines of the log that an error shows.
LAST_LINES = 200
SHOWN_LINES = 8_000
_REMEDY = "Check the role's rights, AWS_REGION, the cluster and the task definition."


@dataclass(frozen=True)
class Task:
    """A task as ECS describes it. exit_code: of its container; None when it has none."""

    arn: str
    status: str
    exit_code: int | None = None
    reason: str = ""

    @property
    def ended(self) -> bool:
        return self.status == "STOPPED"

    @property
    def id(self) -> str:
        return self.arn.rsplit("/", 1)[-1]


def task_request(
    definition: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    cluster: str,
    launch_type: str,
    subnets: Sequence[str],
    security_groups: Sequence[str],
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """What ``run_task`` is called with. The container has the task definition's name."""
    container = {
        "name": definition,
        "command": list(command),
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
    }
    # AWS refuses both for tasks on EC2: their machines have disks, and addresses, of their own.
    address, disk = (
        ({"assignPublicIp": "ENABLED"}, {"ephemeralStorage": {"sizeInGiB": DISK_GIB}})
        if launch_type == "FARGATE"
        else ({}, {})
    )
    network = {"subnets": list(subnets), "securityGroups": list(security_groups), **address}
    return {
        "cluster": cluster,
        "taskDefinition": definition,
        "launchType": launch_type,
        "count": 1,
        "networkConfiguration": {"awsvpcConfiguration": network},
        "overrides": {
            "cpu": CPU,
            "memory": MEMORY,
            **disk,
            "containerOverrides": [container],
        },
        "tags": [{"key": key[:128], "value": value[:256]} for key, value in tags.items()],
    }


class EcsTasks:
    """Tasks of one cluster. client, logs: boto3's for ECS and for CloudWatch Logs."""

    def __init__(self, client: Any, logs: Any, clock: Clock | None = None, pause: float = PAUSE):
        self._client, self._logs, self._clock, self._pause = client, logs, clock or Clock(), pause

    def start(self, request: Mapping[str, Any], told: Callable[[str], None]) -> Task:
        """Start a task. told: is told when there is no room, and that it is tried again.

        Raises:
            JobFailed: when ECS says why it does not start.
            JobInterrupted: when there is no room at the second attempt either.
            SettingError, TransientError: when ECS cannot be asked.
        """
        definition = request["taskDefinition"]
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._asked(f"start {definition}", lambda: self._client.run_task(**request))
            reasons = [str(failure.get("reason", "no reason given")) for failure in answer.get("failures", [])]
            if not reasons and answer.get("tasks"):
                return _task(answer["tasks"][0], definition)
            if not any(NO_ROOM in reason for reason in reasons):
                raise JobFailed(f"ECS: {definition} was not started: {'; '.join(reasons) or 'no task'}. {_REMEDY}")
            if attempt < ATTEMPTS:
                told(f"ECS: no room for {definition}; attempt {attempt} of {ATTEMPTS}, next in {self._pause:g} s")
                self._clock.sleep(self._pause)
        raise JobInterrupted(f"ECS: no room for {definition} after {ATTEMPTS} attempts ({reasons[0]}). Run again.")

    def follow(self, cluster: str, task: Task, container: str) -> Iterator[Task]:
        """The task every few seconds, until and including its end.

        Raises:
            JobFailed: when it is gone, or has not ended after 26 hours; then it is stopped.
            TransientError: when ECS has not answered for ten minutes. The task goes on.
        """
        began = heard = self._clock.monotonic()
        while True:
            try:
                now = self._described(cluster, task, container)
            except TransientError:
                if self._clock.monotonic() - heard > LONGEST_OUTAGE:
                    raise
            else:
                if now:
                    heard = self._clock.monotonic()
                    yield now
                    if now.ended:
                        return
                elif self._clock.monotonic() - heard > LONGEST_UNKNOWN:
                    raise JobFailed(
                        f"ECS: there is no task {task.id} in {cluster} (any more). Materialize the partition again."
                    )
            if self._clock.monotonic() - began > LONGEST:
                self.stop(cluster, task, "it ran for more than 26 hours")
                raise JobFailed(f"ECS: task {task.id} had not ended after 26 hours and was stopped.")
            self._clock.sleep(POLL)

    def _described(self, cluster: str, task: Task, container: str) -> Task | None:
        """The task as it is now; None when ECS knows of none."""
        asked = lambda: self._client.describe_tasks(cluster=cluster, tasks=[task.arn])  # noqa: E731
        found = self._asked(f"describe task {task.id}", asked).get("tasks")
        return _task(found[0], container) if found else None

    def stop(self, cluster: str, task: Task, reason: str) -> None:
        """Stop a task; nothing happens to one that has ended."""
        self._asked(
            f"stop task {task.id}", lambda: self._client.stop_task(cluster=cluster, task=task.arn, reason=reason)
        )

    def last_lines(self, definition: str, task: Task) -> list[str]:
        """The last 200 lines of the task's log; none when it cannot be read, which must not hide why it failed."""
        stream = f"ecs/{definition}/{definition}/{task.id}"
        try:
            page = self._logs.get_log_events(
                logGroupName=f"/ecs/{definition}", logStreamName=stream, limit=LAST_LINES, startFromHead=False
            )
        except AWS_FAILURES:
            return []
        return [str(event.get("message", "")) for event in page.get("events", [])][-LAST_LINES:]

    def check(self, definition: str, task: Task) -> None:
        """Tell why an ended task failed.

        Raises:
            JobInterrupted: with its last lines, when its program asks to be tried again.
            JobFailed: the same of any other end but 0. Without an exit code it did not end well.
        """
        if task.exit_code == 0:
            return
        code = "no exit code" if task.exit_code is None else f"exit code {task.exit_code}"
        lines = "\n".join(self.last_lines(definition, task))[-SHOWN_LINES:]
        said = f" Its last lines:\n{lines}" if lines else " Its log could not be read, or is empty."
        kind = JobInterrupted if task.exit_code == TEMPORARY_FAILURE else JobFailed
        raise kind(f"ECS: task {task.id} of {definition} failed with {code}: {task.reason or 'no reason given'}.{said}")

    def _asked(self, what: str, ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        try:
            return ask()
        except AWS_FAILURES as error:
            raise aws_failure(f"ECS: cannot {what}", error, _REMEDY) from error


def _task(answer: Mapping[str, Any], container: str) -> Task:
    containers = answer.get("containers") or []
    mine = next((one for one in containers if one.get("name") == container), containers[0] if containers else {})
    reasons = [answer.get("stoppedReason"), mine.get("reason")]
    code = mine.get("exitCode")
    return Task(
        arn=str(answer["taskArn"]),
        status=str(answer.get("lastStatus", "")),
        exit_code=code if isinstance(code, int) else None,
        reason="; ".join(str(reason) for reason in reasons if reason),
    )
