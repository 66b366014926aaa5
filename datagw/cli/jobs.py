"""`datagw jobs`: what is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from datagw.cli.opening import broken_jobs, job_file, right_jobs, tell_errors
from datagw.cli.own_code import kind_of
from datagw.cli.printing import print_json, print_line, print_table
from datagw.cli.settings import Command, Settings, pass_settings

if TYPE_CHECKING:
    from datagw.jobs import Job


@click.command(cls=Command)
@pass_settings
def command(settings: Settings) -> None:
    """The jobs of the job file: from where, what they run, to where, when."""
    file = job_file(settings)
    right, broken = right_jobs(file), broken_jobs(file)
    if settings.json:
        rows = [_row(job) for job in right]
        rows += [{"name": name, "problems": problems} for name, problems in broken.items()]
        print_json({"jobs": sorted(rows, key=lambda row: str(row["name"]))})
        return
    tell_errors(file)
    if not right and not broken:
        print_line("no job is configured")
        return
    rows = [
        (
            job.name,
            _source(job),
            job.work.code if job.work is not None else "",
            ", ".join(_place(copy.gateway, copy.template.text) for copy in job.published),
            job.when,
            job.description or "",
        )
        for job in right
    ]
    rows += [(name, "", "", "", "broken", problems[0] if problems else "") for name, problems in broken.items()]
    names = ["job", "source", "runs", "to", "when", "description"]
    if not any(row[2] for row in rows):  # no code of anybody's own
        rows, names = [(*row[:2], *row[3:]) for row in rows], [name for name in names if name != "runs"]
    print_table([(name, "left") for name in names], rows)


def _source(job: Job) -> str:
    return "" if not job.watches else _place(job.source.gateway, job.source.text)


def _place(gateway: str, path: str) -> str:
    return f"local:/{path}" if gateway == "local" else f"{gateway}:{path}"


def _row(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "kind": kind_of(job),
        "source": _source(job) or None,
        "runs": None if job.work is None else job.work.code,
        "after": list(job.after),
        "to": [
            {"name": copy.name, "at": _place(copy.gateway, copy.template.text), "verify": copy.verify}
            for copy in job.published
        ],
        "when": job.when,
        "timezone": job.timezone,
        "start": str(job.start),
        "delete_source": job.delete_source,
        "description": job.description,
        "problems": [],
    }
