"""AWS Batch as a place to run an asset's program, reporting through Dagster Pipes: what dagster-aws lacks.

The interface is that of dagster-aws' ``PipesECSClient``. The program runs in the job definition's container and uses
``open_dagster_pipes()``; what it prints, logs and reports arrives in the run, from CloudWatch Logs or from S3.
"""

import copy
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import dagster as dg
from dagster_pipes import (
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PIPES_PROTOCOL_VERSION_FIELD,
    PipesDefaultMessageWriter,
    decode_param,
)

from core.clock import Clock
from core.errors import HeadwaterError
from core.settings.base import environment
from resources.clients.aws.batch import BatchJobs, Job, check_request, check_success, job_name
from resources.clients.aws.batch_log import JobLog
from resources.clients.aws.sdk import aws_client
from resources.retries import RETRIES, Retries, failures_explained

# CloudWatch shows a line some seconds after it was printed, so also after the job that printed it has ended. A program
# that said that it begins is waited for longer until it has said that it ends: its results are in between.
LOG_DELAY, LONGEST_LOG_DELAY, LOG_PAUSE = 15.0, 60.0, 2.0


class PipesBatchLogsMessageReader(dg.PipesMessageReader):
    """Reads messages out of the job's own log, which needs no bucket. Everything else in it goes to stdout."""

    def __init__(self) -> None:
        self._handler: dg.PipesMessageHandler | None = None

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[dict[str, Any]]:
        self._handler = handler
        yield {PipesDefaultMessageWriter.STDIO_KEY: PipesDefaultMessageWriter.STDOUT}

    def handle(self, message: Any) -> None:
        """One message that stood in the log."""
        if self._handler:
            self._handler.handle_message(message)

    def no_messages_debug_text(self) -> str:
        return "Attempted to read messages from the Batch job's log in CloudWatch."


class PipesBatchClient(dg.PipesClient):
    """Runs an asset's program as a job on AWS Batch. Ask for it as ``dg.ResourceParam[PipesBatchClient]``.

    A step that is tried again, or a run that is retried, goes on with the job it submitted before if that still waits
    or runs; otherwise it submits a new one. Batch's own attempts are one.

    client, logs_client: boto3's for Batch and for CloudWatch Logs.
    context_injector: by default the context travels in the job's environment, with 8,192 characters for all overrides;
        dagster-aws' PipesS3ContextInjector has no such limit.
    message_reader: by default messages come through the job's log; dagster-aws' PipesS3MessageReader takes them from
        S3, sooner and of any length.
    forward_termination: stop the job when the run is cancelled.
    by_stage: how often a step is tried again, where that is not what all rooms do.
    """

    def __init__(
        self,
        client: Any = None,
        context_injector: dg.PipesContextInjector | None = None,
        message_reader: dg.PipesMessageReader | None = None,
        forward_termination: bool = True,
        *,
        logs_client: Any = None,
        clock: Clock | None = None,
        by_stage: Mapping[str, Retries] = RETRIES,
    ):
        self._client = client or aws_client("batch")
        self._logs = logs_client or aws_client("logs")
        self._clock, self._by_stage = clock or Clock(), by_stage
        self._context_injector = context_injector or dg.PipesEnvContextInjector()
        self._message_reader = message_reader or PipesBatchLogsMessageReader()
        self.forward_termination = forward_termination

    def run(  # type: ignore[override]
        self,
        *,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        submit_job_params: Mapping[str, Any],
        extras: dict[str, Any] | None = None,
    ) -> dg.PipesClientCompletedInvocation:
        """Run one job to its end.

        submit_job_params: of boto3's ``submit_job``: jobName, jobQueue, jobDefinition and what else is needed. The
            name is completed by what makes it this step's of this run. Secrets belong in the job definition.
        extras: what the program finds in its Pipes context besides.

        Raises:
            dagster.RetryRequested, dagster.Failure: as ``resources/retries.py`` decides, when the job fails.
        """
        run, op, jobs = context.run, context.op_execution_context, BatchJobs(self._client, self._clock)
        identity = run.root_run_id or run.run_id, str(op.op_handle), op.get_mapping_key() or ""
        request = {**submit_job_params, "jobName": job_name(submit_job_params["jobName"], *identity)}
        with failures_explained(by_stage=self._by_stage):
            running = jobs.unfinished(request["jobQueue"], request["jobName"])
            reader = _reader(self._message_reader, running)
            with dg.open_pipes_session(
                context=context, context_injector=self._context_injector, message_reader=reader, extras=extras
            ) as session:
                try:
                    if running:
                        context.log.info(f"[pipes] Batch job {running.id} still {running.status}: going on with it")
                        job_id = running.id
                    else:
                        job_id = jobs.submit(_with_session(request, session))
                        context.log.info(f"[pipes] Batch job {job_id} submitted as {request['jobName']}")
                    job = self._follow(jobs, job_id, reader, session)
                except dg.DagsterExecutionInterruptedError:
                    if self.forward_termination:
                        _terminate(context, jobs, request)
                    raise
            check_success(job)
        return dg.PipesClientCompletedInvocation(session, metadata=self._metadata(job))

    def _follow(self, jobs: BatchJobs, job_id: str, reader: dg.PipesMessageReader, session: dg.PipesSession) -> Job:
        """The ended job; what it printed meanwhile has been passed on."""
        log = None
        for job in jobs.follow(job_id):
            if log is None and job.log_stream and job.log_group:
                log = JobLog(self._logs, job.log_group, job.log_stream)
            if log:
                _pass_on(log, reader)
        waited, messages = 0.0, session.message_handler
        while log and not messages.received_closed_message:
            if waited >= (LONGEST_LOG_DELAY if messages.received_opened_message else LOG_DELAY):
                break
            self._clock.sleep(LOG_PAUSE)
            waited += LOG_PAUSE
            _pass_on(log, reader)
        return job

    def _metadata(self, job: Job) -> dict[str, dg.MetadataValue]:
        region = self._client.meta.region_name
        console = f"https://{region}.console.aws.amazon.com/batch/home?region={region}#jobs/detail/{job.id}"
        return {"AWS Batch Job URL": dg.MetadataValue.url(console), "AWS Batch job": dg.MetadataValue.text(job.id)}


