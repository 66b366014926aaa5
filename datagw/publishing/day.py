"""One day of one job, from the first look to the last empty folder. The order of the steps is the guarantee."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

from datagw.errors import Denied, GatewayError, NotFound
from datagw.files import RemoteFile, parent
from datagw.gateways.base import Gateway
from datagw.gateways.front.reading import Readable
from datagw.gateways.front.streaming import Streams
from datagw.ledger import MarkerRow, Receipt
from datagw.publishing.books import Books
from datagw.publishing.copying import local_hashes
from datagw.publishing.copying_within import CopyWithin, kind_of_work
from datagw.publishing.freeing import Freeing, remove_empty_folders
from datagw.publishing.looking import in_place, look_at_copy, look_at_source, remember
from datagw.publishing.manifests import write_manifest
from datagw.publishing.markers import copy_marker, is_orphaned, marker_row, remove_marker, set_marker, source_marker
from datagw.publishing.moving import templates_of
from datagw.publishing.patience import held_back
from datagw.publishing.pinning import only_planned
from datagw.publishing.planning import CopySight, Remembered, SourceSight, make_plan
from datagw.publishing.plans import Action, DayPlan
from datagw.publishing.pointers import due_for_pointers, write_pointer
from datagw.publishing.recovery import claimed_later, recover, remove_unclaimed_parts
from datagw.publishing.results import DayResult
from datagw.publishing.settling import settled_only
from datagw.publishing.sighting import sights
from datagw.publishing.staging import stage, unstage

BATCH_FILES = 1000
BATCH_BYTES = 512 << 20


class DayWork(Books):
    """The work on one day, under its lease; `run` does all of it and returns what became of it."""

    unplanned: Collection[str] = frozenset()

    def run(self) -> DayResult:
        """Recover, look, plan, adopt, mark, send, look again, unmark, free, tidy; and put the day on record."""
        copies = {copy.name: self.gateways[copy.gateway] for copy in self.copies}
        recover(self.world, self.job, self.day, self.lease, self.source, copies)
        (sight,) = sights(self.job, self.day, self.source, self.world, self.wish, self.lease)
        return self.work_on(sight)

    def work_on(self, sight: SourceSight) -> DayResult:
        """All of it but recovering and looking at the source."""
        if sight.waits is not None:
            self._say("%s", sight.waits)
            return self._result("waiting")
        self._look_at_copies(sight)
        plan = self._plan(sight)
        if plan.state == "missing":
            self._say("missing: no such day at the source")
            return self._result("missing")
        if plan.due:
            self._open_the_books(self._markers_to_come(plan))
            self._take_over_markers()
        self._apply(plan, sight)
        return self._conclude(plan, sight)

    # ---- looking and planning

    def _look_at_copies(self, sight: SourceSight) -> None:
        seen = self._first_seen(sight)
        receipts = self.world.ledger.current_receipts(self.job.name, self.day)
        for copy in self.copies:
            gateway = self.gateways[copy.gateway]
            try:
                found = look_at_copy(copy, gateway, sight.files, self.day, seen)
            except GatewayError as error:
                self._lose(copy.name, error)
            else:
                self._begin(found, receipts)

    def _first_seen(self, sight: SourceSight) -> dict[tuple[str, str], date]:
        if not any(template.needs_date for template in templates_of(self.job)):
            return {}
        pairs = [(file.claim.path, file.claim.content_version) for file in sight.files]
        return self.world.ledger.first_seen(self.job.name, pairs, self.world.now().astimezone(self.job.zone).date())

    def _begin(self, found: CopySight, receipts: Mapping[tuple[str, str], Receipt]) -> None:
        copy = found.copy
        mine = {
            source: receipt
            for (name, source), receipt in receipts.items()
            if name == copy.name and receipt.place == found.place
        }
        gateway = self.gateways[copy.gateway]
        self.works[copy.name] = kind_of_work(gateway, self.source)(
            self.world, self.job, self.day, copy, gateway, self.lease, found, mine, sync=self.job.frees
        )

    def _remembered(self) -> Remembered:
        return remember(self.job, self.day, self.world.ledger)

    def _plan(self, sight: SourceSight) -> DayPlan:
        known = self._remembered()
        self.loose = known.loose is not None
        plan = make_plan(self.job, self.day, sight, [w.sight for w in self.works.values()], known, self.wish)
        seen = [work.sight for work in self.works.values()]
        plan = due_for_pointers(plan, self.job, sight, seen, self.world, self.gateways, self._lose)
        plan = held_back(self.job, plan, self.world, self.wish)
        plan = settled_only(self.job, plan, self.source, self.world, self.wish)
        plan, self.unplanned = only_planned(plan, self.wish)
        self.notes.extend(plan.notes)
        size = sum(file.claim.size for file in sight.files)
        if self.job.watches:
            self._say("screened %s, %s bytes", _files(len(sight.files)), f"{size:,}")
        for note in plan.notes:
            self._say("%s", note, level=logging.WARNING if note in self.source.live.notes else logging.INFO)
        for odd in plan.of("ignore"):
            self._say("%s: %s; left alone", odd.source.path, odd.reason)
        return plan

    # ---- doing

    def _apply(self, plan: DayPlan, sight: SourceSight) -> None:
        within = {name for name, work in self.works.items() if isinstance(work, CopyWithin)}
        hashes = self._hashes([action.source for action in plan.of("adopt") if action.copy not in within])
        sends: dict[str, list[Action]] = {}
        for name, work in list(self.works.items()):
            work.done.update({action.source.path: "skipped" for action in plan.of("skip", name)})
            work.skipped = len(work.done)
            for action in plan.of("refuse", name):
                trouble = self.source.live.unseen.get(action.source.path)
                work.failed(action.source.path, trouble or f"{action.destination}: {action.reason}")
            sends[name] = list(plan.of("send", name))
            with self._surviving(name):
                differing = work.adopt(list(plan.of("adopt", name)), hashes)
                for action in differing:
                    if action.kind == "refuse":
                        work.failed(action.source.path, f"{action.destination}: {action.reason}")
                sends[name] += [action for action in differing if action.kind == "send"]
                claimed = {part for action in (*sends[name], *plan.of("wait", name)) for part in work.parts(action)}
                claimed |= claimed_later(self.world, plan, name, sight)
                remove_unclaimed_parts(self.world, self.lease, work.gateway, work.sight, plan, claimed)
            size = sum(action.source.size for action in sends[name])
            words = "in place, %d to send" if self.job.work is None else "taken before, %d to hand over"
            if self.job.watches:
                self._say(f"%s: %d {words}, %s bytes", name, work.skipped + work.adopted, len(sends[name]), f"{size:,}")
            label = " ".join(dict.fromkeys([self.job.name, self.label, name]))
            self.world.progress.plan(label, len(sends[name]), size if self.job.watches else 0)
        if any(sends[name] for name in self.works):
            self._set_markers(sends)
            self._copy_within(sends)
            self._send(sends)

    def _hashes(self, claims: Sequence[RemoteFile]) -> dict[str, str]:
        """SHA-256 of source files, once each, by path; one that changes meanwhile is late."""
        unique = list({claim.path: claim for claim in claims}.values())
        found: dict[str, str | GatewayError] = {}
        if self.source.type == "local":
            found = local_hashes((in_place(self.source, claim) for claim in unique), self.world)
        else:
            answers = self.source.hashes(unique, probe=False)
            for claim, answer in zip(unique, answers, strict=True):
                found[claim.path] = answer if isinstance(answer, GatewayError) else answer[0]
        for path, one in found.items():
            if isinstance(one, GatewayError):
                self._source_trouble(path, one)
        return {path: one for path, one in found.items() if isinstance(one, str)}

    def _take_over_markers(self) -> None:
        """Those of a lost ledger become ours, so that they go at the end of the day also where nothing is sent."""
        ledger = self.world.ledger
        path = source_marker(self.job, self.day) if self.job.frees and not self.partial else None
        if path is not None and is_orphaned(self.source, path, self.job, ledger):
            self._mark_source(path)
        for name, work in list(self.works.items()):
            there = copy_marker(work.copy, self.day, work.gateway)
            with self._surviving(name):
                if there is not None and is_orphaned(work.gateway, there, self.job, ledger):
                    self._mark(name, work.gateway, there)

    def _markers_to_come(self, plan: DayPlan) -> dict[str, MarkerRow]:
        """Those that this plan is sure to need, by copy."""
        paths = {
            name: copy_marker(work.copy, self.day, work.gateway)
            for name, work in self.works.items()
            if any(plan.of("send", name))
        }
        if paths and self.job.frees and not self.partial:
            paths[""] = source_marker(self.job, self.day)
        places = {"": self.source, **{name: work.gateway for name, work in self.works.items()}}
        return {
            name: marker_row(self.world, self.job, self.day, name, places[name], path)
            for name, path in paths.items()
            if path is not None
        }

    def _mark(self, name: str, gateway: Gateway, path: str) -> bool:
        if name not in self.marked:
            self.marked[name] = marker_row(self.world, self.job, self.day, name, gateway, path)
            self.world.ledger.add_marker(self.lease, self.marked[name])
        return set_marker(self.world, self.lease, self.job, self.marked[name], gateway)

    def _mark_source(self, path: str) -> bool:
        try:
            return self._mark("", self.source, path)
        except Denied as error:  # a disk that has become read-only is the last to be left alone with its files
            self._not_freed(path, error)
            return False

    def _set_markers(self, sends: Mapping[str, Sequence[Action]]) -> None:
        """In the source if files may go from it, then at each destination that gets a byte; before the first byte."""
        path = source_marker(self.job, self.day) if self.job.frees and not self.partial else None
        standing = [self.source.shown(path)] if path is not None and self._mark_source(path) else []
        for name, work in list(self.works.items()):
            there = copy_marker(work.copy, self.day, work.gateway)
            if there is not None and sends[name]:
                with self._surviving(name):
                    if self._mark(name, work.gateway, there):
                        standing.append(work.gateway.shown(there))
        if standing:
            self._say("markers set: %s", ", ".join(standing))

    def _copy_within(self, sends: dict[str, list[Action]]) -> None:
        """What a place copies by itself; what it does not is left to be sent."""
        for name, work in list(self.works.items()):
            if isinstance(work, CopyWithin) and (mine := sends.get(name)):
                sends[name] = []
                with self._surviving(name):
                    self.works[name], sends[name] = work.copy_all(mine)
                    self._say("%s: copied by the place itself: %s", name, _files(work.sent_files))

    def _send(self, sends: Mapping[str, Sequence[Action]]) -> None:
        by_source = {name: {action.source.path: action for action in actions} for name, actions in sends.items()}
        wanted = {path: action.source for name in self.works for path, action in by_source[name].items()}
        total, done, told = len(wanted), 0, time.monotonic()
        with Streams(self.source) as streams:
            for batch in batches(list(wanted.values())):
                staged = self._stage(batch, by_source, streams)
                try:
                    for name, work in list(self.works.items()):
                        mine = by_source[name]
                        if some := [mine[path] for path in staged if path in mine]:
                            with self._surviving(name):
                                work.send(some, staged)
                                if work.dead is not None:
                                    raise work.dead
                finally:
                    unstage(staged.values())
                done += len(batch)
                if self.job.watches and (time.monotonic() - told >= 60 or done == total):
                    told = time.monotonic()
                    self._say("%.1f %% (%d of %s)", 100 * done / total, done, _files(total))

    def _stage(
        self, batch: Sequence[RemoteFile], sends: Mapping[str, Collection[str]], streams: Streams
    ) -> dict[str, Readable]:
        """The files that are in hand, or are read where they stand; `sends` are the sources of each copy."""
        once = self._read_once(batch, sends)
        staged: dict[str, Readable] = {}
        for claim, one in zip(batch, stage(self.world, self.source, batch, streams, once), strict=True):
            if isinstance(one, GatewayError):
                self._source_trouble(claim.path, one)
            else:
                staged[claim.path] = one
        return staged

    def _read_once(self, batch: Sequence[RemoteFile], sends: Mapping[str, Collection[str]]) -> set[str]:
        """Files that only one copy wants, and need not have in hand."""
        wanting = {claim.path: [name for name in self.works if claim.path in sends[name]] for claim in batch}
        return {path for path, names in wanting.items() if len(names) == 1 and self.works[names[0]].takes_streams}

    # ---- the end of the day

    def _conclude(self, plan: DayPlan, sight: SourceSight) -> DayResult:
        for work in self.works.values():
            self.late |= work.late
        self.late |= {action.source.path: f"{action.source.path}: {action.reason}" for action in self._told(plan)}
        if plan.due:
            self._look_again(sight)
        if not sight.there and plan.due and self.source.keeps_folders:
            self.late[""] = "its folder is gone before all of it was on record; nothing is taken for empty"
        if plan.due and self._clean:
            self._write_manifests(sight)
        standing = self.world.ledger.markers_on(self.job.name, self.day) if self._clean else []
        if self._clean:
            self._remove_markers([row for row in standing if row.copy != ""])
        if self.job.frees and not (self.partial or self.dead or self.errors or "" in self.late):
            self._free(sight)
        self._set_apart(sight)
        if self._clean and not self.partial:
            self._remove_markers([row for row in standing if row.copy == ""])
        result = self._result(None)
        if plan.due or self.unmarked:
            self._close_the_books(result.copies.values() if plan.due else ())
        self._keep_account(plan, [file.claim for file in sight.files])
        if self._clean:
            self._tidy()
        for line in self.late.values():
            self._say("for the next run: %s", line)
        self._say("done (%s)", result.state)
        return result

    def _write_manifests(self, sight: SourceSight) -> None:
        """Of every copy that is whole now; the last that is seen of the day, but for its markers."""
        for name, work in list(self.works.items()):
            if all(file.claim.path in work.receipts for file in sight.files):
                with self._surviving(name):
                    if write_manifest(work):
                        self._say("manifest written: %s", work.gateway.shown(work.sight.manifest or ""))
                    if not self.partial and sight.files and write_pointer(work):
                        self._say("pointer written: %s", work.gateway.shown(work.sight.pointer or ""))

    def _told(self, plan: DayPlan) -> Iterable[Action]:
        """The files left for later that make the day unfinished."""
        return plan.of("wait")

    def _set_apart(self, sight: SourceSight) -> None:
        """What failed for good stays where it is, and keeps its day's markers standing."""

    def _look_again(self, sight: SourceSight) -> None:
        """Files that came or changed while the day was sent: not a failure; the next run takes them."""
        before = {file.claim.path: file.claim.version for file in sight.files}
        after = look_at_source(self.job, self.day, self.source, self.world.ledger, self.world.now())
        if after.waits is not None:
            self.late[""] = after.waits
        for file in after.files:
            path = file.claim.path
            if path not in after.unseen and before.get(path) != file.claim.version and path not in self.late:
                self.late[path] = f"{path}: {'changed' if path in before else 'came'} while the day was sent"

    def _remove_markers(self, rows: Sequence[MarkerRow]) -> None:
        for row in rows:
            if self.partial and row.copy not in self.names:
                continue
            if row.gateway in self.gateways:
                with self._surviving(row.copy):
                    remove_marker(self.world, self.lease, row, self.gateways[row.gateway])
                    self.unmarked.append(row)
                    self._say("marker removed: %s", self.gateways[row.gateway].shown(row.path))
            else:
                self.unmarked.append(row)
                self._say("%s:%s: the job has left this place; look for a marker there", row.gateway, row.path)

    def _free(self, sight: SourceSight) -> None:
        works = list(self.works.values())
        stays = {failure.source for work in works for failure in work.failures} | {*self.unplanned}
        ready = [f for f in sight.files if f.claim.path not in stays and all(f.claim.path in w.receipts for w in works)]
        if not ready:
            return
        freeing = Freeing(self.world, self.job, self.day, self.source, self.lease, works, self._first_seen(sight))
        try:
            freeing.free(ready)
        except GatewayError as error:
            self._not_freed(error.path or "", error)
        self.freed = freeing.deleted
        self.late |= freeing.late
        self.errors += freeing.failures
        self._say("source %s: %s", "removed" if self.job.delete_source else "moved", _files(len(self.freed)))

    def _tidy(self) -> None:
        """Empty folders of a day that was freed, if the folder is the day's alone; else only those of freed files."""
        if not self.job.frees or self.partial or not self.source.keeps_folders:
            return
        pattern = self.job.source.pattern
        base = pattern.on(self.day).base
        try:
            own = [] if self.day is None else [*pattern.folders(self.source.ls, self.day)]
            below = [
                entry.path for one in own for entry in self.source.ls(one, recursive=True) if entry.kind == "folder"
            ]
            freed = [parent(path) for path in self.freed]
            remove_empty_folders(self.source, base, [*own, *below, *freed], base_too=pattern.folder_is_the_days)
        except NotFound:
            return
        except GatewayError as error:
            self.world.log.warning("empty folders stay: %s", error)


def _files(count: int) -> str:
    return f"{count:,} file" + ("" if count == 1 else "s")


def batches(claims: Sequence[RemoteFile]) -> Iterator[list[RemoteFile]]:
    """The files in order, as many at a time as are held in hand at once; one that is larger goes alone."""
    batch: list[RemoteFile] = []
    size = 0
    for claim in claims:
        if batch and (len(batch) == BATCH_FILES or size + claim.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(claim)
        size += claim.size
    if batch:
        yield batch
