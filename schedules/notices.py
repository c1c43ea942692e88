"""A notice of each failed run, after its retries, to the channels of the stage."""

from collections.abc import Mapping

import dagster as dg

from core.clock import Clock
from core.plain import one_line
from core.secrecy import hidden, keep_settings_secret
from core.settings.base import environment
from core.settings.stage import Stage
from resources.notices import tell
from resources.retries import sentence_of

# Dagster writes whether it will retry a run just after it has written that the run failed; the sensor may come between.
WILL_RETRY = "dagster/will_retry"
LOOKS, PAUSE = 4, 0.5
# Characters of a step's reason; all of it is on the run's page.
LONGEST_REASON = 500


@dg.run_failure_sensor(
    description="Tells of each failed run, once, after its retries.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    monitor_all_code_locations=False,
)
def failed_run_sensor(context: dg.RunFailureSensorContext) -> None:
    """One notice for the run; what becomes of the notice changes nothing about the run."""
    if will_be_retried(context.instance, context.dagster_run, Clock()):
        return
    environ = environment()
    keep_settings_secret(environ)
    for failure in tell(notice(context), environ):
        context.log.warning(failure)


def will_be_retried(instance: dg.DagsterInstance, run: dg.DagsterRun, clock: Clock) -> bool:
    """Whether Dagster starts the run again by itself; if it does not say in time, no, since two notices beat none."""
    for _ in range(LOOKS if instance.run_retries_enabled else 0):
        if WILL_RETRY in run.tags:
            return run.tags[WILL_RETRY] == "true"
        clock.sleep(PAUSE)
        run = instance.get_run_by_id(run.run_id) or run
    return run.tags.get(WILL_RETRY) == "true"


def notice(context: dg.RunFailureSensorContext) -> str:
    """What failed and where to look. The first two lines are what the old systems' filters look for."""
    run, stage = context.dagster_run, Stage.read()
    counts = context.instance.get_run_stats(run.run_id)
    lines = [
        f"DAG {run.job_name} failed",
        f"run ID: {run.run_id}",
        f"stage: {stage.stage}",
        f"partition: {_partition(run.tags)}",
        f"steps: {counts.steps_failed} failed, {counts.steps_succeeded} succeeded",
    ]
    if stage.url:
        lines.append(f"{stage.url.rstrip('/')}/runs/{run.run_id}")
    return "\n".join([*lines, *_reasons(context)])


def _partition(tags: Mapping[str, str]) -> str:
    first, last = (tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    return f"{first} to {last}" if first else tags.get("dagster/partition", "none")


def _reasons(context: dg.RunFailureSensorContext) -> list[str]:
    """Each failed step with the first line of its reason; the run's own reason where it did not get to a step."""
    reasons = []
    stats = context.instance.get_run_step_stats(context.dagster_run.run_id)
    attempts = {step.step_key: step.attempts or 1 for step in stats}
    for event in context.get_step_failure_events():
        said, cause = event.step_failure_data.user_failure_data, sentence_of(event.step_failure_data.error)
        reason = (said and said.description) or (cause.message if cause else "")
        times = attempts.get(event.step_key or "", 1)
        again = f" (attempt {times})" if times > 1 else ""
        reasons.append(f"{event.step_key}{again}: {_first_line(reason)}")
    return reasons or [_first_line(context.failure_event.message)]


def _first_line(text: str | None) -> str:
    """In bounded length; without secrets before it is cut, since of half a secret nobody knows that it is one."""
    return one_line(hidden(next(iter((text or "").strip().splitlines()), "no reason given")), LONGEST_REASON)


SENSORS = (failed_run_sensor,)
