"""A job with mistakes, as it is shown: an asset that cannot be made and says why."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dagster import AssetKey, AssetSpec

from datagw.errors import printable

_NO_NAME = re.compile(r"[^A-Za-z0-9_]")


def broken_key(name: str) -> AssetKey:
    """The asset that stands for a job that cannot run."""
    return AssetKey([printable(name), "broken"])


def broken_job(name: str, problems: Iterable[object]) -> AssetSpec:
    """The stand-in of a job that cannot run, with its mistakes."""
    return _broken(
        broken_key(name),
        _NO_NAME.sub("_", name),
        f"Job `{name}`, which cannot run as it is written",
        problems,
    )


def broken_file(problems: Iterable[object]) -> AssetSpec:
    """The stand-in for mistakes that belong to no job."""
    return _broken(AssetKey(["job_file"]), "job_file", "Mistakes in the job file", problems)


def _broken(key: AssetKey, group: str, noun: str, problems: Iterable[object]) -> AssetSpec:
    lines = [f"- {printable(str(problem))}" for problem in problems]
    return AssetSpec(
        key,
        group_name=group,
        description="\n".join([noun, "", *lines, "", "`datagw check` says the same; when it is right, reload."]),
        kinds={"broken"},
        tags={"datagw/broken": "1"},
        metadata={"problems": len(lines)},
    )