def _reader(pattern: dg.PipesMessageReader, running: Job | None) -> Any:
    """A reader for one session: dagster-aws' readers count messages, and go on counting in the next session.

    For a job that runs already it reads where that job was told to write.
    """
    reader: Any = copy.copy(pattern)
    if hasattr(reader, "log_readers"):
        reader.log_readers = dict(reader.log_readers)
    told = running.environment.get(DAGSTER_PIPES_MESSAGES_ENV_VAR) if running else None
    if told and hasattr(reader, "get_params"):
        reader.get_params = lambda: nullcontext(decode_param(told))
    return reader


def _with_session(request: Mapping[str, Any], session: dg.PipesSession) -> dict[str, Any]:
    """The request with what connects the program to the session, and with the run's identity as tags."""
    overrides = request.get("containerOverrides", {})
    connection = [{"name": name, "value": value} for name, value in session.get_bootstrap_env_vars().items()]
    complete = {
        **request,
        "containerOverrides": {**overrides, "environment": [*overrides.get("environment", ()), *connection]},
        "tags": {**session.default_remote_invocation_info, **request.get("tags", {})},
        "propagateTags": True,
    }
    check_request(complete, environment())
    return complete


def _terminate(context: dg.OpExecutionContext | dg.AssetExecutionContext, jobs: BatchJobs, request: Any) -> None:
    """Stop the request's job, found by its name: the interruption may have come before its id did."""
    try:
        if job := jobs.unfinished(request["jobQueue"], request["jobName"]):
            context.log.warning(f"[pipes] run interrupted, terminating Batch job {job.id}")
            jobs.terminate(job.id, "Dagster's run was interrupted")
    except HeadwaterError as error:
        context.log.warning(f"[pipes] run interrupted; its Batch job {request['jobName']} could not be ended: {error}")


def _pass_on(log: JobLog, reader: dg.PipesMessageReader) -> None:
    """New lines of the log: messages to the reader if it takes them from there, the rest to this step's stdout."""
    for line in log.new_lines():
        message = _message(line)
        if message is None:
            sys.stdout.write(f"{line}\n")
        elif isinstance(reader, PipesBatchLogsMessageReader):
            reader.handle(message)
    sys.stdout.flush()


def _message(line: str) -> dict[str, Any] | None:
    """The Pipes message that the line is, if it is one."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and PIPES_PROTOCOL_VERSION_FIELD in found else None
