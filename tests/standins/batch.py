"""AWS Batch on loopback: the four calls that a client makes, answered as the service answers them.

moto's Batch wants Docker to run a job, and its simple mode ends a job the moment it is submitted. Here a job is a real
process: it gets the definition's environment, the overrides and the secrets' values, and what it prints goes to
CloudWatch Logs (moto's). A job goes one state further each time it is described, and runs until its process ends.
"""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOG_GROUP = "/headwater/batch"
WAITING = ("SUBMITTED", "RUNNABLE", "STARTING")


@dataclass
class BatchJob:
    request: dict[str, Any]
    status: str = "SUBMITTED"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    reason: str | None = None
    process: subprocess.Popen | None = None
    stopping: bool = False
    stream: str | None = None
    printed: threading.Thread | None = None


class BatchApi:
    """definitions: by name, the command and what else register_job_definition takes of a container.

    faults: answers given, one each, to the next calls instead of the right one: (HTTP status, error code).
    calls: those answered rightly, in order.
    """

    def __init__(self, logs: Any, secrets: Mapping[str, str] | None = None):
        self.definitions: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, BatchJob] = {}
        self.faults: list[tuple[int, str]] = []
        self.calls: list[str] = []
        self._logs, self._secrets = logs, dict(secrets or {})
        self._lock = threading.Lock()

    def answer(self, call: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            if self.faults:
                status, code = self.faults.pop(0)
                return status, {"__type": code, "message": "a fault that a test planted"}
            self.calls.append(call)
            return getattr(self, f"_{call}")(request)

    def _submitjob(self, request):
        if request["jobDefinition"] not in self.definitions:
            return _refused(f"JobDefinition not found: {request['jobDefinition']}")
        size = len(json.dumps(request))
        if size > 30 * 1024:
            return _refused(f"Job size must be less than 30 KiB, got {size // 1024} KiB")
        job = BatchJob(request)
        if len(json.dumps(request.get("containerOverrides", {}), separators=(",", ":"))) > 8192:
            job.status, job.reason = "FAILED", "Container Overrides length must be at most 8192"
        self.jobs[job.id] = job
        return 200, {"jobId": job.id, "jobName": request["jobName"]}

    def _listjobs(self, request):
        (filter_,) = request["filters"]
        found = [job for job in self.jobs.values() if job.request["jobName"] in filter_["values"]]
        found = [job for job in found if job.request["jobQueue"] == request["jobQueue"]]
        summaries = [{"jobId": job.id, "jobName": job.request["jobName"], "status": job.status} for job in found]
        return 200, {"jobSummaryList": summaries}

    def _describejobs(self, request):
        found = [self.jobs[id_] for id_ in request["jobs"] if id_ in self.jobs]
        for job in found:
            self._advance(job)
        return 200, {"jobs": [self._description(job) for job in found]}

    def _terminatejob(self, request):
        job = self.jobs[request["jobId"]]
        job.stopping, job.reason = True, request["reason"]
        if job.process and job.process.poll() is None:
            job.process.terminate()
        elif job.status in WAITING:
            job.status = "FAILED"
        return 200, {}

    def _advance(self, job):
        if job.status in WAITING[:-1]:
            job.status = WAITING[WAITING.index(job.status) + 1]
        elif job.status == "STARTING":
            self._start(job)
        elif job.status == "RUNNING" and job.process.poll() is not None and not job.printed.is_alive():
            job.status = "SUCCEEDED" if job.process.returncode == 0 else "FAILED"
            job.reason = job.reason or "Essential container in task exited"

    def _start(self, job):
        definition = self.definitions[job.request["jobDefinition"]]
        overrides = job.request.get("containerOverrides", {})
        environment = {entry["name"]: self._secrets[entry["valueFrom"]] for entry in definition.get("secrets", ())}
        for entry in (*definition.get("environment", ()), *overrides.get("environment", ())):
            environment[entry["name"]] = entry["value"]
        job.stream = f"{job.request['jobDefinition']}/default/{job.id}"
        self._logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=job.stream)
        job.process = subprocess.Popen(
            overrides.get("command") or definition["command"],
            env={"PATH": os.environ["PATH"], "AWS_BATCH_JOB_ID": job.id, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        job.printed = threading.Thread(target=self._log, args=(job,))
        job.printed.start()
        job.status = "RUNNING"

    def _log(self, job):
        for line in job.process.stdout:
            event = {"timestamp": time.time_ns() // 1_000_000, "message": line.rstrip("\n")}
            self._logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=job.stream, logEvents=[event])
        job.process.wait()

    def _description(self, job):
        definition = self.definitions[job.request["jobDefinition"]]
        overrides = job.request.get("containerOverrides", {})
        container = {
            "environment": [*definition.get("environment", ()), *overrides.get("environment", ())],
            "secrets": definition.get("secrets", []),
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": LOG_GROUP}},
        }
        container |= {"logStreamName": job.stream} if job.stream else {}
        container |= (
            {"exitCode": job.process.returncode} if job.status in ("SUCCEEDED", "FAILED") and job.process else {}
        )
        found = {
            **{name: job.request[name] for name in ("jobName", "jobQueue", "jobDefinition")},
            "jobId": job.id,
            "status": job.status,
            "startedAt": 0,
            "isTerminated": job.stopping,
            "isCancelled": False,
            "container": container,
        }
        return found | ({"statusReason": job.reason} if job.reason else {})

    def stop(self) -> None:
        for job in self.jobs.values():
            if job.process and job.process.poll() is None:
                job.process.kill()
            if job.printed:
                job.printed.join()


def _refused(message):
    return 400, {"__type": "ClientException", "message": message}


class BatchServer:
    """The API over HTTP, where boto3's ``endpoint_url`` may point."""

    def __init__(self, api: BatchApi):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = api.answer(self.path.rsplit("/", 1)[-1], json.loads(body or b"{}"))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status >= 400:
                    self.send_header("x-amzn-ErrorType", answer["__type"])
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def program(source: str) -> list[str]:
    """The command of a job that runs Python source in this environment."""
    return [sys.executable, "-c", source]
