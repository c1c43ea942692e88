"""Jobs on AWS Batch: submitted once, found again by name, followed to their end, cancelled.

Batch itself is the record of what runs: a job's name says which step of which run it is for, so that a caller that
comes back after a crash finds the job it submitted, with nothing written anywhere that could be lost in between.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from core.clock import Clock
from core.errors import JobFailed, JobInterrupted, PermanentError, TransientError
from core.plain import one_line
from core.secrecy import SHORTEST
from core.settings.listing import all_settings

# Characters of JSON. Batch takes a longer override and fails the job afterwards, when it hands it to ECS.
LONGEST_OVERRIDES = 8192
LONGEST_REQUEST = 30 * 1024
LONGEST_NAME = 128

ENDED = ("SUCCEEDED", "FAILED")
# A job waits for minutes on a machine and runs for hours: soon at first, and after each change of its status.
FIRST_PAUSE, LONGEST_PAUSE, SLOWER = 2.0, 30.0, 1.5
# Seconds for which Batch may not answer before whoever follows a job gives up; the job itself goes on.
LONGEST_OUTAGE = 600.0

# sysexits.h, EX_TEMPFAIL: how a program says that it is to be tried again.
TEMPORARY_FAILURE = 75
_MACHINE_LOST = re.compile(
    r"Host EC2 .* terminated|Spot|Timeout waiting for network|CapacityUnavailable", re.IGNORECASE
)
_REFUSED = ("AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId")


@dataclass(frozen=True)
class Job:
    """A job as Batch describes it.

    stopping: somebody asked for its end. environment: what it was started with, references to secrets excluded.
    """

    id: str
    name: str
    status: str
    reason: str | None = None
    exit_code: int | None = None
    log_group: str | None = None
    log_stream: str | None = None
    stopping: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def job_name(prefix: str, *identity: str) -> str:
    """A name that the same identity always gives, and no other: what a job is found by."""
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:20]
    return f"{prefix[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def check_request(request: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Refuse a SubmitJob request that Batch would take and then fail, or that says a secret aloud.

    environ: where the secret settings' values are; the request may hold none, and set no such setting. One of fewer
        letters than ``SHORTEST`` is part of too many names to be looked for.

    Raises:
        PermanentError: saying what to do instead.
    """
    size = len(json.dumps(request.get("containerOverrides", {}), separators=(",", ":")))
    if size > LONGEST_OVERRIDES or len(json.dumps(request)) > LONGEST_REQUEST:
        raise PermanentError(
            f"AWS Batch: the container overrides of {request['jobName']} have {size:,} characters, ECS takes "
            f"{LONGEST_OVERRIDES:,}. Pass what is large by S3: PipesBatchClient(context_injector="
            "PipesS3ContextInjector(...)), or shorten the extras."
        )
    if request.get("arrayProperties") or request.get("nodeOverrides"):
        raise PermanentError(
            f"AWS Batch: {request['jobName']} is to run as an array or on several nodes; Pipes follows one container. "
            "Submit one job for each partition."
        )
    text = json.dumps(request)
    overridden = {entry["name"] for entry in request.get("containerOverrides", {}).get("environment", ())}
    for setting in all_settings():
        value = environ.get(setting.name, "")
        said = len(value) >= SHORTEST and json.dumps(value)[1:-1] in text
        if setting.secret and (setting.name in overridden or said):
            raise PermanentError(
                f"AWS Batch: the request for {request['jobName']} holds {setting.name}, which anybody who may describe "
                "jobs could read. Name it under `secrets` in the job definition instead (deploy/batch/)."
            )


