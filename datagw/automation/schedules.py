"""The switch of a job with a cron line: a schedule, on from the start, that asks the same plan.

A job that comes after others has a sensor instead (see `waiting.py`), because its turn may have to wait for them.
"""

from collections.abc import Iterator

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from datagw.assets.names import ASSET_JOB, switch_name
from datagw.automation.looking import tick
from datagw.jobs import Job, JobFile


def schedules_of(jobfile: JobFile) -> list[ScheduleDefinition]:
    """The switches of all jobs that have a cron line, and come after no others."""
    jobs = [job for job in jobfile.jobs.values() if job.to and not job.after]
    return [schedule_of(jobfile, job, job.cron) for job in jobs if job.cron is not None]


def schedule_of(jobfile: JobFile, job: Job, cron: str) -> ScheduleDefinition:
    """`JOB_due`: asks at the times of the cron line, in the job's time zone, for all that is due then."""

    @schedule(
        name=switch_name(job.name),
        cron_schedule=cron,
        execution_timezone=job.timezone,
        job_name=ASSET_JOB,  # each request says which assets; a job of its own would cost ten times as much to load
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Has published what is due of {job.name} at {cron} ({job.timezone})",
    )
    def switch(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        found = tick(jobfile, job, context)
        for event in found.events:
            context.instance.report_runless_asset_event(event)
        if not found.answer.requests:
            yield SkipReason(found.answer.reason)
        yield from found.answer.requests

    return switch
