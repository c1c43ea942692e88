"""ECS as a place to run an asset's program, reporting through Dagster Pipes, with the old system's rules.

Messages come through CloudWatch Logs after the task's end: the old task definitions have no bucket for them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg
from dagster_pipes import PIPES_PROTOCOL_VERSION_FIELD, PipesDefaultMessageWriter, PipesMessage

from core.clock import Clock
from core.errors import HeadwaterError, TransientError
from resources.clients.aws.ecs import EcsTasks, Task, task_request
from resources.clients.aws.sdk import aws_client

# How often the log of a task that ended well is looked into until its messages are there, and seconds between.
LOG_LOOKS, LOG_PAUSE = 6, 5.0


@dataclass(frozen=True)
class EcsPlace:
    """Where tasks run."""

    cluster: str
    launch_type: str
    subnets: Sequence[str]
    security_groups: Sequence[str]


class _LogMessages(dg.PipesMessageReader):
    """Takes messages out of the lines of the task's log."""

    def __init__(self) -> None:
        self._handler: dg.PipesMessageHandler | None = None

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[dict[str, Any]]:
        self._handler = handler
        yield {PipesDefaultMessageWriter.STDIO_KEY: PipesDefaultMessageWriter.STDOUT}

    def read(self, lines: Sequence[str]) -> bool:
        """Pass on the messages among the lines; whether there were any."""
        any_found = False
        for line in lines:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if self._handler and isinstance(found, dict) and PIPES_PROTOCOL_VERSION_FIELD in found:
                self._handler.handle_message(cast("PipesMessage", found))
                any_found = True
        return any_found

    def no_messages_debug_text(self) -> str:
        return "Attempted to read messages from the ECS task's log in CloudWatch."


class PipesEcsTasks(dg.PipesClient):
    """Runs an asset's program as a task on ECS. client, logs_client: boto3's."""

    def __init__(
        self, client: Any = None, logs_client: Any = None, clock: Clock | None = None, pause: float | None = None
    ):
        self._clock = clock or Clock()
        more = {} if pause is None else {"pause": pause}
        self._tasks = EcsTasks(client or aws_client("ecs"), logs_client or aws_client("logs"), clock, **more)

    def run(  # type: ignore[override]
        self,
        *,
        context: dg.AssetExecutionContext,
        definition: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        place: EcsPlace,
        tags: Mapping[str, str],
        extras: dict[str, Any] | None = None,
    ) -> dg.PipesClientCompletedInvocation:
        """Run one task to its end; stop it when the run is cancelled, or nobody can tell any more how it goes.

        Raises:
            HeadwaterError: when it does not start, or ends otherwise than with 0.
        """
        reader, task = _LogMessages(), None
        with dg.open_pipes_session(
            context=context, context_injector=dg.PipesEnvContextInjector(), message_reader=reader, extras=extras
        ) as session:
            request = task_request(
                definition,
                command,
                {**environment, **session.get_bootstrap_env_vars()},
                cluster=place.cluster,
                launch_type=place.launch_type,
                subnets=place.subnets,
                security_groups=place.security_groups,
                tags={**session.default_remote_invocation_info, **tags},
            )
            try:
                task = self._tasks.start(request, context.log.warning)
                context.log.info(f"[pipes] ECS task {task.id} started of {definition}")
                *_, ended = self._tasks.follow(place.cluster, task, definition)
            except (dg.DagsterExecutionInterruptedError, TransientError) as error:
                self._cancel(context, place.cluster, task, error)
                raise
            self._report(reader, definition, ended)
        self._tasks.check(definition, ended)
        return dg.PipesClientCompletedInvocation(session, metadata={"ECS task": dg.MetadataValue.text(ended.id)})

    def _report(self, reader: _LogMessages, definition: str, ended: Task) -> None:
        """Read what the task told. Its last lines may reach the log after its end; without them it told nothing."""
        for _ in range(LOG_LOOKS):
            if reader.read(self._tasks.last_lines(definition, ended)) or ended.exit_code != 0:
                return
            self._clock.sleep(LOG_PAUSE)

    def _cancel(self, context: dg.AssetExecutionContext, cluster: str, task: Task | None, error: BaseException) -> None:
        """Stop a task that nobody follows any more: a step that is tried again starts another one."""
        if task is None:
            return
        why = "ECS does not answer" if isinstance(error, TransientError) else "run interrupted"
        try:
            context.log.warning(f"[pipes] {why}, stopping ECS task {task.id}")
            self._tasks.stop(cluster, task, f"Dagster: {why}")
        except HeadwaterError as unstopped:
            context.log.warning(f"[pipes] {why}; ECS task {task.id} could not be stopped: {unstopped}")
