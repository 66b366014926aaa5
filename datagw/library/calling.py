"""A call on its way: the job that it means, the days that it asks for, and the surroundings, while it lasts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from datagw.errors import ConfigError
from datagw.library.options import Options
from datagw.library.places import Places, To, Where

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway
    from datagw.jobs import Job
    from datagw.library.days import Day
    from datagw.library.results import Result
    from datagw.publishing.asking import Asked, Found
    from datagw.publishing.world import Progress, World

_LOG = logging.getLogger("datagw")


@dataclass(frozen=True)
class Call:
    """A job, the days that are asked for, and the surroundings, for as long as a call lasts."""

    job: Job
    asked: Asked
    world: World

    def look(self) -> Found:
        """What is due of what was asked for; changes nothing."""
        from datagw.publishing.asking import look

        return look(self.job, self.world, self.asked)

    def publish(self, found: Found | None = None, *, wait: bool = True, resend: bool = False) -> Result:
        """What became of what was `found` due; without it, the call looks itself."""
        from datagw.library.results import result_of
        from datagw.publishing import publish
        from datagw.publishing.staging import close_folder, sweep

        job, world = self.job, self.world
        found = found or self.look()
        self._tell(found)
        begun = datetime.now(UTC)
        of_all = () if found.note is None else (found.note,)
        told: dict[str, Any] = {
            "missing": tuple(found.missing),
            "not_over": tuple(found.not_over),
            "one_day": self.asked.one is not None,
            "notes": tuple(dict.fromkeys(note for plan in found.plans for note in plan.notes)) + of_all,
        }
        wanted = found.wanted(resend=resend)
        if not wanted:
            return result_of(job.name, (), **told)
        sweep(world.tmp_dir.parent)
        try:
            results = list(publish(job, wanted, world, wait=wait, resend=resend))
        finally:
            close_folder(world.tmp_dir)
        mine = (receipt for receipt in world.ledger.receipts(job.name, since=begun) if receipt.run == world.run)
        return result_of(job.name, results, run=world.run, receipts=tuple(mine), **told)

    def _tell(self, found: Found) -> None:
        if found.note is not None:
            self.world.log.warning("%s: %s", self.job.name, found.note)
        for days, what in ((found.missing, "missing"), (found.not_over, "not over yet")):
            if days:
                self.world.log.warning("%s: %d of the days are %s: %s", self.job.name, len(days), what, days[0])
        for one in found.plans:
            if one.state == "waiting":
                self.world.log.warning("%s %s: %s", self.job.name, one.label, "; ".join(one.notes))


@contextmanager
def opened(
    source: Where,
    to: To,
    options: Options,
    *,
    name: str | None = None,
    asked: tuple[Day | None, Collection[Day] | None, Day | None, Day | None] = (None, None, None, None),
    gateways: Mapping[str, Gateway] | None = None,
    ledger: str | Path | None = None,
    tmp_dir: str | Path | None = None,
    log: logging.Logger | None = None,
    progress: Progress | None = None,
    should_abort: Callable[[], bool] | None = None,
) -> Generator[Call, None, None]:
    """The call with its ledger open; `gateways` are those that have names already."""
    from datagw.jobs.loading import no_job_file
    from datagw.ledger.ledger import Ledger
    from datagw.library.days import asked_of
    from datagw.library.wording import Wording
    from datagw.publishing.world import World

    state = no_job_file(Path.cwd()).state
    staging = Path(tmp_dir).expanduser().absolute() if tmp_dir is not None else state / "tmp"
    wording = Wording(places=Places(dict(gateways or {})))
    wanted = asked_of(*asked, wording.wrong)
    job, places = wording.job(source, to, name, options, staging)
    if wanted.any and not job.dated:
        raise ConfigError("days are asked for, but the source has none: it holds no date")
    run = str(uuid4())
    with Ledger.open(_where(ledger, state)) as books:
        world = World(books, places, staging / run, run, log or _LOG)
        if should_abort is not None:
            world = replace(world, should_abort=should_abort)
        if progress is not None:
            world = replace(world, progress=progress)
        yield Call(job, wanted, world)


def _where(ledger: str | Path | None, state: Path) -> str | Path:
    from datagw.jobs.state import LEDGER

    if ledger is None:
        return os.environ.get("DATABASE_URL") or state / LEDGER
    return ledger if "://" in str(ledger) else Path(ledger).expanduser().absolute()
