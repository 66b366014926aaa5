"""The engine: plans each day again, applies the plan, and commits every (day, copy) on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date

from datagw.errors import Aborted, DatagwError, GatewayError, LeaseLost
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import wait as pause
from datagw.jobs import Job
from datagw.ledger import FailureRow, Held, Lease
from datagw.ledger.rows import RunState
from datagw.publishing.day import DayWork
from datagw.publishing.days import days_to_plan
from datagw.publishing.looking import is_busy, look_at_copy, look_at_source, remember
from datagw.publishing.outcome import day_row
from datagw.publishing.planning import Wish, make_plan
from datagw.publishing.plans import Action, DayPlan
from datagw.publishing.results import CopyResult, DayResult
from datagw.publishing.world import World

_ENDED_BY_REQUEST = (Aborted, KeyboardInterrupt, SystemExit, GeneratorExit)


class LeaseHeld(DatagwError):
    """Another live run works on the day, and the caller does not want to wait. `run` and `owner` name it."""

    def __init__(self, job: str, held: Held) -> None:
        owner = held.owner
        super().__init__(
            f"run {held.run} (pid {owner.pid} on {owner.host}) is at work on {job}; try again when it has ended"
        )
        self.run = held.run
        self.owner = owner


def plan_day(job: Job, day: date | None, world: World) -> DayPlan:
    """What a run would do with one day, and why. Looks, and changes nothing; raises GatewayError on an outage."""
    with ExitStack() as stack:
        return _plan(job, day, world, _connected(job, world, stack), None)


def due(job: Job, world: World, *, days: Sequence[date] | None = None) -> list[DayPlan]:
    """A plan for every day that is over and at the source, or left open, or asked for; oldest first."""
    with ExitStack() as stack:
        gateways = _connected(job, world, stack)
        wanted: Sequence[date | None] = [None]
        if job.dated:
            wanted = days_to_plan(job, world, gateways[job.source.gateway], days)
        return [_plan(job, day, world, gateways, None) for day in wanted]


def publish(
    job: Job,
    days: Sequence[date | None],
    world: World,
    *,
    wait: bool = True,
    resend: bool = False,
    resend_file: str | None = None,
) -> Iterator[DayResult]:
    """Works through the days in order; each result comes when its day is committed, a failed one's too.

    With `wait`, a day that another run holds is waited for; else LeaseHeld. Ends early by LeaseLost, Aborted or
    KeyboardInterrupt: the run is then on record as cancelled, and its parts and markers stay for the next one.
    """
    run = _Run(job, world, wait=wait, wish=Wish(resend, resend_file))
    world.ledger.ensure_view(job.name)
    world.ledger.start_run(world.run, job.name)
    results: list[DayResult] = []
    try:
        with ExitStack() as stack:
            gateways = _connected(job, world, stack, run)
            for day in days:
                results.append(run.day(day, gateways))
                yield results[-1]
    except BaseException as error:
        cancelled = isinstance(error, _ENDED_BY_REQUEST) or type(error).__name__ == "DagsterExecutionInterruptedError"
        world.ledger.end_run(
            world.run,
            "cancelled" if cancelled else "failed",
            str(error) or ("interrupted" if cancelled else type(error).__name__),
        )
        raise
    world.ledger.end_run(world.run, *_state_of(results))


class _Run:
    """What holds for all days of one run; the lease of the day at hand guards every gateway's fence."""

    def __init__(self, job: Job, world: World, *, wait: bool, wish: Wish) -> None:
        self.job = job
        self.world = world
        self.wait = wait
        self.wish = wish
        self.lease: Lease | None = None

    def fence(self) -> None:
        self.world.fence()
        if self.lease is not None:
            self.lease.check()

    def day(self, day: date | None, gateways: dict[str, Gateway]) -> DayResult:
        lease = self._take(day)
        self.lease = lease
        try:
            with lease.keep():
                return DayWork(self.world, self.job, day, lease, gateways, self.wish).run()
        except GatewayError as error:
            return self._failed(day, error, lease)
        finally:
            self.lease = None
            lease.release()

    def _take(self, day: date | None) -> Lease:
        told = False
        while True:
            lease = self.world.ledger.take(self.job.name, day, self.world.run)
            if isinstance(lease, Lease):
                if lease.taken_from is not None:
                    self.world.log.warning("taking over from run %s, which is no more", lease.taken_from)
                    self.world.ledger.end_run(lease.taken_from, "lost", f"taken over by run {self.world.run}")
                return lease
            if not self.wait:
                raise LeaseHeld(self.job.name, lease)
            if not told:
                self.world.log.info("run %s is at work on %s; waiting for it", lease.run, day or self.job.name)
                told = True
            pause(1.0, self.world.fence)

    def _failed(self, day: date | None, error: GatewayError, lease: Lease) -> DayResult:
        label = day.isoformat() if day else self.job.name
        self.world.log.error("%s: failed: %s", label, error)
        row = FailureRow(self.job.name, day, None, error.path, str(error), self.world.now(), self.world.run)
        self.world.ledger.write_failures([row])
        for copy in self.job.to:
            failed = CopyResult(copy.name, "failed")
            self.world.ledger.write_day(lease, day_row(self.world, self.job, day, failed, None))
        return DayResult(self.job.name, day, "failed", error=str(error))


