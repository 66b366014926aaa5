"""The hooks of a place of data sets: they are folders, their resources files, each published in one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import ClassVar, cast

from pydantic import Field, PrivateAttr, field_validator
from typing_extensions import override

from datagw.errors import Denied, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, StagedFile, join
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.reading import Published
from datagw.gateways.secrets import GivenSecret
from datagw.gateways.udata.api import Api
from datagw.gateways.udata.data_sets import DataSet
from datagw.gateways.udata.posting import Posting
from datagw.gateways.udata.refusals import Stumbled
from datagw.gateways.udata.wording import Fields, Filling, Known, checked_address, is_id, type_of_language, wanted

_NEEDS_ONE = 'to publish here takes an API key of an account: token = { env = "NAME" }'


class DataSets(Gateway):
    """Resources of data sets. Nothing is deleted there: a resource and its page are for people to remove."""

    many_in_a_session: ClassVar[bool] = True
    keeps_folders: ClassVar[bool] = False
    needs_a_file: ClassVar[bool] = True  # an upload that breaks off begins again, and what stands there is compared
    chunk: ClassVar[int] = 2_000_000

    root: str = Field(default="", description="Data set that all paths start at: its slug or id, as in its address.")
    token: GivenSecret | None = Field(
        default=None, description="Reference to the API key of an account; to read public data sets none is needed."
    )
    resources: dict[str, Known] = Field(
        default_factory=dict[str, Known],
        description="Resources that are there already, by path in the data set: ids, or tables of `id` and fields: "
        '`{ "stock.zip" = "d2ac0f0e-…" }`.',
    )
    fields: Fields = Field(
        default=Fields(),
        description="What pages are to say, named as in the API: `title`, `type`, `description`, `schema`, `extras`. "
        "Default: as they are; of a new resource the file's name.",
    )
    remote: str | None = Field(
        default=None,
        description='Upload nothing, but link to where each file stands already: `"https://files.example.org/{name}"`.',
    )
    readback: bool = Field(
        default=True,
        description="Fetch each file by its stable URL and compare it; `false`: its SHA-1 is enough.",
    )
    language: type_of_language = Field(default="fr", description='Of months and days in titles: `"fr"` or `"en"`.')

    _uploaded: dict[tuple[str, str], float] = PrivateAttr(default_factory=dict[tuple[str, str], float])
    _ids: dict[str, str] = PrivateAttr(default_factory=dict[str, str])
    _doubtful: dict[tuple[str, str], frozenset[str]] = PrivateAttr(
        default_factory=dict[tuple[str, str], frozenset[str]]
    )

    @field_validator("resources", mode="before")
    @classmethod
    def _are_ids_or_tables(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, object]", value)
        return {path.strip("/"): {"id": one} if isinstance(one, str) else one for path, one in given.items()}

    @field_validator("resources")
    @classmethod
    def _have_one_path_each(cls, value: dict[str, Known]) -> dict[str, Known]:
        ids = [one.id for one in value.values() if one.id is not None]
        if len({*ids}) < len(ids):
            raise ValueError("two paths for one resource")
        return value

    @field_validator("remote")
    @classmethod
    def _is_an_address_for_each(cls, value: str | None) -> str | None:
        return None if value is None else checked_address(value)

    @override
    def full(self, path: str) -> str:
        return join(self.root, path)

    def _parted(self, path: str) -> tuple[str, str]:
        """The data set and the path in it."""
        name, _, inner = self.full(path).partition("/")
        return name, inner

    @property
    def _pinned(self) -> dict[str, str]:
        return {one.id: path for path, one in self.resources.items() if one.id is not None}

    def _warn(self, text: str) -> None:
        self.live.log.warning("%s: %s", self.name, text)

    # ---- looking

    @override
    def _ls(self, session: Api, folder: str) -> Iterator[RemoteFile]:
        name, inner = self._parted(folder)
        if not name:
            raise Rejected(f"name a data set, as in {self.name}:DATASET/")
        found = self._look(session, name)
        prefix = f"{inner}/" if inner else ""
        below = {path: one for path, one in found.by_path.items() if path.startswith(prefix)}
        if not below and inner:
            if found.at(inner) is not None:
                raise Rejected("a file, not a folder", path=folder)
            raise NotFound("no such folder: no resource has such a path", path=folder)
        folders: set[str] = set()
        for path, one in below.items():
            first, slash, _ = path.removeprefix(prefix).partition("/")
            if slash:
                folders.add(first)
                continue
            claim = one.claim(join(folder, first))
            self.live.unseen.pop(claim.path, None)
            if one.size is None:
                untold = f"its page tells no size, so that nobody knows it whole; name its address instead: {one.url}"
                self.live.unseen[claim.path] = self.placed(Rejected(untold), claim.path)
            yield claim
        yield from (RemoteFile(join(folder, one), kind="folder") for one in folders)

    @override
    def _stat(self, session: Api, path: str) -> RemoteFile:
        name, inner = self._parted(path)
        if not name:
            return RemoteFile(path, kind="folder")
        return self._claim(self._look(session, name), path, inner)

    @override
    def _stat_many(self, session: Api, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        """One look at each data set."""
        looked: dict[str, DataSet] = {}
        for path in paths:
            name, inner = self._parted(path)
            try:
                with self.speaking(path):
                    if name not in looked:
                        looked[name] = self._look(session, name)
                    found: RemoteFile | GatewayError = self._claim(looked[name], path, inner)
            except NotFound as error:
                found = error
            yield found

    def _look(self, session: Api, name: str) -> DataSet:
        found = session.look(name, self._pinned)
        self._ids.update({f"{name}/{path}": one.id for path, one in found.by_path.items()})
        return found

    @staticmethod
    def _claim(found: DataSet, path: str, inner: str) -> RemoteFile:
        if not inner:
            return RemoteFile(path, kind="folder")
        resource = found.at(inner)
        if resource is not None:
            return resource.claim(path)
        if found.has_below(inner):
            return RemoteFile(path, kind="folder")
        raise NotFound("no such resource", path=path)

    # ---- reading

    @override
    def _read(self, session: Api, path: str, offset: int = 0) -> Iterator[bytes]:
        name, inner = self._parted(path)
        resource = session.lately(name, self._pinned).at(inner) if inner else None
        if resource is None and inner:
            resource = self._look(session, name).at(inner)
        if resource is None:
            raise NotFound("no such resource", path=path)
        size = offset
        for block in session.content(resource, offset):
            size += len(block)
            yield block
        if resource.hosted and resource.size is not None and size < resource.size:
            raise Unavailable(f"{session.host} ended the file after {size} of {resource.size} bytes")

    # ---- publishing

    @override
    def _publish_many(
        self, session: Api, readings: Iterable[Reading]
    ) -> Iterator[tuple[Reading, Published | GatewayError]]:
        """One after the other; what went wrong inside the place is told of that file alone."""
        session.forget()
        for reading in readings:
            try:
                with self.speaking(reading.final):
                    found: Published | GatewayError = self._publish(session, reading)
            except Stumbled as error:
                session.forget()
                found = error
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
            yield reading, found

    @override
    def _publish(self, session: Api, reading: Reading) -> Published:
        name, inner = self._parted(reading.final)
        if not inner:
            raise Rejected(f"names a data set and no file in it, as {self.name}:DATASET/NAME does")
        if not _is_text(inner):
            raise Rejected("its name holds bytes that are not UTF-8, and a page shows nothing else; rename the file")
        if self.token is None:
            raise Denied(_NEEDS_ONE)
        posting, filling = self._posting(session, name, inner, reading)
        if self.remote is None:
            made = posting.file(reading)
            proof = None if self.readback else "hash"
        else:
            made = posting.link(reading, filling.address(self.remote), compare=self.readback)
            proof = "readback" if self.readback else "accepted"
        self._ids[f"{name}/{inner}"] = made.id
        return Published(RemoteFile(reading.final, reading.size, etag=made.claim(reading.final).etag), proof)

    def _posting(
        self, session: Api, name: str, inner: str, reading: Reading | None, day: date | None = None
    ) -> tuple[Posting, Filling]:
        data_set = session.lately(name, self._pinned)
        file_name = inner.rpartition("/")[2]
        if is_id(inner):
            content = reading.upload.content if reading is not None else None
            there = data_set.at(inner)
            file_name = content.origin.name if isinstance(content, StagedFile) else there.file_name if there else inner
        day = reading.day if reading is not None else day
        filling = Filling(inner, file_name, day, datetime.now().astimezone().date(), self.language)
        known = self.resources.get(inner)
        said = wanted(self.fields if known is None else known.over(self.fields), filling)
        return Posting(session, data_set, inner, file_name, said, self.chunk, self._doubtful, self._warn), filling

    @override
    def _finish(self, session: Api, paths: Sequence[str], day: date | None) -> None:
        """Whose a resource is, and what its page says, made up for where a run died before it could."""
        session.forget()
        for path in paths:
            name, inner = self._parted(path)
            posting, _ = self._posting(session, name, inner, None, day)
            resource = posting.data_set.at(inner)
            if resource is not None:
                posting.complete(resource)

    @override
    def _prove_rights(self, session: Api, folder: str) -> None:
        name, _ = self._parted(folder)
        if self.token is None:
            raise Denied(_NEEDS_ONE)
        rights = self._look(session, name).said.get("permissions") or {} if name else {"edit": True}
        if not (rights.get("edit_resources") or rights.get("edit")):
            raise Denied(f"the owner of this token may not edit the data set {name}")


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
