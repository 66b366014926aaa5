"""What commands open: the job file, its jobs and gateways by name, the ledger, the world of a plan."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datagw.cli.settings import Settings
from datagw.cli.words import unknown
from datagw.errors import ConfigError

if TYPE_CHECKING:
    from datetime import date

    from datagw.gateways.base import Gateway
    from datagw.jobs import Job, JobFile
    from datagw.ledger.ledger import Ledger
    from datagw.publishing.world import World


def job_file(settings: Settings) -> JobFile:
    """The job file, with whatever is wrong inside; ConfigError where there is none."""
    from datagw.jobs import load

    return load(None if settings.config is None else Path(os.path.expanduser(settings.config)))


def job_file_path(file: JobFile) -> Path:
    """What `--config` would have to be, whole: the file, or the folder of several."""
    one, *others = file.paths
    return file.base if others else one.absolute()


def tell_errors(file: JobFile) -> bool:
    """Whether the job file has errors; one line of the log says so."""
    count = len(file.problems)
    if count:
        noun = "1 error, which is" if count == 1 else f"{count} errors, which are"
        logging.getLogger("datagw").warning("the job file has %s listed by `datagw check`", noun)
    return count > 0


def right_jobs(file: JobFile) -> list[Job]:
    """The jobs that can run, by name."""
    return [file.jobs[name] for name in sorted(file.jobs)]


def broken_jobs(file: JobFile) -> dict[str, list[str]]:
    """The others, by name, each with what is wrong."""
    return {name: [str(problem) for problem in problems] for name, problems in sorted(file.broken.items())}


def job_of(file: JobFile, name: str) -> Job:
    """The job of that name; ConfigError where it has errors, a usage error where there is none."""
    if name in file.jobs:
        return file.jobs[name]
    if name in file.broken:
        problems = tuple(str(problem) for problem in file.broken[name])
        raise ConfigError(f"the job {name} cannot run as it is written:", problems)
    raise click.UsageError(unknown("job", name, sorted({*file.jobs, *file.broken})))


def job_or_past(file: JobFile, ledger: Ledger, name: str) -> str:
    """The name of a job, of the job file or only of the ledger; a usage error for any other."""
    known = {*file.jobs, *file.broken}
    if name not in known and not ledger.runs(name) and next(ledger.receipts(name), None) is None:
        raise click.UsageError(unknown("job", name, sorted({*known, *(run.job for run in ledger.runs())})))
    return name


def gateway_of(file: JobFile, name: str) -> Gateway:
    """The gateway of that name; ConfigError where it has errors, a usage error where there is none."""
    if name in file.gateways:
        return file.gateways[name]
    problems = tuple(str(problem) for problem in file.report.under("gateways", name))
    if problems:
        raise ConfigError(f"the gateway {name} cannot be used as it is written:", problems)
    raise click.UsageError(unknown("gateway", name, sorted(file.gateways)))


def job_file_if_any(settings: Settings) -> JobFile | None:
    """The job file; None where nobody names one, and there is none here."""
    named = settings.config or os.environ.get("DATAGW_JOBS") or os.path.exists("jobs.toml")
    return job_file(settings) if named else None


def job_file_or_library(settings: Settings) -> JobFile:
    """The job file; where nobody names one, and there is none here, what the library has left in this folder."""
    from datagw.jobs.loading import no_job_file
    from datagw.jobs.state import ledger_exists

    file = job_file_if_any(settings)
    if file is None and ledger_exists(left := no_job_file(Path.cwd())):
        return left
    return file or job_file(settings)


def gateway_and_path(settings: Settings, place: str, file: JobFile | None = None) -> tuple[Gateway, str]:
    """The gateway and the path on it that `GATEWAY:PATH` names, taken letter by letter.

    `local:` needs no job file; its relative paths start at the folder of one, if there is one, else here.
    """
    name, colon, path = place.partition(":")
    if not colon:
        raise click.UsageError(
            f"Write GATEWAY:PATH, as in `institute:readings`; a path of this machine is `local:{place}`."
        )
    if name != "local":
        return gateway_of(file or job_file(settings), name), path
    from datagw.gateways.local import Local

    file = file or job_file_if_any(settings)
    base = Path.cwd() if file is None else file.base
    return Local.model_validate({"root": "/"}).using(name="local"), os.path.normpath(
        os.path.join(base, os.path.expanduser(path))
    ).lstrip("/")


@contextmanager
def open_ledger(file: JobFile) -> Iterator[Ledger]:
    """The ledger of the job file, made if need be."""
    from datagw.jobs.state import ledger_url
    from datagw.ledger.ledger import Ledger

    with Ledger.open(ledger_url(file)) as ledger:
        yield ledger


@contextmanager
def open_world(file: JobFile) -> Iterator[World]:
    """What a plan needs; it stages nothing."""
    from uuid import uuid4

    from datagw.publishing.world import World

    run = str(uuid4())
    with open_ledger(file) as ledger:
        yield World(ledger=ledger, gateways=file.gateways, tmp_dir=file.main.tmp_dir / run, run=run)


def world_for(file: JobFile, job: Job, world: World) -> World:
    """The world with all places that the job names, those of its own code among them."""
    from datagw.pipelines.places import with_own_code

    return with_own_code(world, job, file.base)


def before_start(job: Job, world: World) -> list[date]:
    """The days at the source that lie before the job's `start`, where it names one; asks the source."""
    if not job.dated or job.start == "first":
        return []
    from datagw.publishing.days import days_at_source

    return [day for day in days_at_source(job, world) if day < job.start]