def _plan(job: Job, day: date | None, world: World, gateways: dict[str, Gateway], wish: Wish | None) -> DayPlan:
    source = look_at_source(job, day, gateways[job.source.gateway], world.ledger)
    pairs = [(file.claim.path, file.claim.content_version) for file in source.files]
    dates = any(copy.template.needs_date for copy in job.to)
    seen = world.ledger.known_first_seen(job.name, pairs) if dates else {}
    today = world.now().astimezone(job.zone).date()
    copies = [look_at_copy(copy, gateways[copy.gateway], source.files, day, seen, today) for copy in job.to]
    plan = make_plan(job, day, source, copies, remember(job, day, world.ledger), wish)
    return _without_busy(plan, gateways[job.source.gateway])


def _without_busy(plan: DayPlan, source: Gateway) -> DayPlan:
    """The plan with `wait` for what somebody is writing to at this moment."""
    moving = {a.source.path: a.source for a in plan.actions if a.kind in ("send", "adopt", "delete")}
    busy = {path for path, claim in moving.items() if is_busy(source, claim)}
    if not busy:
        return plan
    actions = tuple(
        Action("wait", a.source, a.copy, a.destination, "somebody has it open for writing", a.relative)
        if a.source.path in busy and a.kind != "delete"
        else a
        for a in plan.actions
        if not (a.source.path in busy and a.kind == "delete")
    )
    state = plan.state if any(a.kind in ("send", "adopt", "refuse", "delete") for a in actions) else "waiting"
    return DayPlan(plan.job, plan.day, state, actions, plan.notes)


def _connected(job: Job, world: World, stack: ExitStack, run: _Run | None = None) -> dict[str, Gateway]:
    """The job's gateways, each with a connection of its own for this run, closed with the stack."""
    connected: dict[str, Gateway] = {}
    for name in {job.source.gateway, *(copy.gateway for copy in job.to)}:
        connected[name] = world.gateways[name].using(
            name=name,
            retries=job.retries,
            bandwidth=job.bandwidth,
            fence=run.fence if run else world.fence,
            moved=world.progress.moved,
            log=world.log,
        )
        stack.enter_context(connected[name])
    return connected


def _state_of(results: Sequence[DayResult]) -> tuple[RunState, str | None]:
    failed = [result for result in results if result.state == "failed"]
    if not failed:
        return "done", None
    named = ", ".join(result.label for result in failed[:10])
    published = any(result.published_something or result.state in ("published", "empty") for result in results)
    return ("partly" if published else "failed"), f"failed: {named}"


__all__ = ["LeaseHeld", "LeaseLost", "due", "plan_day", "publish"]
