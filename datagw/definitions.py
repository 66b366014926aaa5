"""What Dagster loads: the job file as assets, resources and switches. Reaches no gateway, reads no secret.

The job file is that of DATAGW_JOBS, else `jobs.toml` in the current folder, else the example that comes with datagw.
"""

import gc
import logging
import os
from contextlib import ExitStack
from pathlib import Path

from dagster import Definitions, in_process_executor

from datagw.assets.graph import assets_of, broken_of, resources_of
from datagw.automation.janitor import janitor_of
from datagw.automation.schedules import schedules_of
from datagw.automation.watching import sensors_of
from datagw.errors import LedgerError
from datagw.jobs import JobFile, load
from datagw.jobs.state import ledger_exists, ledger_url
from datagw.ledger.ledger import Ledger

_log = logging.getLogger("datagw")


def definitions_of(jobfile: JobFile) -> Definitions:
    """The definitions of a job file. Jobs with mistakes are shown as such, and take no other down."""
    if jobfile.problems:
        told = "\n".join(str(problem) for problem in jobfile.problems[:20])
        _log.warning("the job file has mistakes (%d); `datagw check` tells them all:\n%s", len(jobfile.problems), told)
    jobs = jobfile.jobs.values()
    with ExitStack() as stack:
        if gc.isenabled():
            gc.disable()  # all that is made here stays, and to look through it on the way takes a fifth of the time
            stack.callback(gc.enable)
        ledger = _ledger(jobfile, stack) if any(job.dated and job.start == "first" for job in jobs) else None
        assets = [asset for job in jobs for asset in assets_of(jobfile, job, ledger)]
        return Definitions(
            assets=[*assets, *broken_of(jobfile)],
            resources=resources_of(jobfile),
            sensors=[*sensors_of(jobfile), janitor_of(jobfile)],
            schedules=schedules_of(jobfile),
            executor=in_process_executor,
        )


def _ledger(jobfile: JobFile, stack: ExitStack) -> Ledger | None:
    """The ledger, to be read; none is made for this, and one that cannot be read is told of."""
    try:
        return stack.enter_context(Ledger.open(ledger_url(jobfile))) if ledger_exists(jobfile) else None
    except LedgerError as error:
        _log.warning("days start at 2000-01-01 until the ledger can be read: %s", error)
        return None


def _example() -> Path | None:
    if os.environ.get("DATAGW_JOBS") or Path("jobs.toml").exists():
        return None
    here = Path(__file__).resolve().parent
    return next(path for path in (here / "examples/jobs.toml", here.parent / "examples/jobs.toml") if path.exists())


defs = definitions_of(load(_example()))
