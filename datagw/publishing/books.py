"""The books of one day at work: what is still alive, what failed, what is late, and what the ledger is told."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import date

from datagw.errors import Changed, GatewayError, NotFound, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.jobs import Job
from datagw.ledger import FailureRow, Lease, MarkerRow
from datagw.publishing.copying import CopyWork
from datagw.publishing.outcome import copy_result, day_row, dead_copy, worst
from datagw.publishing.patience import keep_account
from datagw.publishing.planning import Wish
from datagw.publishing.plans import DayPlan
from datagw.publishing.results import CopyResult, DayResult, FileFailure
from datagw.publishing.world import World


class Books:
    """What is known of a day while it is worked on.

    `only` names the copies to make, where not all are; then nothing is deleted and no marker of others is touched.
    """

    def __init__(
        self,
        world: World,
        job: Job,
        day: date | None,
        lease: Lease,
        gateways: Mapping[str, Gateway],
        wish: Wish,
        only: Collection[str] | None = None,
    ) -> None:
        self.world = world
        self.job = job
        self.day = day
        self.lease = lease
        self.gateways = gateways
        self.source = gateways[job.source.gateway]
        self.wish = wish
        self.copies = [copy for copy in job.to if only is None or copy.name in only]
        self.names = {copy.name for copy in self.copies}
        self.partial = len(self.copies) < len(job.to)
        self.label = day.isoformat() if day else job.name
        self.works: dict[str, CopyWork] = {}
        self.dead: dict[str, CopyResult] = {}
        self.late: dict[str, str] = {}
        self.errors: list[FileFailure] = []
        self.notes: list[str] = []
        self.freed: list[str] = []
        self.loose = False
        self.silent: list[tuple[str, GatewayError]] = []
        self.before_silence: list[FileFailure] = []
        self.marked: dict[str, MarkerRow] = {}
        self.unmarked: list[MarkerRow] = []

    @property
    def _clean(self) -> bool:
        failed = any(work.failures for work in self.works.values())
        return not (self.dead or self.errors or self.late or failed)

    def _source_trouble(self, path: str, error: GatewayError) -> None:
        if isinstance(error, Changed | NotFound):
            self.late[path] = str(error)
        else:
            for work in self.works.values():
                work.failed(path, error)

    def _not_freed(self, path: str, error: GatewayError) -> None:
        """The source takes no marker, so nothing of it will be deleted; the copies are made all the same."""
        text = f"{error}; published, but not freed"
        unanswered = self.job.source.gateway if isinstance(error, Unavailable) else ""
        self.errors.append(FileFailure("", path, text, unanswered))
        self.world.log.error("%s", text)
        row = FailureRow(self.job.name, self.day, None, path, text, self.world.now(), self.world.run)
        self.world.ledger.write_failures([row])

    @contextmanager
    def _surviving(self, name: str) -> Generator[None, None, None]:
        """A stretch of work on one copy: an outage there ends that copy, not the day."""
        try:
            yield
        except GatewayError as error:
            self._lose(name, error)

    def _gateway_of(self, name: str) -> str:
        return next(copy.gateway for copy in self.copies if copy.name == name)

    def _lose(self, name: str, error: GatewayError) -> None:
        """One place is out of reach: the others go on, the day has failed there."""
        if name == "":
            self._not_freed("", error)
            return
        if isinstance(error, Unavailable):
            self.gateways[self._gateway_of(name)].live.retries = RetryPolicy(max=0)  # the other days do not wait again
        work = self.works.pop(name, None)
        self.silent.append((self._gateway_of(name), error))
        self.before_silence += work.failures if work else ()
        self.dead[name] = dead_copy(self.world, self.job, self.day, name, error, work)

    def _result(self, state: str | None) -> DayResult:
        copies = (
            {copy.name: self.dead.get(copy.name) or self._copy_result(copy.name) for copy in self.copies}
            if state is None
            else {}
        )
        return DayResult(
            job=self.job.name,
            day=self.day,
            state=state or worst([*(copy.state for copy in copies.values()), *(["failed"] if self.errors else [])]),  # type: ignore[arg-type]
            copies=copies,
            deleted=len(self.freed),
            late=tuple(self.late.values()),
            notes=tuple(self.notes),
            error="; ".join(failure.error for failure in self.errors[:3]) or None,
        )

    def _copy_result(self, name: str) -> CopyResult:
        return copy_result(self.works[name], late=bool(self.late))

    def _open_the_books(self, marked: Mapping[str, MarkerRow]) -> None:
        """The day is unfinished from here on, and these markers are about to be put."""
        ledger = self.world.ledger
        results = [self.dead.get(copy.name) or self._copy_result(copy.name) for copy in self.copies]
        with ledger.together(self.lease):
            for result in results:
                ledger.write_day(self.lease, day_row(self.world, self.job, self.day, result, "unfinished"))
            for row in marked.values():
                ledger.add_marker(self.lease, row)
        self.marked.update(marked)

    def _close_the_books(self, results: Iterable[CopyResult]) -> None:
        """What the day has come to, and which markers stand no more."""
        ledger = self.world.ledger
        with ledger.together(self.lease):
            for row in self.unmarked:
                ledger.remove_marker(self.lease, row)
            for result in results:
                ledger.write_day(self.lease, day_row(self.world, self.job, self.day, result, None))

    def _keep_account(self, plan: DayPlan, claims: Collection[RemoteFile]) -> None:
        """What failed is put down with how often in a row it has; costs nothing where all is well and always was."""
        if self._clean and not self.loose:
            return
        failures = [failure for work in self.works.values() for failure in work.failures]
        waiting = {action.source.path for action in plan.of("wait")}
        keep_account(
            self.world,
            self.lease,
            self.job,
            failures=[*failures, *self.before_silence, *self.errors],
            whole=self.silent,
            claims=claims,
            untried=None if self.partial else {*waiting, ""} if waiting else (),
        )

    def _say(self, text: str, *values: object, level: int = logging.INFO) -> None:
        self.world.log.log(level, "%s: %s", self.label, text % values)
