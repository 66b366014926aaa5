"""What nobody will come back for: parts of runs that died, and parts that no ledger knows, at the destinations.

A run tidies the days that it works on. This is for all others: jobs, copies and days that are gone from the job file,
or that nobody asks for any more. A turn is short: no place has long to answer, and folders are listed for some seconds
only, each time further on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from datagw.errors import GatewayError, LeaseLost, NotFound, Rejected
from datagw.files import is_own_name, parent
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.jobs import Job
from datagw.ledger import Intent, Lease
from datagw.publishing.recovery import recover_parts
from datagw.publishing.world import World

OLD = timedelta(days=7)
_LATELY = timedelta(days=28)  # of receipts, whose folders are looked into
_MOST_RECEIPTS = 5_000  # the newest ones
_MOST_STRANGERS = 1_000  # parts of others, remembered at a time
_NOBODY = ""  # the job of what the janitor remembers; no job is called so
_STRANGERS, _FOLDER = "strange parts", "folder looked into last"
_TURN = 25.0  # seconds after which nothing more is begun
_LISTING = 5.0  # seconds of them that folders are listed
_ANSWER = 5.0  # seconds that a place has for an answer


@dataclass
class Tidied:
    """What one turn came to: paths as the job file writes them, and in `trouble` the places that are out of reach.

    `uploads` counts those that were half done at places that keep what has arrived.
    """

    parts: list[str] = field(default_factory=list[str])
    folders: int = 0
    uploads: int = 0
    trouble: dict[str, str] = field(default_factory=dict[str, str])


class Tidying:
    """One turn at the destinations of all jobs. `world.run` is the name under which it takes leases."""

    def __init__(self, world: World, jobs: Mapping[str, Job], clock: Callable[[], float] = time.monotonic) -> None:
        self.world = world
        self.jobs = jobs
        self.done = Tidied()
        self._clock = clock
        self._gateways: dict[str, Gateway] = {}
        self._lease: Lease | None = None
        self._now = world.now()
        self._end = clock() + _TURN

    def run(self) -> Tidied:
        """Removes parts that runs left more than a week ago, and parts that have stood for a week and nobody knows."""
        try:
            self._parts_of_ours()
            self._parts_of_nobody()
        finally:
            for gateway in self._gateways.values():
                gateway.close()
        return self.done

    def _gateway(self, name: str) -> Gateway | None:
        """One that is asked once and in a hurry; None where the job file has it no more."""
        if name not in self._gateways and name in self.world.gateways:
            patient = self.world.gateways[name]
            hurried = patient.model_copy(update={"timeout": min(patient.timeout, _ANSWER)})
            self._gateways[name] = hurried.using(
                name=name, retries=RetryPolicy(max=0), fence=self._fence, log=self.world.log
            )
        return self._gateways.get(name)

    def _fence(self) -> None:
        self.world.fence()
        if self._lease is not None:
            self._lease.check()

    @contextmanager
    def _reaching(self, name: str) -> Generator[None, None, None]:
        """A stretch of work at one place: what goes wrong there ends it, and the others go on."""
        try:
            yield
        except GatewayError as error:
            self.done.trouble[name] = str(error)

    # ---- of ours

    def _parts_of_ours(self) -> None:
        """Every hidden name is on record before it is on a place: so these are found without listing anything."""
        old = [intent for intent in self.world.ledger.intents_before(self._now - OLD) if intent.copy != ""]
        days = [(*day, list(group)) for day, group in groupby(old, key=lambda intent: (intent.job, intent.day))]
        random.shuffle(days)  # so that those behind a place which is slow to say no have their turn as well
        for job, day, intents in days:
            if self._clock() >= self._end:
                return
            lease = self.world.ledger.take(job, day, self.world.run)
            if not isinstance(lease, Lease):
                continue  # somebody is at work on the day, and will tidy it
            self._lease = lease
            try:
                with lease.keep():
                    if lease.taken_from is not None:
                        self.world.ledger.end_run(lease.taken_from, "lost", "its process is no more")
                    self._parts_of_day(lease, {(intent.gateway, intent.part) for intent in intents})
            except LeaseLost:
                continue  # to somebody who will tidy it
            finally:
                self._lease = None
                lease.release()

    def _parts_of_day(self, lease: Lease, old: set[tuple[str, str]]) -> None:
        """Under the lease, as it is now: a run may have come and gone meanwhile."""
        by_place: dict[str, list[Intent]] = {}
        for intent in self.world.ledger.intents(lease.job, lease.day):
            if (intent.gateway, intent.part) in old and intent.at < self._now - OLD:
                by_place.setdefault(intent.gateway, []).append(intent)
        for name, intents in by_place.items():
            gateway = self._gateway(name)
            parts = [intent.part for intent in intents if not intent.is_request]
            if gateway is None and not parts:
                self.world.ledger.forget_intents(lease, intents)  # of own code, or published in one request
            elif gateway is None:
                self.done.trouble[name] = "the job file has this place no more; a part may be there"
            elif name not in self.done.trouble:
                with self._reaching(name):
                    recover_parts(self.world, lease, gateway, intents)
                    self._remove(gateway, parts)
                    self.done.uploads += gateway.abandon([one.destination for one in intents if one.is_request])
                    self.world.ledger.forget_intents(lease, intents)

    def _remove(self, gateway: Gateway, parts: Sequence[str]) -> None:
        for path, error in zip(parts, gateway.rm_many(parts), strict=True):
            if error is None:
                self.done.parts.append(gateway.shown(path))
            elif not isinstance(error, NotFound):
                raise error

    # ---- of nobody

    def _parts_of_nobody(self) -> None:
        """What no intent claims is removed once it has been seen, and has not changed, for a week.

        By our own clock and memory: a part of another ledger may be dated long ago while it is at work on it.
        """
        ledger = self.world.ledger
        known = Strangers.of(ledger.position(_NOBODY, _STRANGERS, {}))
        before = ledger.position(_NOBODY, _FOLDER, "")
        end = min(self._clock() + _LISTING, self._end)
        for key, name, folder in _after(before, self._folders()):
            if self._clock() >= end:
                break
            if name not in self.done.trouble:
                with self._reaching(name):
                    self._look_into(name, folder, known)
            before = key
        ledger.set_position(_NOBODY, _FOLDER, before)
        ledger.set_position(_NOBODY, _STRANGERS, known.kept())

    def _folders(self) -> list[tuple[str, str, str]]:
        """The destination folders that receipts of late speak of: a key to sort them by, the gateway, the folder."""
        copies = {(job.name, copy.name): copy.gateway for job in self.jobs.values() for copy in job.published}
        found = {
            (copies[job, copy], parent(destination))
            for job, copy, destination in self.world.ledger.newest_destinations(self._now - _LATELY, _MOST_RECEIPTS)
            if (job, copy) in copies
        }
        return sorted((f"{name}:{folder}", name, folder) for name, folder in found if name in self.world.gateways)

    def _look_into(self, name: str, folder: str, known: Strangers) -> None:
        gateway = self._gateway(name)
        if gateway is None or gateway.in_one_request:  # where no part ever stands
            return
        try:
            entries = list(gateway.ls(folder))
        except (NotFound, Rejected):
            entries = []  # the receiver took the folder away
        self.done.folders += 1
        parts = {e.path: f"{e.size} {e.mtime_ns}" for e in entries if is_own_name(e.path) and e.path.endswith(".part")}
        claimed = self.world.ledger.claimed(name, parts) if parts else set[str]()
        strange = {path: look for path, look in parts.items() if path not in claimed}
        stale = known.seen(f"{name}:{folder}", strange, self._now)
        if stale:
            self._remove(gateway, stale)


@dataclass
class Strangers:
    """Parts that no intent claims: what they look like, and since when, by folder and path."""

    since: dict[str, dict[str, tuple[str, str]]]

    @classmethod
    def of(cls, kept: Mapping[str, Mapping[str, Sequence[str]]]) -> Strangers:
        """What the ledger kept."""
        return cls({folder: {path: (s[0], s[1]) for path, s in parts.items()} for folder, parts in kept.items()})

    def seen(self, folder: str, parts: Mapping[str, str], now: datetime) -> list[str]:
        """Takes note of what stands in a folder now, by path; those that have not changed for a week."""
        before = self.since.pop(folder, {})
        stale: list[str] = []
        for path, look in parts.items():
            first = before[path][1] if path in before and before[path][0] == look else now.isoformat()
            if now - datetime.fromisoformat(first) >= OLD:
                stale.append(path)
            elif sum(map(len, self.since.values())) < _MOST_STRANGERS:
                self.since.setdefault(folder, {})[path] = (look, first)
        return stale

    def kept(self) -> dict[str, dict[str, tuple[str, str]]]:
        """What the ledger is to keep."""
        return self.since


def _after(last: str, folders: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The folders behind the one looked into last, then the others from the beginning."""
    return [one for one in folders if one[0] > last] + [one for one in folders if one[0] <= last]
