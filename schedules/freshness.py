"""Whether the newest day is there: a check of each daily asset that is due at an hour, looked at every hour.

Dagster's freshness policies ask when something was last written: a backfill of old days makes an asset fresh while
yesterday is missing. This check asks for the day. It exists where schedules run, in preprod and prod: nothing is due on
a laptop.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import dagster as dg

from core.clock import Clock
from core.windows import ONE_DAY
from schedules.declared import SENSOR_STATUS
from schedules.stages import newest

NAME = "newest_day_is_there"
# How far back the newest day is looked for, to name it.
LOOKED_BACK = 60


def due_hours(assets: Iterable[Any]) -> dict[dg.AssetKey, time]:
    """The daily assets whose freshness policy has a deadline, each with that hour, UTC."""
    found = {}
    for asset in assets:
        for spec in asset.specs:
            policy = spec.freshness_policy
            # Of Dagster's policies, those by cron alone have a deadline.
            deadline = getattr(policy, "deadline_cron", None)
            if deadline and isinstance(spec.partitions_def, dg.DailyPartitionsDefinition):
                minute, hour = deadline.split()[:2]
                found[spec.key] = time(int(hour), int(minute))
    return found


def newest_due(now: datetime, due: time) -> date:
    """The newest day that has to be there: yesterday once its hour has come, the day before until then."""
    return now.date() - (ONE_DAY if now.time() >= due else 2 * ONE_DAY)


def told(instance: dg.DagsterInstance, key: dg.AssetKey, due: time, now: datetime) -> tuple[bool, str]:
    """Whether the newest day that is due is there, of a run that succeeded, and a sentence about it."""
    wanted = newest_due(now, due)
    days = [str(now.date() - distance * ONE_DAY) for distance in range(LOOKED_BACK)]
    there = max((day for day, written in newest(instance, key, days).items() if written.succeeded), default=None)
    said = f"The newest complete day is {there}" if there else f"No day of the last {LOOKED_BACK} is complete"
    if there and there >= str(wanted):
        return True, f"{said}."
    return False, f"{said}; {wanted} was due at {due:%H:%M} UTC. python -m commands missing lists what to start."


def newest_day_checks(assets: Iterable[Any]) -> tuple[dg.AssetChecksDefinition, dg.SensorDefinition]:
    """One check for each daily asset, in one step, and the sensor that starts it every hour."""
    hours = due_hours(assets)
    description = "The newest day that is due was written by a run that succeeded."
    specs = [dg.AssetCheckSpec(NAME, asset=key, description=description) for key in hours]

    @dg.multi_asset_check(name=NAME, specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        now = Clock().now().astimezone(UTC)
        for selected in sorted(context.selected_asset_check_keys, key=str):
            passed, said = told(context.instance, selected.asset_key, hours[selected.asset_key], now)
            yield dg.AssetCheckResult(
                asset_key=selected.asset_key,
                check_name=NAME,
                passed=passed,
                severity=dg.AssetCheckSeverity.WARN,
                description=said,
            )

    @dg.sensor(
        name=f"{NAME}_sensor",
        target=dg.AssetSelection.checks(check),
        minimum_interval_seconds=3600,
        default_status=SENSOR_STATUS,
        description="Looks every hour whether the newest day of each daily asset is there.",
    )
    def look() -> dg.RunRequest:
        return dg.RunRequest()

    return check, look
