"""From job files to jobs: what is right runs, what is wrong is told, all of it at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from datagw import gateways as places
from datagw.gateways.base import Gateway
from datagw.gateways.secrets import Secret
from datagw.jobs.addresses import SCHEMES
from datagw.jobs.assembling import assembled
from datagw.jobs.declaring import declared
from datagw.jobs.models import Job, Main
from datagw.jobs.problems import Problem
from datagw.jobs.reading import Tables, find, read
from datagw.jobs.report import Report
from datagw.jobs.tables import JobTable, MainTable
from datagw.jobs.validating import validated
from datagw.jobs.work_checks import check_after


@dataclass(frozen=True)
class JobFile:
    """All that the job files say. `jobs` can run; `broken` has the others, with the problems that keep each from it.

    `base` is where relative local paths start, `state` the folder for what datagw keeps (DAGSTER_HOME, else `.datagw/`
    beside the job file).
    """

    paths: tuple[Path, ...]
    base: Path
    state: Path
    main: Main
    gateways: dict[str, Gateway]
    jobs: dict[str, Job]
    problems: tuple[Problem, ...]
    broken: dict[str, tuple[Problem, ...]]
    report: Report = field(repr=False, compare=False)


def load(path: Path | None = None, env: Mapping[str, str] | None = None) -> JobFile:
    """The job file at `path` (a file, or a folder of `*.toml`), else at `DATAGW_JOBS`, else `jobs.toml` here.

    Mistakes inside are told in the result. Raises ConfigError only where no file is found or one cannot be read.
    Secrets are not looked at.
    """
    env = os.environ if env is None else env
    paths, base = find(path, env)
    report = Report()
    tables = read(paths, env, report)
    state = _state(base, env)
    main = _main(tables, base, state, report)
    _check_defaults(tables, base, report)
    gateways = {name: declared(name, table, base, report, main.timezone) for name, table in tables.gateways.items()}
    gateways["local"] = places.load("local").model_validate({"root": "/"}).using(name="local")
    for scheme in _schemes_written(tables):
        gateways[scheme] = places.load("http").model_validate({"url": f"{scheme}://"}).using(name=scheme)
    made = {name: assembled(name, tables, base, main, gateways, report) for name in tables.jobs}
    after = {name: job.after for name, (job, _) in made.items() if job is not None}
    for name, message, hint in check_after(after, tables.jobs):
        report.add((name, "after"), message, hint)
    named = {name for _, used in made.values() for name in used}
    broken: dict[str, tuple[Problem, ...]] = {}
    for name, (_, used) in made.items():
        reasons = [
            *(report.of_whole_files() if tables.unread else ()),
            *report.under("main"),
            *report.of_defaults(set(tables.jobs[name])),
            *(problem for gateway in sorted(used) for problem in report.under("gateways", gateway)),
            *report.under(name),
        ]
        if reasons:
            broken[name] = tuple(dict.fromkeys(reasons))
    return JobFile(
        paths=paths,
        base=base,
        state=state,
        main=main,
        gateways={
            name: gateway
            for name, gateway in gateways.items()
            if gateway and not report.under("gateways", name) and (name in named or name not in SCHEMES)
        },
        jobs={name: job for name, (job, _) in made.items() if job is not None and name not in broken},
        problems=report.sorted(),
        broken=broken,
        report=report,
    )


def no_job_file(base: Path, env: Mapping[str, str] | None = None) -> JobFile:
    """A job file that says nothing, as if it stood in `base`: the library keeps its ledger where one's would be."""
    state = _state(base, os.environ if env is None else env)
    return JobFile((), base, state, Main(tmp_dir=state / "tmp"), {}, {}, (), {}, Report())


def _state(base: Path, env: Mapping[str, str]) -> Path:
    home = env.get("DAGSTER_HOME")
    return Path(os.path.abspath(os.path.expanduser(home))) if home else base / ".datagw"


def check_secrets(jobfile: JobFile) -> list[Problem]:
    """A problem for each secret of a gateway that leads to no value on this machine, now."""
    found: list[Problem] = []
    for name, gateway in jobfile.gateways.items():
        for key in type(gateway).model_fields:
            value: object = getattr(gateway, key)
            inner = cast("dict[str, object]", value) if isinstance(value, dict) else {}
            every: list[tuple[tuple[str, ...], object]] = [((key,), value)]
            for path, one in [*every, *(((key, part), one) for part, one in inner.items())]:
                if isinstance(one, Secret) and (missing := one.missing()) is not None:
                    found.append(jobfile.report.problem(("gateways", name, *path), missing))
    return found


def _schemes_written(tables: Tables) -> list[str]:
    """The schemes of the web addresses that stand in the jobs, whatever for."""
    written = repr(tables.jobs).lower() + repr(tables.defaults).lower()
    return [scheme for scheme in SCHEMES if f"{scheme}://" in written and scheme not in tables.gateways]


def _main(tables: Tables, base: Path, state: Path, report: Report) -> Main:
    doubtful = report.in_doubt("main")
    table = validated(MainTable, tables.main, lambda _key: ("main",), base, report, doubtful)[
        0
    ] or MainTable.model_validate({})
    tmp_dir = base / os.path.expanduser(table.tmp_dir) if table.tmp_dir else state / "tmp"
    return Main(tmp_dir=tmp_dir, timezone=table.timezone, keep=table.keep)


def _check_defaults(tables: Tables, base: Path, report: Report) -> None:
    """Says what is wrong with `[defaults]` in itself, used or not."""
    if tables.defaults.pop("source", None) is not None:
        report.add(("defaults", "source"), "each job has a source of its own")
    table = {**tables.defaults, "source": "local:/"}
    validated(JobTable, table, lambda _key: ("defaults",), base, report, report.in_doubt("defaults"))
