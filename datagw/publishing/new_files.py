"""The run of a job that takes new files: batch by batch, each as a day is worked on, with one result for all."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from typing_extensions import override

from datagw.errors import GatewayError, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.ledger import Lease
from datagw.publishing.batching import forget_since
from datagw.publishing.copying import CopyWork
from datagw.publishing.day import DayWork
from datagw.publishing.failing import failed_for_good, set_apart
from datagw.publishing.glances import glance_at_copy, proven_at_all, remember_files
from datagw.publishing.outcome import copy_result, day_row, rows_of, weakest, worst
from datagw.publishing.patience import keep_account
from datagw.publishing.planning import CopySight, Remembered, SourceSight, Wish
from datagw.publishing.plans import Action, DayPlan
from datagw.publishing.recovery import recover
from datagw.publishing.results import CopyResult, DayResult
from datagw.publishing.sighting import sights
from datagw.publishing.world import World


@dataclass(frozen=True)
class NewFiles:
    """One run: of a switch the next batch, of a person all that there is, a batch at a time."""

    world: World
    job: Job
    day: date | None
    lease: Lease
    gateways: Mapping[str, Gateway]
    wish: Wish
    only: Collection[str] | None = None

    def run(self) -> DayResult:
        """Recover, look, and work on batches until none is left, or one is done, or no copy can be made any more."""
        wanted = [copy for copy in self.job.to if self.only is None or copy.name in self.only]
        copies = {copy.name: self.gateways[copy.gateway] for copy in wanted}
        source = self.gateways[self.job.source.gateway]
        recover(self.world, self.job, None, self.lease, source, copies)
        results: list[DayResult] = []
        names = list(copies)
        for sight in sights(self.job, None, source, self.world, self.wish, self.lease):
            work = BatchWork(self.world, self.job, None, self.lease, self.gateways, self.wish, names)
            results.append(work.work_on(sight))
            names = [name for name in names if name not in work.dead]
            if not names or (self.wish.patient and work.had_something_to_do):
                break
        forget_since(self.job, self.world)
        result = joined_results(self.job, results)
        if len(results) > 1:
            for copy in result.copies.values():
                self.world.ledger.write_day(self.lease, day_row(self.world, self.job, None, copy, None))
        return result


class BatchWork(DayWork):
    """The work on one batch of new files."""

    known: Remembered
    had_something_to_do: bool = False
    before: Collection[str] = ()
    apart: set[str]
    waiting: Collection[str] = frozenset()

    @override
    def work_on(self, sight: SourceSight) -> DayResult:
        """The whole batch."""
        self.apart = set()
        return super().work_on(sight)

    # ---- looking: at these files alone

    @override
    def _look_at_copies(self, sight: SourceSight) -> None:
        seen = self._first_seen(sight)
        found: list[CopySight] = []
        for copy in self.copies:
            gateway = self.gateways[copy.gateway]
            try:
                found.append(glance_at_copy(self.job, copy, gateway, sight.files, seen, self.world.ledger))
            except GatewayError as error:
                self._lose(copy.name, error)
        self.known = remember_files(self.job, found, self.world.ledger)
        self.before = self.world.ledger.attempts(self.job.name, None).keys()
        for one in found:
            self._begin(one, self.known.receipts)
            self.works[one.copy.name].others = {path for copy, path in self.known.others if copy == one.copy.name}

    @override
    def _remembered(self) -> Remembered:
        return self.known

    @override
    def _plan(self, sight: SourceSight) -> DayPlan:
        plan = super()._plan(sight)
        self.had_something_to_do = plan.due
        self.waiting = {action.source.path for action in plan.of("wait")}
        return plan

    @override
    def _look_again(self, sight: SourceSight) -> None:
        """What changed meanwhile is not taken under its new version: the next look finds it."""

    # ---- the end of a batch

    @override
    def _told(self, plan: DayPlan) -> Iterable[Action]:
        return () if self.wish.patient else super()._told(plan)

    @override
    def _free(self, sight: SourceSight) -> None:
        ready = tuple(file for file in sight.files if file.claim.path not in sight.restless)
        super()._free(replace(sight, files=ready))

    @override
    def _tidy(self) -> None:
        """A watched folder keeps its folders: somebody is about to put files there."""

    @override
    def _copy_result(self, name: str) -> CopyResult:
        return copy_result(self.works[name], late=False)

    @override
    def _set_apart(self, sight: SourceSight) -> None:
        """Puts on record what is proven at every copy, and moves away what failed for good."""
        works = list(self.works.values())
        now = self.world.now()
        if len(works) == len(self.job.to) and self.job.takes:
            proven = proven_at_all(sight.files, [work.receipts for work in works])
            undone = {failure.source for work in works for failure in work.failures} | {*self.late, *self.waiting}
            taken = [(file.claim.path, file.claim.version) for file in proven if file.claim.path not in undone]
            self.world.ledger.take_files(self.lease, taken, "published", now)
        if self.job.failed_source is None:
            return
        failed = {} if len(works) < len(self.job.to) else failed_for_good(works)
        stuck: list[tuple[str, str]] = []
        dates = self._first_seen(sight)
        for file in sight.files:
            path = file.claim.path
            if path not in failed or any(_may_still_come(work, path) for work in works):
                continue
            seen = dates.get((path, file.claim.content_version))
            try:
                target = self.job.failed_source.template.fill(file.relative, None, seen)
                moved = set_apart(self.world, self.job.name, self.source, file, target, failed[path])
            except GatewayError as error:
                self.world.log.warning("%s: failed for good, but cannot be moved away: %s", path, error)
                if not isinstance(error, Unavailable):  # else it is tried again, and so is moving it away
                    self.apart.add(path)
                    stuck.append((path, file.claim.version))
            else:
                if moved is not None:
                    self.apart.add(path)
                    self._say("%s: failed for good, moved to %s", path, self.source.shown(moved))
        self.world.ledger.take_files(self.lease, stuck, "failed", now)

    @override
    def _keep_account(self, plan: DayPlan, claims: Collection[RemoteFile]) -> None:
        """What was set apart is not to be tried again; what is not of this batch, this run cannot speak of."""
        if self._clean and not self.before:
            return
        mine = {claim.path for claim in claims} - {action.source.path for action in plan.of("wait")}
        failures = [
            *(failure for work in self.works.values() for failure in work.failures),
            *self.before_silence,
            *self.errors,
        ]
        keep_account(
            self.world,
            self.lease,
            self.job,
            failures=[failure for failure in failures if failure.source not in self.apart],
            whole=self.silent,
            claims=claims,
            untried=None if self.partial else {path for path in self.before if path != "" and path not in mine},
        )


def _may_still_come(work: CopyWork, path: str) -> bool:
    """Whether a copy has a file neither proven nor failed for good: then the file stays for it."""
    failures = [failure for failure in work.failures if failure.source == path]
    return not all(failure.final for failure in failures) if failures else path not in work.receipts


def joined_results(job: Job, results: Sequence[DayResult]) -> DayResult:
    """The results of a run's batches as one; without any copy where no file was published, found proven, or failed."""
    copies: dict[str, list[CopyResult]] = {}
    for result in results:
        for name, copy in result.copies.items():
            copies.setdefault(name, []).append(copy)
    joined = {name: _joined(job, found) for name, found in copies.items()}
    errors = [result.error for result in results if result.error]
    late = tuple(line for result in results for line in result.late)
    idle = not errors and all(copy.files == 0 and not copy.failures for copy in joined.values())
    failed = ["failed"] if errors else []
    waits = late or any(result.state == "waiting" for result in results)
    state = ("waiting" if waits else "empty") if idle else worst([*(copy.state for copy in joined.values()), *failed])
    return DayResult(
        job=job.name,
        day=None,
        state=state,  # type: ignore[arg-type]
        copies={} if idle else joined,
        deleted=sum(result.deleted for result in results),
        late=late,
        notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
        error="; ".join(errors[:3]) or None,
    )


def _joined(job: Job, found: Sequence[CopyResult]) -> CopyResult:
    if len(found) == 1:
        return found[0]
    manifests = "\n".join(copy.manifest for copy in found if copy.manifest and copy.files)
    return replace(
        found[-1],
        state=worst([copy.state for copy in found]),  # type: ignore[arg-type]
        files=sum(copy.files for copy in found),
        bytes=sum(copy.bytes for copy in found),
        sent_files=sum(copy.sent_files for copy in found),
        sent_bytes=sum(copy.sent_bytes for copy in found),
        adopted=sum(copy.adopted for copy in found),
        skipped=sum(copy.skipped for copy in found),
        seconds=round(sum(copy.seconds for copy in found), 3),
        manifest=hashlib.sha256(manifests.encode("ascii")).hexdigest(),
        verification=weakest(copy.verification for copy in found if copy.verification is not None),
        rows=tuple(row for copy in found for row in copy.rows)[: rows_of(job)],
        failures=tuple(failure for copy in found for failure in copy.failures),
    )
