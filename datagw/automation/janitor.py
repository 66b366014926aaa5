"""The janitor: once an hour it tidies what runs could not, and its ticks say what that was."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from datagw.assets.names import source_key
from datagw.assets.runs import report_left_behind
from datagw.assets.shape import made_by
from datagw.errors import DatagwError, printable
from datagw.jobs import JobFile
from datagw.jobs.state import ledger_exists, ledger_url
from datagw.ledger.ledger import Ledger
from datagw.publishing.staging import sweep
from datagw.publishing.tidying import Tidying
from datagw.publishing.world import World

NAME = "datagw_janitor"
_EVERY = 3600  # seconds
_FORGETTING = 15.0  # seconds of a tick
_MOST_NAMED = 5


def janitor_of(jobfile: JobFile) -> SensorDefinition:
    """`datagw_janitor`, on from the start. It asks for no run: what it does takes some seconds, in the tick itself."""

    @sensor(
        name=NAME,
        minimum_interval_seconds=_EVERY,
        default_status=DefaultSensorStatus.RUNNING,
        description="Tidies what killed runs left behind, and forgets runs that are older than `keep`",
    )
    def janitor(context: SensorEvaluationContext) -> SkipReason:
        return SkipReason(tidy(jobfile, context.instance, context.log))

    return janitor


def tidy(
    jobfile: JobFile,
    instance: DagsterInstance,
    log: logging.Logger,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """One turn; what was tidied, in a sentence, and which places are out of reach.

    What fails otherwise does not keep the rest from being done; it is raised at the end, as a DatagwError.
    """
    if not ledger_exists(jobfile):
        return "nothing to tidy yet"
    done: list[str] = []
    failed: list[Exception] = []
    with Ledger.open(ledger_url(jobfile)) as ledger:
        world = World(
            ledger=ledger,
            gateways=jobfile.gateways,
            tmp_dir=jobfile.main.tmp_dir / NAME,
            run=NAME,
            log=log,
            now=now,
        )
        turn = _Turn(jobfile, instance, world)
        for work in (turn.runs_left_behind, turn.staging, turn.parts, turn.what_is_old):
            try:
                done += work()
            except Exception as error:
                log.exception("the janitor goes on with the rest")
                failed.append(error)
    said = "; ".join(done) or "nothing to tidy"
    if failed:
        raise DatagwError(f"{'; '.join(map(str, failed))} ({said})") from failed[0]
    return said


@dataclass(frozen=True)
class _Turn:
    """What there is to be done; each says what it did, if it did anything."""

    jobfile: JobFile
    instance: DagsterInstance
    world: World

    def runs_left_behind(self) -> Iterator[str]:
        told = report_left_behind(self.instance, self.world.ledger)
        if told:
            yield f"{_count(len(told), 'run')} of dead processes reported to Dagster as ended"
        dead = [run.id for run in self.world.ledger.running() if run.owner.alive() is False]
        for run in dead:
            self.world.ledger.end_run(run, "lost", "its process is no more")
        if dead:
            yield f"{_count(len(dead), 'run')} of dead processes put down as lost"

    def staging(self) -> Iterator[str]:
        gone = sweep(self.jobfile.main.tmp_dir)
        if gone:
            yield f"{_count(len(gone), 'staging folder')} of killed runs removed"

    def parts(self) -> Iterator[str]:
        found = Tidying(self.world, self.jobfile.jobs).run()
        if found.parts:
            named = ", ".join(found.parts[:_MOST_NAMED]) + (", …" if len(found.parts) > _MOST_NAMED else "")
            yield f"{_count(len(found.parts), 'part')} older than a week removed: {printable(named)}"
        if found.uploads:
            yield f"{_count(found.uploads, 'unfinished upload')} older than a week aborted"
        for name, trouble in found.trouble.items():
            yield f"not tidied: {name}: {trouble}"

    def what_is_old(self) -> Iterator[str]:
        from datagw.assets.keeping import forget_observations, forget_runs  # not for every process that has definitions

        before = self.world.now() - self.jobfile.main.keep
        jobs = self.jobfile.jobs.values()
        copies = [key for job in jobs for key in made_by(job)]
        runs = forget_runs(self.instance, copies, before, _FORGETTING)
        seen = forget_observations(self.instance, [source_key(job.name) for job in jobs if job.watches], before)
        rows = self.world.ledger.purge(before)
        kept = f"{self.jobfile.main.keep.days} days"
        if runs or seen:
            yield f"{_count(runs, 'run')} and {_count(seen, 'observation')} older than {kept} deleted in Dagster"
        if rows:
            yield f"{_count(rows, 'row')} of runs and failures older than {kept} deleted in the ledger"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
