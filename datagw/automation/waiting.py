"""The switch of a job with a cron line that comes after other jobs: its turn waits for them, and is not lost."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dagster import (
    AssetSelection,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from datagw.assets.names import switch_name
from datagw.assets.shape import made_by
from datagw.automation.looking import tick
from datagw.automation.memory import Memory
from datagw.jobs import Job, JobFile

_EVERY = 10  # seconds
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    **dict.fromkeys(["@yearly", "@annually"], "0 0 1 1 *"),
}


def waiting_sensor_of(
    jobfile: JobFile, job: Job, cron: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> SensorDefinition:
    """`JOB_due`: from each moment of the cron line on, looks until nothing waits for the other jobs any more.

    The moments before it was first switched on, and all but the last of those that it missed, are left out.
    """

    @sensor(
        name=switch_name(job.name),
        asset_selection=AssetSelection.assets(*made_by(job)),
        minimum_interval_seconds=_EVERY,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Has what is due of {job.name} done at {cron} ({job.timezone}), after {', '.join(job.after)}",
    )
    def switch(context: SensorEvaluationContext) -> SensorResult:
        memory, at = Memory.of(context.cursor), now()
        last = moment_of(cron, job.zone, at, before=True)
        if memory.served is None or last <= memory.served:
            memory.served = memory.served or at
            following = moment_of(cron, job.zone, at, before=False)
            return SensorResult(
                skip_reason=f"its next turn is at {following:%Y-%m-%d %H:%M} ({job.timezone})", cursor=memory.cursor()
            )
        found = tick(jobfile, job, context, memory)
        if not found.answer.held:
            found.memory.served = at
        return SensorResult(
            run_requests=found.answer.requests,
            skip_reason=found.answer.reason or None,
            cursor=found.memory.cursor(),
            asset_events=found.events,
        )

    return switch


def moment_of(cron: str, zone: ZoneInfo, at: datetime, *, before: bool) -> datetime:
    """The last moment of a cron line before `at`, or the next one, in its zone."""
    from cronsim import CronSim

    return next(CronSim(_NAMED.get(cron, cron), at.astimezone(zone), reverse=before))
