"""How a step ends: cancelled, failed as a whole, or with one failure that names all that failed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    DagsterExecutionInterruptedError,
    DagsterRunStatus,
    Failure,
)

from datagw.assets import metadata
from datagw.assets.attending import Onlooker
from datagw.assets.recording import log_results
from datagw.assets.unplanned import take_back
from datagw.errors import Aborted, DatagwError
from datagw.jobs import Job
from datagw.publishing.results import DayResult

_INTERRUPTS = (Aborted, KeyboardInterrupt, DagsterExecutionInterruptedError)


@contextmanager
def told_to(context: AssetExecutionContext, job: Job, who: Onlooker) -> Generator[None, None, None]:
    """A stretch of work whose end, if it is not the usual one, the onlooker and Dagster hear of."""
    try:
        yield
    except _INTERRUPTS as error:
        raise _cancelled(context, who, error) from error
    except DatagwError as error:
        who.error = error
        raise Failure(f"{job.name}: {error}", allow_retries=False) from error
    except Exception as error:
        who.error = error
        raise


def conclude(
    context: AssetExecutionContext, job: Job, done: Sequence[DayResult], checked: Sequence[AssetCheckResult]
) -> None:
    """One line on days that are neither published nor failed, and one failure that names all that failed."""
    for state in ("missing", "waiting", "unfinished"):
        found = [day.label for day in done if day.state == state]
        if found and done[0].day:
            some = ", ".join(found[:10]) + (", …" if len(found) > 10 else "")
            context.log.info(f"{len(found)} of {len(done)} days {state}: {some}")
    if any(day.state == "failed" for day in done):
        take_back(context, job, done)
        log_results(context, checked)
        text = metadata.failure_text(job, done)
        raise Failure(text, metadata=metadata.of_failure(job, done), allow_retries=False)


def _cancelled(context: AssetExecutionContext, who: Onlooker, error: BaseException) -> BaseException:
    """What ends the run as cancelled, not as failed: Dagster must have heard of the wish first."""
    who.error = error
    run = context.instance.get_run_by_id(context.run.run_id)
    if run is not None and run.status is DagsterRunStatus.STARTED:
        context.instance.report_run_canceling(run, message=str(error) or "the run was interrupted")
    return DagsterExecutionInterruptedError()
