"""The bench on which own code works: what stays the same from one call to the next within a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path

from datagw.errors import ConfigError
from datagw.gateways.secrets import Secret
from datagw.jobs import Job
from datagw.jobs.models import Work
from datagw.pipelines.loading import modules_of
from datagw.pipelines.opened import Gateways
from datagw.pipelines.report import Report
from datagw.pipelines.secrets import Masker, Secrets, masked_logger, nothing_told
from datagw.publishing.staging import open_folder, remove_tree
from datagw.publishing.world import World


@dataclass(frozen=True)
class Bench:
    """The surroundings of a job's own code; `base` is the folder of the job file, `folder` one that goes at the end.

    `silent` fills with what places said no word to, as often as they were asked: the code is not called again for it.
    """

    job: Job
    work: Work
    world: World
    base: Path
    folder: Path
    secrets: Secrets
    mask: Masker
    log: Logger
    gateways: Gateways
    report: Report
    fence: Callable[[], None]
    silent: list[str] = field(default_factory=list[str])

    @contextmanager
    def tmp_dir(self) -> Generator[Path, None, None]:
        """An empty folder for one call, gone with all that is in it afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            remove_tree(folder)


@contextmanager
def bench_of(job: Job, world: World, base: Path, report: Report, fence: Callable[[], None]) -> Generator[Bench]:
    """The bench, for a while: secrets are resolved and masked, modules of the job file's folder are found.

    Raises ConfigError where a secret leads to no value.
    """
    if job.work is None:
        raise ValueError(f"{job.name} has no code of its own")
    secrets = Secrets.resolved(job.work.secrets)
    mask = Masker([*secrets.values(), *_of_a_command(job.work)])
    log = masked_logger(world.log, f"datagw.{job.name}", mask)
    open_folder(world.tmp_dir.parent, world.tmp_dir.name)
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=world.tmp_dir))
    gateways = Gateways(world, job, fence, log)
    try:
        with nothing_told(mask, world.log), modules_of(base):
            yield Bench(job, job.work, world, base, folder, secrets, mask, log, gateways, report, fence)
    finally:
        gateways.close()
        remove_tree(folder)


def _of_a_command(work: Work) -> Iterator[str]:
    """The secrets in a command's environment."""
    for name, value in work.command.env.items() if work.command is not None else ():
        if isinstance(value, Secret):
            try:
                yield value.reveal()
            except ConfigError as error:
                raise ConfigError(f"run.env.{name}: {error}") from None


def empty(folder: Path) -> None:
    """Removes all that is in a folder."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            remove_tree(Path(entry.path))
        else:
            os.unlink(entry.path)
