"""What a program leaves in `{out}`: found, and published with all guarantees before its file counts as taken."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

from datagw.errors import Denied, GatewayError, Unavailable, printable
from datagw.files import RemoteFile
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
            if kind == "file":
                found.append(path)
            elif kind != "folder":
                log.warning("{out}/%s: a %s, not a file; it is not published", path, kind)
    return sorted(found)


def remove(folder: Path, log: logging.Logger) -> None:
    """Removes a folder of ours, also where a program has taken rights from what is in it."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        _allow(folder)
        try:
            shutil.rmtree(folder)
        except OSError as error:
            log.warning("%s stays: %s", folder, error)


def _allow(folder: Path) -> None:
    try:
        os.chmod(folder, 0o700)
        below = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return  # another user's; whoever removes it says so
    for entry in below:
        _allow(Path(entry.path))


def _raise(error: OSError) -> None:
    raise error
