"""What a program leaves in `{out}`: found, and published with all guarantees before its file counts as taken."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

from datagw.errors import Denied, GatewayError, Unavailable, printable
from datagw.files import MARKER, RemoteFile, is_own_name
from datagw.jobs import Job
from datagw.pipelines.commands.ending import Stopped
from datagw.pipelines.report import Report
from datagw.publishing.delivering import deliver, problem_of
from datagw.publishing.world import World


def publish_left(
    job: Job, world: World, report: Report, out: Path, day: date | None, *, of: str, fence: Callable[[], None]
) -> GatewayError | None:
    """Publishes all files below `out` to the job's outputs; what kept any of them from being proven, if anything did.

    `of` is the path of the file that they were made of. Raises Stopped where it is the place that is at fault.
    """
    outputs = job.work.outputs if job.work is not None else ()
    if not outputs:
        return None
    files = left_in(out, world.log)
    if not files:
        world.log.info("%s: nothing was left to publish", printable(of or job.name))
        return None
    result = deliver(
        world, job.name, out, files, outputs, day, retries=job.retries, bandwidth=job.bandwidth, of=of, fence=fence
    )
    report.delivered.append(result)
    problem = problem_of(result)
    if problem is None:
        return None
    text = f"what it left is not published: {problem.message}"
    if isinstance(problem, Unavailable | Denied):
        raise Stopped(text)
    return type(problem)(text)


def left_in(out: Path, log: logging.Logger) -> list[str]:
    """The files below a folder, in name order, as paths relative to it; links and special files are left alone."""
    found: list[str] = []
    for folder, folders, names in os.walk(out, onerror=_raise):
        for name in [*names, *folders]:
            native = os.path.join(folder, name)
            kind = RemoteFile.from_stat(name, os.lstat(native)).kind
            path = os.path.relpath(native, out)
            if is_own_name(name) or name == MARKER:
                log.warning("{out}/%s: datagw calls files of its own so; it is not published", printable(path))
            elif kind == "file":
                found.append(path)
            elif kind != "folder":
                log.warning("{out}/%s: a %s, not a file; it is not published", path, kind)
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error
