"""The two calls: `publish` does what `datagw run` does, `plan` says what it would do."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from typing_extensions import Unpack

from datagw.errors import ConfigError
from datagw.library.options import Options
from datagw.library.places import To, Where

if TYPE_CHECKING:
    from datagw.jobs import Job
    from datagw.library.days import Day
    from datagw.library.progress import Progress
    from datagw.library.results import Result
    from datagw.publishing.asking import Asked, Found
    from datagw.publishing.plans import DayPlan
    from datagw.publishing.world import World

_LOG = logging.getLogger("datagw")


def publish(
    source: Where,
    to: To,
    *,
    name: str | None = None,
    day: Day | None = None,
    days: Collection[Day] | None = None,
    first: Day | None = None,
    last: Day | None = None,
    resend: bool = False,
    wait: bool = True,
    ledger: str | Path | None = None,
    tmp_dir: str | Path | None = None,
    log: logging.Logger | None = None,
    progress: Callable[[Progress], object] | None = None,
    should_abort: Callable[[], bool] | None = None,
    **options: Unpack[Options],
) -> Result:
    """What became of publishing `source` at every place of `to`, with the guarantees of a job.

    Of a dated source the days that are asked for (one `day`, some `days`, those from `first` to `last`), else every day
    that is over and has something due. `name` is that of the job in the ledger; else it is made of source and
    destinations. `ledger` is a URL or a file; else as for commands: DATABASE_URL, or `jobs.db` in DAGSTER_HOME, or in
    `.datagw/` here. `wait` for another run that is at work, or raise LeaseHeld. `should_abort` is asked at least once a
    second. The other options are the keys of a job: docs/job-file.md.

    A file or a day that fails raises nothing: the result is false then, and tells. Raises ConfigError for a call that
    cannot be meant (all that is wrong with it at once), GatewayError where the source, or all there is to publish to,
    is out of reach, LedgerError, LeaseLost, and Aborted after `should_abort`.
    """
    asked = (day, days, first, last)
    with _opened(source, to, name, options, asked, ledger, tmp_dir, log, progress, should_abort) as call:
        return call.publish(wait=wait, resend=resend)


def plan(
    source: Where,
    to: To,
    *,
    name: str | None = None,
    day: Day | None = None,
    days: Collection[Day] | None = None,
    first: Day | None = None,
    last: Day | None = None,
    ledger: str | Path | None = None,
    log: logging.Logger | None = None,
    should_abort: Callable[[], bool] | None = None,
    **options: Unpack[Options],
) -> tuple[DayPlan, ...]:
    """What `publish` would do, day by day (one plan where there are no days), each action with its reason.

    Publishes and changes nothing; days that are missing or not over are left out. Raises as `publish`.
    """
    asked = (day, days, first, last)
    with _opened(source, to, name, options, asked, ledger, None, log, None, should_abort) as call:
        return tuple(call.look().plans)


@dataclass(frozen=True)
class _Call:
    """A job, the days that are asked for, and the surroundings, for as long as a call lasts."""

    job: Job
    asked: Asked
    world: World

    def look(self) -> Found:
        from datagw.publishing.asking import look

        return look(self.job, self.world, self.asked)

    def publish(self, *, wait: bool, resend: bool) -> Result:
        from datagw.library.results import result_of
        from datagw.publishing import publish
        from datagw.publishing.staging import close_folder, sweep

        job, world = self.job, self.world
        found = self.look()
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
def _opened(
    source: Where,
    to: To,
    name: str | None,
    options: Options,
    asked: tuple[Day | None, Collection[Day] | None, Day | None, Day | None],
    ledger: str | Path | None,
    tmp_dir: str | Path | None,
    log: logging.Logger | None,
    progress: Callable[[Progress], object] | None,
    should_abort: Callable[[], bool] | None,
) -> Generator[_Call, None, None]:
    from datagw.ledger.ledger import Ledger
    from datagw.library.days import asked_of
    from datagw.library.progress import Told
    from datagw.library.wording import Wording
    from datagw.publishing.world import World

    state = _state()
    staging = Path(tmp_dir).expanduser().absolute() if tmp_dir is not None else state / "tmp"
    wording = Wording()
    wanted = asked_of(*asked, wording.wrong)
    job, gateways = wording.job(source, to, name, options, staging)
    if wanted.any and not job.dated:
        raise ConfigError("days are asked for, but the source has none: it holds no date")
    run = str(uuid4())
    with Ledger.open(_where(ledger, state)) as opened:
        world = World(opened, gateways, staging / run, run, log or _LOG)
        if should_abort is not None:
            world = replace(world, should_abort=should_abort)
        if progress is not None:
            world = replace(world, progress=Told(progress))
        yield _Call(job, wanted, world)


def _state() -> Path:
    """Where commands keep what they know, when they are called here."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(os.path.abspath(os.path.expanduser(home))) if home else Path.cwd() / ".datagw"


def _where(ledger: str | Path | None, state: Path) -> str | Path:
    from datagw.jobs.state import LEDGER

    if ledger is None:
        return os.environ.get("DATABASE_URL") or state / LEDGER
    return ledger if "://" in str(ledger) else Path(ledger).expanduser().absolute()
