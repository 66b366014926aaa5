"""When what failed is tried again: after 30 s, then twice as long each time, up to an hour.

At once when the file or its job has changed, or when the place that did not answer does so again. Only switches wait;
a person who asks does not, and neither does a cron line, which says itself when.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from datagw.errors import GatewayError, Unavailable
from datagw.files import RemoteFile
from datagw.jobs import Job
from datagw.ledger import Attempt, Lease
from datagw.publishing.planning import Wish
from datagw.publishing.plans import DUE, Action, DayPlan
from datagw.publishing.results import FileFailure
from datagw.publishing.world import World

FIRST = timedelta(seconds=30)
LONGEST = timedelta(hours=1)

_GOINGS = ("delete", "move")
_OUTAGE = "outage "  # the position that says when a gateway was last seen not to answer


def pause_after(count: int) -> timedelta:
    """How long to wait after a thing has failed `count` times in a row."""
    return min(FIRST * 2 ** min(max(count, 1) - 1, 20), LONGEST)


def until_of(attempt: Attempt) -> datetime:
    """The moment (UTC) from which a thing that failed is tried again."""
    return attempt.at + pause_after(attempt.count)


@dataclass(frozen=True)
class Held:
    """What of a day waits because it failed a short while ago: attempts by source path, `""` for the day as a whole."""

    attempts: Mapping[str, Attempt]
    places: Mapping[str, str]

    def of(self, claim: RemoteFile, copy: str) -> Attempt | None:
        """Why a file is not to be touched now, at a copy (`""`: at the source); None where it may be."""
        mine = self.attempts.get(claim.path)
        if mine is not None and mine.version in ("", claim.content_version):
            return mine
        whole = self.attempts.get("")
        return whole if whole is not None and self._concerns(whole, copy) else None

    def _concerns(self, whole: Attempt, copy: str) -> bool:
        names = whole.gateway.split()
        return not names or self.places[""] in names or self.places.get(copy, "") in names


def held(job: Job, day: date | None, world: World, lost: Collection[str] = ()) -> Held:
    """What of a day is not to be tried yet; `lost` names the gateways that do not answer at this moment."""
    found = world.ledger.attempts(job.name, day)
    if found:
        fingerprint, now = job.fingerprint, world.now()
        found = {
            source: attempt
            for source, attempt in found.items()
            if attempt.fingerprint == fingerprint
            and attempt.at - LONGEST < now < until_of(attempt)  # much later than now: the clock was wrong then
            and not _answers(job, attempt, world, lost)
        }
    return Held(found, {"": job.source.gateway} | {copy.name: copy.gateway for copy in job.to})


def held_back(job: Job, plan: DayPlan, world: World, wish: Wish) -> DayPlan:
    """The plan, with `wait` for what failed too short a while ago to be tried again."""
    if not (wish.patient and plan.due):
        return plan
    if plan.lost and not any(action.kind in DUE for action in plan.actions):
        return replace(plan, state="waiting")  # what is left to be done needs a place that does not answer
    if job.cron is not None:
        return plan
    gateways = {copy.name: copy.gateway for copy in job.to}
    back = held(job, plan.day, world, {gateways[name] for name in plan.lost})
    return _waiting(plan, back) if back.attempts else plan


def outlook(job: Job, plan: DayPlan, world: World) -> str | None:
    """What a switch would not do yet of a plan that does not wait, and until when; None where it would do it all."""
    if job.when == "manual" or not plan.due:
        return None
    patient = held_back(job, plan, world, Wish(patient=True))
    if patient.again is None or patient.again == plan.again:
        return None
    waiting = len({action.source.path for action in patient.of("wait")} - {a.source.path for a in plan.of("wait")})
    what = f"{waiting} {'file' if waiting == 1 else 'files'} that failed" if waiting else "what failed"
    return f"its switch leaves {what} alone until {patient.again:%H:%M:%S} UTC"


def _waiting(plan: DayPlan, back: Held) -> DayPlan:
    version = version_of_day(action.source for action in plan.actions if action.kind != "ignore")
    whole = back.attempts.get("")
    if whole is not None and whole.version not in ("", version):
        back = replace(back, attempts={path: one for path, one in back.attempts.items() if path != ""})
    waits: dict[int, Attempt] = {}
    for number, action in enumerate(plan.actions):
        if action.kind in DUE and (attempt := back.of(action.source, action.copy)) is not None:
            waits[number] = attempt
    if not waits and (any(action.kind in DUE for action in plan.actions) or "" not in back.attempts):
        return plan
    moving = {plan.actions[number].source.path for number in waits if plan.actions[number].kind not in _GOINGS}
    actions = [
        _later(action, waits[number]) if number in waits else action
        for number, action in enumerate(plan.actions)
        if not (action.kind in _GOINGS and action.source.path in moving)
    ]
    moments = [until_of(attempt) for attempt in waits.values() or [back.attempts[""]]]
    if plan.again is not None:
        moments.append(plan.again)
    state = "due" if any(action.kind in DUE for action in actions) else "waiting"
    notes = plan.notes if waits else (*plan.notes, _reason(back.attempts[""]))
    return replace(plan, state=state, actions=tuple(actions), notes=notes, again=min(moments))


def _later(action: Action, attempt: Attempt) -> Action:
    return replace(action, kind="wait", reason=_reason(attempt))


def _reason(attempt: Attempt) -> str:
    times = "once" if attempt.count == 1 else "twice" if attempt.count == 2 else f"{attempt.count} times"
    first = attempt.error.partition("\n")[0]  # the lines below it are what a program said
    return f"failed {times}, last: {first}; tried again at {until_of(attempt):%H:%M:%S} UTC"


# ---- places that do not answer


@contextmanager
def noting_outages(job: Job, world: World, wish: Wish, lost: Mapping[str, GatewayError]) -> Generator[None, None, None]:
    """A look of a switch; which places did not answer is put down, so that it is noticed when they do again.

    `lost` fills with the errors of copies while the look goes on.
    """
    try:
        yield
    except Unavailable:
        if wish.patient:
            _note(world, job, job.source.gateway)
        raise
    finally:
        if wish.patient:
            for copy in job.to:
                if isinstance(lost.get(copy.name), Unavailable):
                    _note(world, job, copy.gateway)


def _note(world: World, job: Job, gateway: str) -> None:
    world.ledger.set_position(job.name, _OUTAGE + gateway, world.now().isoformat())


def _answers(job: Job, attempt: Attempt, world: World, lost: Collection[str]) -> bool:
    """Whether all places that did not answer then were seen out of reach since, and are not now."""
    names = attempt.gateway.split()
    return bool(names) and all(name not in lost and _was_out(job, name, attempt.at, world) for name in names)


def _was_out(job: Job, gateway: str, since: datetime, world: World) -> bool:
    seen = world.ledger.position(job.name, _OUTAGE + gateway)
    return seen is not None and datetime.fromisoformat(seen) >= since


# ---- what came of a run


def version_of_day(claims: Iterable[RemoteFile]) -> str:
    """What tells one state of a day's files from another."""
    import hashlib

    lines = sorted({f"{claim.path}\0{claim.content_version}" for claim in claims})
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def keep_account(
    world: World,
    lease: Lease,
    job: Job,
    *,
    failures: Iterable[FileFailure] = (),
    whole: Collection[tuple[str, GatewayError]] = (),
    claims: Collection[RemoteFile] = (),
    untried: Collection[str] | None = None,
) -> None:
    """Puts down, at the end of a day, what failed and how often in a row it has; what did not fail is forgotten.

    `failures` are those of files, `whole` what kept a gateway, named with it, or all of the day from being worked on,
    `claims` the files that were seen, `untried` the paths that this run left alone (None: it cannot say).
    """
    before = world.ledger.attempts(job.name, lease.day)
    versions = {claim.path: claim.content_version for claim in claims}
    day = version_of_day(claims) if claims and (job.dated or job.source.pattern.exact) else ""
    new: dict[str, Attempt] = {}

    def put(source: str, version: str, gateway: str, error: str) -> None:
        old, fingerprint = before.get(source), job.fingerprint
        same = old is not None and (old.version, old.fingerprint) == (version, fingerprint)
        count = old.count + 1 if same and old is not None else 1
        new[source] = Attempt(job.name, lease.day, source, version, fingerprint, gateway, count, error, world.now())

    for failure in failures:
        if failure.source in versions:
            put(failure.source, versions[failure.source], failure.unanswered, failure.error)
        else:
            put("", day, failure.unanswered, failure.error)
    if whole:
        silent = all(isinstance(error, Unavailable) for _, error in whole)
        gateway = " ".join(sorted({name for name, _ in whole})) if silent else ""
        put("", "" if gateway else day, gateway, "; ".join(str(error) for _, error in whole))
    forget = [] if untried is None else [path for path in before if path not in new and path not in untried]
    if new or forget:
        world.ledger.write_attempts(lease, list(new.values()), forget)
