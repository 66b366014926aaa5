"""What own code has made, published from inside its run: files of a local folder, with all guarantees of a copy."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from datagw.errors import Changed, Denied, GatewayError, Rejected, Unavailable
from datagw.files import MARKER, RemoteFile, StagedFile, is_own_name, join, safe_path
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.front.retries import wait as pause
from datagw.gateways.front.timetables import Pace
from datagw.gateways.paths.patterns import Pattern
from datagw.jobs import Copy, Job, Source
from datagw.ledger import Lease, Receipt
from datagw.publishing.copying import CopyWork, local_hashes
from datagw.publishing.day import batches
from datagw.publishing.glances import glance_at_copy
from datagw.publishing.lending import lent
from datagw.publishing.outcome import copy_result, dead_copy, worst
from datagw.publishing.planning import CopySight, Remembered, SourceFile, SourceSight, make_plan
from datagw.publishing.plans import Action
from datagw.publishing.recovery import recover_parts, remove_unclaimed_parts
from datagw.publishing.requesting import kind_of_work
from datagw.publishing.results import CopyResult, DayResult
from datagw.publishing.world import World

_OUTPUTS = "(outputs)"  # the gateway that they come from; no declared one can have such a name


def deliver(
    world: World,
    job: str,
    folder: Path,
    files: Sequence[str] | None,
    copies: Sequence[Copy],
    day: date | None,
    *,
    retries: RetryPolicy | None = None,
    bandwidth: Pace | None = None,
    of: str = "",
    fence: Callable[[], None] | None = None,
) -> DayResult:
    """Publishes files below `folder` (all, or those of these relative paths), and writes receipts of that job and day.

    For runs that hold the job's lease already: it takes another, and writes neither a run nor a day. `of` names what
    the files were made of; it begins their names in receipts, so that one made of another source, which would take the
    same name at a copy, is refused. `fence` is asked before each block, beside those of the run and of the gateways.
    A version is told by its content: what an interrupted run has sent of it is gone on with. What went wrong is in the
    result; `problem_of` says it in one error. Raises Aborted and LeaseLost.
    """
    bare = tuple(copy.model_copy(update={"marker": None}) for copy in copies)
    pattern = Pattern.parse("%Y-%m-%d/" if day else "/")
    source = Source(gateway=_OUTPUTS, pattern=pattern)
    fence = fence or world.fence
    made = Job(name=job, source=source, to=bare, retries=retries or RetryPolicy(), bandwidth=bandwidth)
    with _leased(world, job, day, fence) as lease, ExitStack() as stack:
        outputs = _found(world, folder, files, of)
        delivery = _Delivery(world, made, day, lease, outputs, fence, stack)
        return delivery.result([delivery.copy(copy) for copy in bare])


def problem_of(result: DayResult) -> GatewayError | None:
    """Why not all of it is published, as one error: Unavailable where a place did not answer, Changed where a file is
    written to; Rejected where the files are the reason, and Denied where the place is. None if all is well.
    """
    failures = result.failures
    text = "; ".join([*(failure.error for failure in failures), *result.late][:3])
    if not text:
        return None
    if any(failure.unanswered for failure in failures):
        return Unavailable(text)
    if not failures:
        return Changed(text)
    return Rejected(text) if all(failure.final for failure in failures) else Denied(text)


# ---- the files


@dataclass
class _Outputs:
    """The files in hand, by the name that receipts have for them; and what is wrong with others."""

    files: dict[str, SourceFile] = field(default_factory=dict[str, SourceFile])
    staged: dict[str, StagedFile] = field(default_factory=dict[str, StagedFile])
    late: dict[str, str] = field(default_factory=dict[str, str])
    wrong: dict[str, GatewayError] = field(default_factory=dict[str, GatewayError])


def _found(world: World, folder: Path, files: Sequence[str] | None, of: str) -> _Outputs:
    found = _Outputs()
    relatives: dict[str, str] = {}
    for relative in sorted(_walked(world, folder) if files is None else {safe_path(file) for file in files}):
        name = join(of, relative)
        local = folder / relative
        if _is_ours(relative):
            found.wrong[name] = Rejected("datagw calls files of its own so", path=name)
            continue
        try:
            claim = RemoteFile.from_stat(name, os.lstat(local))
        except FileNotFoundError:
            found.wrong[name] = Rejected("there is no such file to publish", path=str(local))
            continue
        if claim.kind != "file":
            found.wrong[name] = Rejected(f"a {claim.kind}, not a file", path=str(local))
            continue
        relatives[name] = relative
        found.staged[name] = StagedFile(local, claim)
    for name, digest in local_hashes(found.staged.values(), world).items():
        if isinstance(digest, str):
            one = found.staged[name].origin
            claim = RemoteFile(name, one.size, one.mtime_ns, etag=digest)
            found.files[name] = SourceFile(claim, relatives[name])
        elif isinstance(digest, Changed):
            found.late[name] = str(digest)
        else:
            found.wrong[name] = digest
    return found


def _walked(world: World, folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            relative = os.path.relpath(os.path.join(parent, name), folder)
            if _is_ours(relative):
                world.log.info("%s: datagw calls files of its own so; left alone", relative)
            elif not os.path.isfile(os.path.join(parent, name)) or os.path.islink(os.path.join(parent, name)):
                world.log.info("%s: no regular file; left alone", os.path.join(parent, name))
            else:
                yield relative


def _is_ours(relative: str) -> bool:
    return is_own_name(relative) or relative.rpartition("/")[2] == MARKER


def _raise(error: OSError) -> None:
    raise error


# ---- the copies


@contextmanager
def _leased(world: World, job: str, day: date | None, fence: Callable[[], None]) -> Generator[Lease]:
    """A lease beside that of the run, so that two threads of it, or one that was overtaken, do not collide."""
    while not isinstance(lease := world.ledger.take(f"{job} {_OUTPUTS}", day, world.run), Lease):
        pause(0.1, fence)
    try:
        with lease.keep():
            yield lease
    finally:
        lease.release()


@dataclass
class _Delivery:
    world: World
    job: Job
    day: date | None
    lease: Lease
    outputs: _Outputs
    fence: Callable[[], None]
    stack: ExitStack

    def copy(self, copy: Copy) -> CopyResult:
        """One copy of all files; an outage of its place fails it, and it alone."""
        work: CopyWork | None = None
        gateway = self._connected(copy)
        try:
            work = self._work(copy, gateway)
            for name, error in self.outputs.wrong.items():
                work.failed(name, error)
            self._apply(work)
            if work.dead is not None:
                raise work.dead
        except GatewayError as error:
            dead = dead_copy(self.world, self.job, self.day, copy.name, error, work)
            silent = gateway.name if isinstance(error, Unavailable) else ""
            *failures, last = dead.failures
            return replace(dead, failures=(*failures, replace(last, unanswered=silent)))
        return copy_result(work, late=bool(work.late or self.outputs.late))

    def result(self, copies: Sequence[CopyResult]) -> DayResult:
        """All of them together."""
        state = worst([copy.state for copy in copies])
        late = {**self.outputs.late}
        return DayResult(self.job.name, self.day, state, {c.copy: c for c in copies}, late=tuple(late.values()))  # type: ignore[arg-type]

    def _connected(self, copy: Copy) -> Gateway:
        found = self.world.gateways[copy.gateway]
        theirs = found.live.fence

        def fence() -> None:
            self.world.fence()
            theirs()
            self.fence()
            self.lease.check()

        return self.stack.enter_context(lent(found, copy.gateway, self.job, self.world, fence))

    def _work(self, copy: Copy, gateway: Gateway) -> CopyWork:
        ledger = self.world.ledger
        recover_parts(self.world, self.lease, gateway, ledger.intents(self.job.name, self.day, copy.name))
        seen = self._first_seen(copy)
        files = self.outputs.files.values()
        sight = glance_at_copy(self.job, copy, gateway, files, seen, ledger, day=self.day)
        made = kind_of_work(gateway)
        work = made(self.world, self.job, self.day, copy, gateway, self.lease, sight, {}, sync=False)
        self._remember(work)
        return work

    def _first_seen(self, copy: Copy) -> dict[tuple[str, str], date]:
        if not copy.template.needs_date:
            return {}
        pairs = [(file.claim.path, file.claim.content_version) for file in self.outputs.files.values()]
        today = self.world.now().astimezone(self.job.zone).date()
        return self.world.ledger.first_seen(self.job.name, pairs, today)

    def _remember(self, work: CopyWork) -> None:
        """The receipts of these files, and who else's stand where they go."""
        sight = work.sight
        others: dict[tuple[str, str], Receipt] = {}
        for receipt in self.world.ledger.receipts_at(self.job.name, sight.copy.name, sight.destinations.values()):
            if receipt.place != sight.place or (receipt.day != self.day and not sight.shows):
                continue
            if sight.destinations.get(receipt.source) == receipt.destination:
                same = receipt.day == self.day  # of another day: compared, to have one of this day
                work.receipts[receipt.source] = receipt if same else replace(receipt, version="", content_version="")
            else:
                others[sight.copy.name, receipt.destination] = receipt
        work.others = {destination for _, destination in others}
        self._known = Remembered({(sight.copy.name, path): one for path, one in work.receipts.items()}, others=others)

    def _apply(self, work: CopyWork) -> None:
        sight = SourceSight(there=True, files=tuple(self.outputs.files.values()))
        plan = make_plan(self.job, self.day, sight, [work.sight], self._known)
        work.done.update({action.source.path: "skipped" for action in plan.of("skip")})
        work.skipped = len(work.done)
        hashes = {path: file.claim.etag or "" for path, file in self.outputs.files.items()}
        differing = work.adopt(list(plan.of("adopt")), hashes)
        sends = [*plan.of("send"), *(action for action in differing if action.kind == "send")]
        for action in (*plan.of("refuse"), *(one for one in differing if one.kind == "refuse")):
            work.failed(action.source.path, f"{action.destination}: {action.reason}")
        claimed = {work.part(action) for action in sends} | self._of_others(work.sight)
        remove_unclaimed_parts(self.world, self.lease, work.gateway, work.sight, plan, claimed)
        self._send(work, sends)
        work.receipts = {path: one for path, one in work.receipts.items() if path in work.done}

    def _of_others(self, sight: CopySight) -> set[str]:
        """Parts of files that this call is not about, and another one will go on with."""
        intents = self.world.ledger.intents(self.job.name, self.day, sight.copy.name)
        return {intent.part for intent in intents if intent.source not in sight.destinations}

    def _send(self, work: CopyWork, sends: Iterable[Action]) -> None:
        actions = {action.source.path: action for action in sends}
        size = sum(action.source.size for action in actions.values())
        if actions:
            self.world.progress.plan(f"{self.job.name} {work.copy.name}", len(actions), size)
        for batch in batches([action.source for action in actions.values()]):
            staged = {claim.path: self.outputs.staged[claim.path] for claim in batch}
            work.send([actions[claim.path] for claim in batch], staged)
            if work.dead is not None:
                return
