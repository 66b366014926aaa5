"""Settling: how long a file has been left alone, and whether that is long enough for a switch to publish it.

By its date where the place's clock is this machine's. Another machine's clock may be late, and then a file that is
being written looks old: there a file that was changed within a day must be seen as it is, look after look, for
`settle`; and so must one without a date, or with a date in the future. Of a person only the clock's resolution is
waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.publishing.planning import Wait, Wish, soonest
from datagw.publishing.plans import DUE, DayPlan
from datagw.publishing.world import World

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUR_CLOCK = ("local", "memory")
_SKEW = 60 * 1_000_000_000  # ns by which a place's clock may be ahead of ours
_BELIEVED = timedelta(days=1)  # no clock is later than that


def too_new(claim: RemoteFile, now: datetime) -> Wait | None:
    """A change so short ago that another one, which the place's clock in seconds does not tell, could follow."""
    if claim.mtime_ns is None or claim.clock <= 1:
        return None
    left = 2 * claim.clock - (_ns(now) - claim.mtime_ns)
    return Wait("changed a moment ago", _after(now, left)) if 0 < left < _SKEW + 2 * claim.clock else None


def unsettled(job: Job, claims: Sequence[RemoteFile], gateway: Gateway, world: World) -> dict[str, Wait]:
    """Those of the files that have not settled, by path. What is seen is put down for the next look."""
    now = world.now()
    seen = world.ledger.watched(job.name)
    watched = {version: since for version, since in seen.items() if since <= now}  # else the clock was wrong then
    asked: dict[tuple[str, str], RemoteFile] = {}
    waits: dict[str, Wait] = {}
    for claim in claims:
        if (wait := _by_date(job, claim, gateway, now)) is None:
            asked[claim.path, claim.content_version] = claim
        elif wait.until is not None:
            waits[claim.path] = wait
    for version, claim in asked.items():
        left = _needed(job, claim) - _since(watched.get(version, now), now)
        if left > 0:
            waits[claim.path] = Wait(f"has not settled: {_odd_date(claim, now)}, {_for(left)} to go", _after(now, left))
    begin, end = asked.keys() - watched.keys(), seen.keys() - asked.keys()
    if begin or end:
        world.ledger.watch(job.name, begin, end, now, now.astimezone(job.zone).date())
    return waits


def settled_only(job: Job, plan: DayPlan, gateway: Gateway, world: World, wish: Wish) -> DayPlan:
    """The plan of a job that watches for changes, with `wait` for what has not settled. Only switches wait."""
    if not wish.patient or job.when != "change" or not job.watches:
        return plan
    moving = {action.source.path: action.source for action in plan.actions if action.kind in DUE}
    return left_for_later(plan, unsettled(job, list(moving.values()), gateway, world))


def left_for_later(plan: DayPlan, waits: dict[str, Wait]) -> DayPlan:
    """The plan with `wait` for what is due of these files, by path; nothing is deleted or moved of them either."""
    if not any(action.kind in DUE and action.source.path in waits for action in plan.actions):
        return plan
    actions = tuple(
        replace(action, kind="wait", reason=waits[action.source.path].reason)
        if action.kind in DUE and action.source.path in waits
        else action
        for action in plan.actions
        if not (action.kind in ("delete", "move") and action.source.path in waits)
    )
    state = "due" if any(action.kind in DUE for action in actions) else "waiting"
    return replace(plan, actions=actions, state=state, again=soonest(plan.again, waits.values()))


def _by_date(job: Job, claim: RemoteFile, gateway: Gateway, now: datetime) -> Wait | None:
    """What the file's date tells: until when to wait, or (without a moment) that it has settled; None: nothing."""
    if claim.mtime_ns is None or claim.mtime_ns > _ns(now):
        return None
    age = _ns(now) - claim.mtime_ns
    if gateway.type not in _OUR_CLOCK:
        return Wait("") if age > _BELIEVED.total_seconds() * 1e9 else None
    left = _needed(job, claim) - age
    if left <= 0:
        return Wait("")
    return Wait(f"has not settled: changed {_for(age)} ago, {_for(left)} to go", _after(now, left))


def _odd_date(claim: RemoteFile, now: datetime) -> str:
    if claim.mtime_ns is None:
        return "a file without a date"
    return "its date lies in the future" if claim.mtime_ns > _ns(now) else "changed a short while ago"


def _needed(job: Job, claim: RemoteFile) -> int:
    """For how many ns a file must have been left alone."""
    return max(job.settle // timedelta(microseconds=1) * 1000, 2 * claim.clock if claim.clock > 1 else 0)


def _since(seen: datetime, now: datetime) -> int:
    return (now - seen) // timedelta(microseconds=1) * 1000


def _ns(moment: datetime) -> int:
    return _since(_EPOCH, moment)


def _after(now: datetime, nanoseconds: int) -> datetime:
    return now + timedelta(microseconds=-(-nanoseconds // 1000))


def _for(nanoseconds: int) -> str:
    return f"{-(-nanoseconds // 1_000_000_000):,} s"
