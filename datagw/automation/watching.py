"""The switch of a job that looks by itself: a sensor, on from the start, for days, changes and new files."""

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
from datagw.automation.waiting import waiting_sensor_of
from datagw.jobs import Job, JobFile

_LOOKS_FOR = {
    "daily": "days of {name} that are over and not published",
    "change": "a change of the source of {name}",
    "new files": "new files of {name}",
}


def sensors_of(jobfile: JobFile) -> list[SensorDefinition]:
    """The switches of all jobs that have one that looks by itself."""
    jobs = [job for job in jobfile.jobs.values() if job.to]
    return [
        *(sensor_of(jobfile, job) for job in jobs if job.when in _LOOKS_FOR),
        *(waiting_sensor_of(jobfile, job, job.cron) for job in jobs if job.cron is not None and job.after),
    ]


def sensor_of(jobfile: JobFile, job: Job) -> SensorDefinition:
    """`JOB_due`: looks every `every`; what its ticks show is what it found, or why nothing is to be done."""

    @sensor(
        name=switch_name(job.name),
        asset_selection=AssetSelection.assets(*made_by(job)),
        minimum_interval_seconds=max(1, round(job.every.total_seconds())),
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Looks for {_LOOKS_FOR[job.when].format(name=job.name)}, and has them published",
    )
    def switch(context: SensorEvaluationContext) -> SensorResult:
        found = tick(jobfile, job, context, Memory.of(context.cursor))
        return SensorResult(
            run_requests=found.answer.requests,
            skip_reason=found.answer.reason or None,
            cursor=found.memory.cursor(),
            asset_events=found.events,
        )

    return switch
