"""I19: each failed run is one notice, and a notifier that is down changes nothing."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from schedules.notices import failed_run_sensor

SECRET = "never-to-be-seen"


@pytest.fixture
def chat():
    """A chat system's webhook; ``told`` is what it was sent."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(chat.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format, *args):
            pass

    chat = HTTPServer(("127.0.0.1", 0), Handler)
    chat.told, chat.status, chat.url = told, 200, f"http://127.0.0.1:{chat.server_port}/{SECRET}"
    threading.Thread(target=chat.serve_forever, args=(0.05,), daemon=True).start()
    yield chat
    chat.shutdown()
    chat.server_close()


@dg.op
def falls_over():
    raise dg.Failure(description="the source is down", allow_retries=False)


@dg.job
def failing_job():
    falls_over()


def failed_run():
    instance = dg.DagsterInstance.ephemeral()
    result = failing_job.execute_in_process(
        instance=instance, raise_on_error=False, tags={"dagster/partition": "2024-01-02"}
    )
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_run_sensor",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    )
    return instance, result.run_id, context.for_run_failure()


def test_a_failed_run_is_one_notice_with_its_reason(chat, monkeypatch):
    monkeypatch.setenv("NOTICE_URL", chat.url)
    _, run_id, context = failed_run()
    failed_run_sensor(context)
    (told,) = chat.told
    assert told["text"].splitlines() == [
        "Failed in local: failing_job",
        "partition: 2024-01-02",
        f"run ID: {run_id}",
        "falls_over: the source is down",
    ]


@pytest.mark.parametrize("status", [500, None])
def test_a_notifier_that_is_down_changes_nothing(chat, monkeypatch, caplog, status):
    caplog.set_level("DEBUG")
    chat.status = status
    url = chat.url if status else f"http://127.0.0.1:1/{SECRET}"
    monkeypatch.setenv("NOTICE_URL", url)
    instance, run_id, context = failed_run()
    failed_run_sensor(context)
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
    assert SECRET not in caplog.text


def test_nobody_is_told_when_nobody_is_named(chat):
    failed_run_sensor(failed_run()[2])
    assert chat.told == []
