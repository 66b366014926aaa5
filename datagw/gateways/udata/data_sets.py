"""Data sets as folders: which path is which resource, and by what a resource is known to be ours.

udata knows resources by an id that nobody chooses. What datagw publishes has its path among its extras.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from datagw.errors import Rejected
from datagw.files import RemoteFile, safe_path
from datagw.gateways.udata.wording import is_id

KEY = "datagw:key"
"""Among the extras of a resource: its path in the data set."""
TITLE = "datagw:title"
"""Its title, which an upload resets to the name of the file."""
_SECOND = 1_000_000_000
_LONGEST = 150  # characters of a file name


@dataclass(frozen=True, slots=True)
class Resource:
    """What the API tells of one resource. `size` is None where nobody told it; `said` is all of it."""

    id: str
    url: str
    hosted: bool
    size: int | None
    checksum: str | None
    extras: Mapping[str, Any]
    said: Mapping[str, Any]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Resource:
        """KeyError where it is no resource."""
        checksum: dict[str, Any] = said.get("checksum") or {}
        known = checksum.get("type") and checksum.get("value")
        return cls(
            id=str(said["id"]).lower(),
            url=str(said["url"]),
            hosted=said["filetype"] == "file",
            size=said.get("filesize"),
            checksum=f"{checksum['type']}:{str(checksum['value']).lower()}" if known else None,
            extras=said.get("extras") or {},
            said=said,
        )

    @property
    def title(self) -> str:
        """As its page shows it."""
        return str(self.said.get("title") or "")

    @property
    def key(self) -> str | None:
        """Its path in the data set, where datagw has published it."""
        key = self.extras.get(KEY)
        return key if isinstance(key, str) and _is_a_path(key) else None

    @property
    def file_name(self) -> str:
        """The last part of its address."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    def claim(self, path: str) -> RemoteFile:
        """As a file: its version is its checksum. Of what datagw published, udata's time is not that of the file."""
        etag = self.checksum
        modified = self.said.get("last_modified")
        if etag is None:
            etag = "told:" + hashlib.sha256(f"{self.url} {self.size} {modified}".encode()).hexdigest()[:32]
        mtime = None if self.key is not None else _time(modified)
        return RemoteFile(path, self.size or 0, mtime, etag=etag, clock=_SECOND)


class DataSet:
    """A data set as it was when it was looked at. `pinned`: paths of resources, by id, whatever they say themselves."""

    def __init__(
        self, said: Mapping[str, Any], resources: Iterable[Resource], pinned: Mapping[str, str], listed: float
    ) -> None:
        self.id = str(said["id"])
        self.said = said
        self.listed = listed
        self.resources = {one.id: one for one in resources}
        self._pinned = pinned
        self.by_path = self._named()

    def _named(self) -> dict[str, Resource]:
        found: dict[str, Resource] = {}
        taken = set(self._pinned.values())
        oldest_first = sorted(self.resources.values(), key=lambda one: str(one.said.get("created_at")))

        def rank(one: Resource) -> int:
            return 0 if one.id in self._pinned else 1 if one.key is not None else 2

        for one in sorted(oldest_first, key=rank):
            path = self._pinned.get(one.id) or one.key or one.file_name
            free = path not in found and path not in taken and _is_a_path(path)
            found[path if free or one.id in self._pinned else one.id] = one
        return found

    def pinned_at(self, path: str) -> str | None:
        """The id that the resource of a path is declared to have."""
        return next((number for number, given in self._pinned.items() if given == path), None)

    def at(self, path: str) -> Resource | None:
        """The resource of a path, which may be its id."""
        return self.by_path.get(path) or (self.resources.get(path.lower()) if is_id(path) else None)

    def nobodys(self, name: str) -> Resource | None:
        """A file of the right name that is nobody's: uploaded by hand, or by a run that died before it said whose."""
        name = upload_name(name)
        for one in self.resources.values():
            if one.hosted and one.key is None and one.file_name == name and one.id not in self._pinned:
                return one
        return None

    def has_below(self, path: str) -> bool:
        """Whether it looks like a folder."""
        return any(one.startswith(f"{path}/") for one in self.by_path)

    def put(self, resource: Resource) -> None:
        """What a request has told of one of its resources since."""
        self.resources[resource.id] = resource
        self.by_path = self._named()


def upload_name(name: str) -> str:
    """The name of the file as udata keeps names, so that it stays what we said: small letters, digits, `-` and `.`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    short = re.sub(r"-?\.-?", ".", re.sub(r"[^a-z0-9.]+", "-", plain)).strip("-")
    dot = short.rfind(".")
    stem, suffix = (short[:dot], short[dot:]) if dot >= 0 and len(short) - dot < 20 else (short, "")
    if not stem.strip("."):
        stem = "file-" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return stem[:_LONGEST].strip("-") + suffix


def _is_a_path(text: str) -> bool:
    try:
        return bool(text) and safe_path(text) == text
    except Rejected:
        return False


def _time(text: Any) -> int | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp()) * _SECOND