class BatchJobs:
    """Jobs of one account and region.

    client: boto3's for Batch; it retries throttled calls itself.
    """

    def __init__(self, client: Any, clock: Clock):
        self._client, self._clock = client, clock

    def submit(self, request: Mapping[str, Any]) -> str:
        """Submit a job with a single attempt and return its id.

        A second attempt of Batch's would talk over the messages of the first; whether to try again is the run's
        decision, by the error's type.

        Raises:
            PermanentError, JobInterrupted: when Batch does not take it.
        """
        try:
            return self._client.submit_job(**{**request, "retryStrategy": {"attempts": 1}})["jobId"]
        except (ClientError, BotoCoreError) as error:
            raise _failed(f"submit {request['jobName']} to {request['jobQueue']}", error) from error

    def unfinished(self, queue: str, name: str) -> Job | None:
        """The job of that name that waits or runs in the queue; None when there is none."""
        filters = [{"name": "JOB_NAME", "values": [name]}]
        try:
            pages = self._client.get_paginator("list_jobs").paginate(jobQueue=queue, filters=filters)
            ids = [job["jobId"] for page in pages for job in page["jobSummaryList"] if job["status"] not in ENDED]
        except (ClientError, BotoCoreError) as error:
            raise _failed(f"list the jobs of {queue}", error) from error
        found = (self.describe(job_id) for job_id in ids)
        return next((job for job in found if not job.stopping and not job.ended), None)

    def describe(self, job_id: str) -> Job:
        """The job as it is now."""
        try:
            jobs = self._client.describe_jobs(jobs=[job_id])["jobs"]
        except (ClientError, BotoCoreError) as error:
            raise _failed(f"describe job {job_id}", error) from error
        if not jobs:
            raise PermanentError(f"AWS Batch: there is no job {job_id} (any more). Materialize the partition again.")
        return _job(jobs[0])

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job at growing intervals, until and including its end.

        Raises:
            JobInterrupted: when Batch has not answered for ten minutes. The job goes on.
        """
        pause, status, silent = FIRST_PAUSE, None, 0.0
        while True:
            try:
                job = self.describe(job_id)
            except TransientError:
                silent += pause
                if silent > LONGEST_OUTAGE:
                    raise
            else:
                silent = 0.0
                yield job
                if job.ended:
                    return
                if job.status != status:
                    pause, status = FIRST_PAUSE, job.status
            self._clock.sleep(pause)
            pause = min(pause * SLOWER, LONGEST_PAUSE)

    def terminate(self, job_id: str, reason: str) -> None:
        """Cancel a job that waits, stop one that runs; nothing happens to one that has ended."""
        try:
            self._client.terminate_job(jobId=job_id, reason=reason)
        except (ClientError, BotoCoreError) as error:
            raise _failed(f"terminate job {job_id}", error) from error


def check_success(job: Job) -> None:
    """Tell why an ended job failed.

    Raises:
        JobInterrupted: when its machine was taken away, or its program asks to be tried again.
        JobFailed: for any other end but success.
    """
    if job.status == "SUCCEEDED":
        return
    code = "" if job.exit_code is None else f", exit code {job.exit_code}"
    story = f"AWS Batch: job {job.id} ({job.name}) failed: {job.reason or 'no reason given'}{code}."
    if job.exit_code == TEMPORARY_FAILURE or _MACHINE_LOST.search(job.reason or ""):
        raise JobInterrupted(f"{story} Run again.")
    where = f"log stream {job.log_stream} of {job.log_group}" if job.log_stream else "job's page in the Batch console"
    raise JobFailed(f"{story} What it said is in this run's output and in the {where}.")


def _job(answer: Mapping[str, Any]) -> Job:
    container = answer.get("container", {})
    options = container.get("logConfiguration", {}).get("options", {})
    reasons = [answer.get("statusReason"), container.get("reason")]
    return Job(
        id=answer["jobId"],
        name=answer["jobName"],
        status=answer["status"],
        reason="; ".join(reason for reason in reasons if reason) or None,
        exit_code=container.get("exitCode"),
        log_group=options.get("awslogs-group", "/aws/batch/job"),
        log_stream=container.get("logStreamName"),
        stopping=bool(answer.get("isTerminated") or answer.get("isCancelled")),
        environment={entry["name"]: entry.get("value", "") for entry in container.get("environment", ())},
    )


def _failed(operation: str, error: ClientError | BotoCoreError) -> TransientError | PermanentError:
    response = error.response if isinstance(error, ClientError) else {}
    code = response.get("Error", {}).get("Code", type(error).__name__)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    message = f"AWS Batch: cannot {operation}: {one_line(error, 500)}."
    if code in _REFUSED or type(error).__name__ in ("NoCredentialsError", "NoRegionError", "ParamValidationError"):
        return PermanentError(f"{message} Check the role's rights (deploy/batch/iam/) and AWS_REGION.")
    if 400 <= status < 500 and "TooManyRequests" not in code and "Throttl" not in code:
        return PermanentError(f"{message} Check the queue's and the job definition's names (deploy/batch/).")
    return JobInterrupted(f"{message} Run again; a job that runs is found by its name.")
