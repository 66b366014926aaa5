"""What is done to publish one file: its resource found or made, its file replaced, its page told what it is to say.

The order is the guarantee: whose a resource is, and its title, stand on it before its file is replaced; what is new is
known by the name of its file until then. So whoever comes after a crash finds it, and makes no second one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from datagw.errors import Denied, GatewayError, Rejected
from datagw.gateways.front.reading import Reading
from datagw.gateways.paths.templates import split_name
from datagw.gateways.udata.api import Api
from datagw.gateways.udata.data_sets import KEY, TITLE, DataSet, Resource, upload_name
from datagw.gateways.udata.refusals import Stumbled
from datagw.gateways.udata.uploads import resource_of, sha1_of, upload
from datagw.gateways.udata.wording import as_title, is_id

_BLOCK = 1 << 20


@dataclass
class Posting:
    """One file on its way to one data set. `said` are the fields that its page is to have; `chunk` is in bytes.

    `name` is that of the file, which is the end of its path but where that is an id.

    `doubtful` holds, by data set and path, the ids that there were before a request that got no answer.
    """

    api: Api
    data_set: DataSet
    path: str
    name: str
    said: Mapping[str, Any]
    chunk: int
    doubtful: dict[tuple[str, str], frozenset[str]]
    warn: Callable[[str], None]

    # ---- files that the place keeps

    def file(self, reading: Reading) -> Resource:
        """Uploads it, in the place of what it had or as a new resource; Unavailable where it arrived differing."""
        target = self.data_set.at(self.path)
        ours = target is not None and (target.key is not None or self._is_declared)
        if target is None:
            target = self.data_set.nobodys(self.name)
        if target is None:
            return self._added(reading)
        if not target.hosted:
            raise Rejected(f"the resource {target.id} is a link: a gateway with `remote` leads it elsewhere")
        if not ours and (target.checksum, target.size) == (f"sha1:{sha1_of(reading, _BLOCK)}", reading.size):
            reading.spared = reading.size
            return self.complete(target)
        self._require_replaceable(reading)
        target = self._said_first(target)
        made, sha1 = self._uploaded(f"resources/{target.id}/upload/", reading)
        self._require_equal(made, sha1, reading.size)
        return self.complete(made, before=target)

    def _added(self, reading: Reading) -> Resource:
        self._require_no_pin()
        with self._doubting((self.data_set.id, self.path)) as known:
            made, sha1 = self._uploaded("upload/", reading)
        self._require_equal(made, sha1, reading.size)
        done = self.complete(made)
        if known is not None:
            self._without_twins(done, known)
        return done

    @contextlib.contextmanager
    def _doubting(self, place: tuple[str, str]) -> Generator[frozenset[str] | None]:
        """While a new resource is asked for: the ids that there were before the first request that got no answer."""
        known = self.doubtful.get(place)
        self.doubtful[place] = known or frozenset(self.data_set.resources)
        try:
            yield known
        except GatewayError as error:
            if not error.transient:
                del self.doubtful[place]
            raise
        del self.doubtful[place]

    def _without_twins(self, made: Resource, before: frozenset[str]) -> None:
        """What an earlier request of this run has made after all, though it got no answer: equal, and nobody's."""
        now = self.api.look(self.data_set.id, {})
        for one in now.resources.values():
            equal = (one.file_name, one.checksum, one.size) == (made.file_name, made.checksum, made.size)
            alike = equal and one.hosted == made.hosted and one.key in (None, self.path)
            if alike and one.id not in before and one.id != made.id:
                self.warn(f"a request that got no answer had made the resource {one.id} after all; it is removed")
                self.api.send("DELETE", self._path(f"resources/{one.id}/"))
                self.data_set.resources.pop(one.id, None)

    # ---- links

    def link(self, reading: Reading, address: str, *, compare: bool) -> Resource:
        """Lets the page lead to `address`, where the file stands already; `compare` makes sure that it does."""
        target = self.data_set.at(self.path)
        if target is not None:
            self._require_replaceable(reading)
            if target.hosted:
                raise Rejected(f"the resource {target.id} holds an uploaded file, and udata makes no link of it")
        sha1 = sha1_of(reading, _BLOCK)
        if compare:
            self._require_there(address, reading)
        told = {"url": address, "filesize": reading.size, "checksum": {"type": "sha1", "value": sha1}}
        if target is None:
            return self._linked(told)
        return self._told(target, {**told, **self._changes(target, target)})

    def _linked(self, told: Mapping[str, Any]) -> Resource:
        self._require_no_pin()
        suffix = split_name(self.name)[1]
        new = {"type": "main", "format": suffix[1:].lower() or None, **self._fields(None), **told, "filetype": "remote"}
        place = self.data_set.id, self.path
        with self._doubting(place) as known:
            said = self.api.send("POST", self._path("resources/"), new)
        made = resource_of(self.api, said)
        self.data_set.put(made)
        if known is not None:
            self._without_twins(made, known)
        return made

    def _require_there(self, address: str, reading: Reading) -> None:
        found = self.api.fetched(address)
        if found != (reading.sha256, reading.size):
            raise Stumbled(
                f"{address} leads to other content ({found[1]} bytes, SHA-256 {found[0]}); "
                "it is to be published there before its page tells of it"
            )

    # ---- pages

    def complete(self, target: Resource, *, before: Resource | None = None) -> Resource:
        """The page as it is to be: whose it is, its title, its fields; asked for only where it is not so."""
        return self._told(target, self._changes(target, before or target))

    def _changes(self, target: Resource, before: Resource) -> dict[str, Any]:
        wanted = {**self._fields(before)}
        wanted["extras"] = {**target.extras, **wanted["extras"]}
        return {key: value for key, value in wanted.items() if target.said.get(key) != value}

    def _fields(self, before: Resource | None) -> dict[str, Any]:
        title = self._title(before)
        return {**self.said, "title": title, "extras": {**self.said["extras"], KEY: self.path, TITLE: title}}

    def _title(self, before: Resource | None) -> str:
        """The one that is given; else the one that it had, which an upload that was interrupted may have reset."""
        if "title" in self.said:
            return str(self.said["title"])
        if before is not None and before.title and before.title != before.file_name:
            return before.title
        kept = before.extras.get(TITLE) if before is not None else None
        return str(kept or as_title(self.name))

    def _said_first(self, target: Resource) -> Resource:
        """Whose it is and its title, before an upload resets that."""
        kept = {KEY: self.path, TITLE: self._title(target)}
        if all(target.extras.get(key) == value for key, value in kept.items()):
            return target
        return self._told(target, {"extras": {**target.extras, **kept}})

    def _told(self, target: Resource, fields: Mapping[str, Any]) -> Resource:
        if fields:
            target = resource_of(self.api, self.api.send("PUT", self._path(f"resources/{target.id}/"), fields))
        self.data_set.put(target)
        return target

    # ---- what both need

    def _uploaded(self, where: str, reading: Reading) -> tuple[Resource, str]:
        """What stands there now, equal or not, and the SHA-1 that it should have."""
        name = upload_name(self.name)
        made, sha1 = upload(self.api, self.data_set.id, self._path(where), name, reading, self.chunk)
        self.data_set.put(made)
        return made, sha1

    def _path(self, rest: str) -> str:
        return f"api/1/datasets/{self.data_set.id}/{rest}"

    @property
    def _is_declared(self) -> bool:
        """Whether somebody has said which resource this path is."""
        return is_id(self.path) or self.data_set.pinned_at(self.path) is not None

    def _require_no_pin(self) -> None:
        pinned = self.data_set.pinned_at(self.path)
        if pinned is not None:
            raise Denied(f"the data set has no resource {pinned}, which this path is declared to be")
        if is_id(self.path):
            raise Denied(f"the data set has no resource {self.path}")

    def _require_replaceable(self, reading: Reading) -> None:
        if not reading.replace:
            raise Rejected("a file stands there already", path=reading.final)

    def _require_equal(self, made: Resource, sha1: str, size: int) -> None:
        if made.size != size:
            raise Stumbled(f"{made.size} bytes arrived instead of {size}")
        if made.checksum != f"sha1:{sha1}":
            raise Stumbled(f"what arrived ({made.checksum}) differs from what was sent (sha1:{sha1})")
