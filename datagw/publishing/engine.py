"""The engine: plans each day again, applies the plan, and commits every (day, copy) on its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date

from datagw.errors import Aborted, DatagwError, GatewayError, LeaseLost, Unavailable
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.front.retries import wait as pause
from datagw.jobs import Job
from datagw.ledger import FailureRow, Held, Lease
from datagw.ledger.rows import RunState
from datagw.publishing.day import DayWork
from datagw.publishing.days import found_days, to_look_at
from datagw.publishing.glances import glance_at_copy, remember_files
from datagw.publishing.lending import lent
from datagw.publishing.listed import watched
from datagw.publishing.looking import BUSY, is_busy, look_at_copy, remember
from datagw.publishing.new_files import NewFiles
from datagw.publishing.outcome import day_row
from datagw.publishing.patience import held_back, keep_account, noting_outages
from datagw.publishing.planning import CopySight, SourceSight, Wish, make_plan
from datagw.publishing.plans import DUE, DayPlan, Step, Survey, joined
from datagw.publishing.pointers import due_for_pointers
from datagw.publishing.results import CopyResult, DayResult
from datagw.publishing.settling import left_for_later, settled_only
from datagw.publishing.sighting import sights
from datagw.publishing.slices import slices_of
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


def plan_day(job: Job, day: date | None, world: World, *, patient: bool = False) -> DayPlan:
    """What a run would do with one day, and why. Looks, and changes nothing. For `patient`, see `Wish`.

    Raises GatewayError on an outage of the source, or of a destination where nothing is due at the others.
    """
    wish, lost = Wish(patient=patient), dict[str, GatewayError]()
    with ExitStack() as stack, noting_outages(job, world, wish, lost):
        plan = _plan(job, day, world, _connected(job, world, stack), lost, wish)
    _raise_if_nothing_is_left(lost, [plan])
    return plan


def due(job: Job, world: World, *, days: Sequence[date] | None = None, patient: bool = False) -> list[DayPlan]:
    """A plan for every day that is over and at the source, or left open, or asked for; oldest first.

    With `patient`, of the days that nobody asked for those whose turn it is: see `survey`.
    """
    return survey(job, world, days=days, patient=patient).plans


def survey(
    job: Job,
    world: World,
    *,
    days: Sequence[date] | None = None,
    patient: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Survey:
    """The plans of the days that are looked at, and how many there are to look at.

    A person's survey looks at all; a `patient` one at those that a tick has the time for, in turn (see `slices.py`).
    """
    wish, lost = Wish(patient=patient), dict[str, GatewayError]()
    with ExitStack() as stack, noting_outages(job, world, wish, lost):
        gateways = _connected(job, world, stack)
        found: list[date] | None = None
        wanted: Iterable[date | None] = [None]
        total = 1
        if job.dated and days is not None:
            wanted = sorted(set(days))
            total = len(wanted)
        elif job.dated:
            found = found_days(job, gateways[job.source.gateway])
            wanted = every = to_look_at(job, world, found)
            total = len(every)
            if patient:
                wanted = slices_of(job, world, every, clock)
                stack.callback(wanted.keep)
        plans = [_plan_of_one(job, day, world, gateways, lost, wish) for day in wanted]
    _raise_if_nothing_is_left(lost, plans)
    return Survey(sorted(plans, key=lambda plan: plan.day or date.min), found, total)


def publish(
    job: Job,
    days: Sequence[date | None],
    world: World,
    *,
    wait: bool = True,
    resend: bool = False,
    resend_file: str | None = None,
    copies: Collection[str] | None = None,
    patient: bool = False,
    files: Collection[str] | None = None,
    planned: frozenset[Step] | None = None,
) -> Iterator[DayResult]:
    """Works through the days in order; each result comes when its day is committed, a failed one's too.

    `copies` names the copies to make, where not all are wanted; then nothing is deleted at the source. `files` names
    the new files to take, by their relative paths, where not all are. With `planned`, nothing is done but these steps.
    With `wait`, a day that another run holds is waited for; else LeaseHeld. Ends early by LeaseLost, Aborted or
    KeyboardInterrupt: the run is then on record as cancelled, and its parts and markers stay for the next one.
    """
    wish = Wish(resend, resend_file, patient, None if files is None else frozenset(files), planned)
    run = _Run(job, world, wait=wait, wish=wish, only=copies)
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

    def __init__(self, job: Job, world: World, *, wait: bool, wish: Wish, only: Collection[str] | None) -> None:
        self.job = job
        self.world = world
        self.wait = wait
        self.wish = wish
        self.only = only
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
                work = NewFiles if self.job.new_files else DayWork
                return work(self.world, self.job, day, lease, gateways, self.wish, self.only).run()
        except GatewayError as error:
            if isinstance(error, Unavailable):  # the other days do not wait for it again
                gateways[self.job.source.gateway].live.retries = RetryPolicy(max=0)
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
        known = {row.copy: row for row in self.world.ledger.days_on(self.job.name, day)}
        for copy in self.job.to:
            row = known.get(copy.name) or day_row(self.world, self.job, day, CopyResult(copy.name, "failed"), None)
            failed = replace(row, state="failed", updated=self.world.now(), run=self.world.run)
            self.world.ledger.write_day(lease, failed)
        keep_account(self.world, lease, self.job, whole=[(error.gateway or self.job.source.gateway, error)])
        return DayResult(self.job.name, day, "failed", error=str(error))


def _raise_if_nothing_is_left(lost: dict[str, GatewayError], plans: Sequence[DayPlan]) -> None:
    """An outage of one destination is told by whoever publishes to the others; alone, it is raised."""
    for error in lost.values():
        if not any(plan.due for plan in plans):
            raise error


def _plan_of_one(
    job: Job, day: date | None, world: World, gateways: dict[str, Gateway], lost: dict[str, GatewayError], wish: Wish
) -> DayPlan:
    """The plan of one day among others. One that cannot be looked at is due: a run will fail it, and it alone."""
    try:
        return _plan(job, day, world, gateways, lost, wish)
    except Unavailable:
        raise
    except GatewayError as error:
        if day is None:
            raise
        plan = DayPlan(job.name, day, "due", notes=(f"cannot be looked at: {error}",))
        return held_back(job, plan, world, wish)


def _plan(
    job: Job, day: date | None, world: World, gateways: dict[str, Gateway], lost: dict[str, GatewayError], wish: Wish
) -> DayPlan:
    """`lost` holds the copies whose place did not answer for an earlier day, and takes up others."""
    plans: list[DayPlan] = []
    for sight in sights(job, day, gateways[job.source.gateway], world, wish):
        plans.append(_plan_of(sight, job, day, world, gateways, lost, wish))
        if wish.patient and (plans[-1].due or len(lost) == len(job.to)):
            break  # one batch a run
    return joined(plans)


def _plan_of(
    source: SourceSight,
    job: Job,
    day: date | None,
    world: World,
    gateways: dict[str, Gateway],
    lost: dict[str, GatewayError],
    wish: Wish,
) -> DayPlan:
    pairs = [(file.claim.path, file.claim.content_version) for file in source.files]
    dates = any(copy.template.needs_date for copy in job.to)
    seen = world.ledger.known_first_seen(job.name, pairs) if dates else {}
    today = world.now().astimezone(job.zone).date()
    copies: list[CopySight] = []
    for copy in job.to:
        if copy.name not in lost:
            gateway = gateways[copy.gateway]
            try:
                if job.new_files:
                    found = glance_at_copy(job, copy, gateway, source.files, seen, world.ledger, today)
                else:
                    found = look_at_copy(copy, gateway, source.files, day, seen, today)
                copies.append(found)
            except GatewayError as error:
                lost[copy.name] = error
    known = remember_files(job, copies, world.ledger) if job.new_files else remember(job, day, world.ledger)
    plan = make_plan(job, day, source, copies, known)
    plan = due_for_pointers(plan, job, source, copies, world, gateways, lost.__setitem__)
    notes = (*plan.notes, *(f"{name}: out of reach: {error}" for name, error in lost.items()))
    plan = held_back(job, replace(plan, notes=notes, lost=tuple(lost)), world, wish)
    if job.new_files:
        return plan
    gateway = gateways[job.source.gateway]
    return settled_only(job, _without_busy(plan, gateway), gateway, world, wish)


def _without_busy(plan: DayPlan, source: Gateway) -> DayPlan:
    """The plan with `wait` for what somebody is writing to at this moment."""
    moving = {a.source.path: a.source for a in plan.actions if a.kind in DUE and a.kind != "refuse"}
    return left_for_later(plan, {path: BUSY for path, claim in moving.items() if is_busy(source, claim)})


def _connected(job: Job, world: World, stack: ExitStack, run: _Run | None = None) -> dict[str, Gateway]:
    """The job's gateways, each with a connection of its own for this run, closed with the stack."""
    connected: dict[str, Gateway] = {}
    for name in {job.source.gateway, *(copy.gateway for copy in job.to)}:
        gateway = watched(job, world.gateways) if name == job.source.gateway else world.gateways[name]
        connected[name] = lent(gateway, name, job, world, run.fence if run else world.fence)
        stack.enter_context(connected[name])
    return connected


def _state_of(results: Sequence[DayResult]) -> tuple[RunState, str | None]:
    failed = [result for result in results if result.state == "failed"]
    if not failed:
        return "done", None
    named = ", ".join(result.label for result in failed[:10])
    published = any(result.published_something or result.state in ("published", "empty") for result in results)
    why = f"failed: {named}" if failed[0].day is not None else _why(failed[0])
    return ("partly" if published else "failed"), why


def _why(result: DayResult) -> str:
    """What a job without days failed by: the first of its errors, in one line, and how many more there are."""
    errors = [error for error in (result.error, *(failure.error for failure in result.failures)) if error]
    if not errors:
        return "failed"
    first, *lines = errors[0].splitlines()
    more = f"; and {len(errors) - 1:,} more" if len(errors) > 1 else ""
    return f"{first}{f' {lines[-1].strip()}' if lines else ''}{more}"


__all__ = ["LeaseHeld", "LeaseLost", "due", "plan_day", "publish", "survey"]
