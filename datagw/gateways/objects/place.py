"""The hooks of every place of objects: paths are keys, folders are what keys begin with, and a put is one request."""

from __future__ import annotations

import contextlib
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from datagw.errors import Changed, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, join
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.duplicates import Duplicate, Duplicated, Known
from datagw.gateways.front.hooks import CAME
from datagw.gateways.front.reading import Published
from datagw.gateways.objects.keys import is_a_name, key_of, name_below, prefix_of
from datagw.gateways.objects.store import SECOND, Facts, Found, Origin, Put, Store, seconds


class Objects(Gateway):
    """A bucket, or what lies below a prefix of it. Nothing is renamed there: an object is published in one request."""

    many_in_a_session: ClassVar[bool] = True
    keeps_folders: ClassVar[bool] = False

    root: str = Field(default="", description="Prefix that all paths start at: a folder of the bucket.")
    connections: int = Field(default=16, ge=1, le=64, description="Requests in flight at once within a run.")
    metadata: dict[str, str] = Field(
        default_factory=dict[str, str], description='Further metadata of published objects: `{ license = "etalab" }`.'
    )

    @override
    def full(self, path: str) -> str:
        return join(self.root, path)

    # ---- looking

    @override
    def _ls(self, session: Store, folder: str) -> Iterator[RemoteFile]:
        after: str | None = None
        while True:
            entries, after = self._ls_page(session, folder, after)
            yield from entries
            if after is None:
                return

    @override
    def _ls_page(self, session: Store, folder: str, after: str | None) -> tuple[list[RemoteFile], str | None]:
        """In the order of the keys: the store has it, so that no folder is ever held whole."""
        prefix = prefix_of(self.root, folder)
        page, more = session.page(prefix, after)
        entries, odd = list[RemoteFile](), list[str]()
        for entry in page:
            key = entry if isinstance(entry, str) else entry.key
            name = name_below(prefix, key)
            if name is None:
                continue
            if not is_a_name(name):
                odd.append(key)
            elif isinstance(entry, str):
                entries.append(RemoteFile(join(folder, name), kind="folder"))
            else:
                entries.append(_claim(join(folder, name), entry))
        if odd:
            self.live.log.warning(
                "%s: %d keys have empty, `.` or `..` parts, which make no path; left out, as %r",
                *(self.shown(folder), len(odd), odd[0]),
            )
        if folder and after is None and not page and more is None:
            with contextlib.suppress(NotFound), self.speaking(folder):
                session.found(key_of(self.root, folder))
                raise Rejected("a file, not a folder", path=folder)
            raise NotFound("no such folder: no key begins so", path=folder)
        return entries, more

    @override
    def _stat(self, session: Store, path: str) -> RemoteFile:
        prefix = prefix_of(self.root, path)
        if not path:
            session.any_below(prefix)  # raises where there is no bucket, or no right to look into it
            return RemoteFile("", kind="folder")
        with contextlib.suppress(NotFound), self.speaking(path):
            return self._look(session, path)
        if session.any_below(prefix):
            return RemoteFile(path, kind="folder")
        raise NotFound("no such object", path=path)

    @override
    def _stat_many(self, session: Store, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        """Of several paths only files are asked for: whether other keys begin so would take as many requests again."""
        if len(paths) == 1:
            yield from super()._stat_many(session, paths)
            return
        absent = False
        for path, future in session.threads.in_order(paths, lambda path: self._look(session, path)):
            try:
                with self.speaking(path):
                    found: RemoteFile | GatewayError = future.result()
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
                absent = absent or isinstance(error, NotFound)
            yield found
        if absent:
            session.any_below(prefix_of(self.root, ""))  # the bucket itself may have gone: that is no absence

    def _look(self, session: Store, path: str) -> RemoteFile:
        return _claim(path, session.found(key_of(self.root, path)))

    # ---- reading

    @override
    def _read(self, session: Store, path: str, offset: int = 0) -> Iterator[bytes]:
        return session.stream(key_of(self.root, path), offset, None)

    @override
    def _can_go_on(self, file: RemoteFile) -> bool:
        return file.etag is not None

    @override
    def _read_on(self, session: Store, file: RemoteFile, offset: int) -> Iterator[bytes]:
        return session.stream(key_of(self.root, file.path), offset, file.etag)

    @override
    def _read_many(
        self, session: Store, files: Iterable[RemoteFile]
    ) -> Iterator[tuple[RemoteFile, bytes | GatewayError | None]]:
        """Small objects are fetched ahead, several at once; a large one is streamed when its turn has come."""

        def fetch(file: RemoteFile) -> bytes | None:
            key = key_of(self.root, file.path)
            return session.whole(key, file.etag) if file.size <= session.small else None

        for file, future in session.threads.in_order(files, fetch):
            try:
                with self.speaking(file.path):
                    content = future.result()
                    if content is None:
                        for block in session.stream(key_of(self.root, file.path), 0, file.etag):
                            yield file, block
                    elif content:
                        yield file, content
            except Unavailable:
                raise
            except GatewayError as error:
                yield file, error
            else:
                yield file, None

    @override
    def _look_after(self, session: Store, files: Sequence[RemoteFile]) -> Iterator[RemoteFile | GatewayError]:
        """A small object that came under its ETag was that version a moment ago: it is not asked for once more."""
        sure = [file.etag is not None and file.size <= session.small for file in files]
        looks = self._stat_many(session, [file.path for file, known in zip(files, sure, strict=True) if not known])
        for file, known in zip(files, sure, strict=True):
            yield file if known else next(looks)

    # ---- writing

    @override
    def _publish_many(
        self, session: Store, readings: Iterable[Reading]
    ) -> Iterator[tuple[Reading, Published | GatewayError]]:
        """As many at once as there are connections; after an outage what is under way is waited for, and no more."""
        outage: Unavailable | None = None

        def coming() -> Iterator[Reading]:
            for reading in readings:
                yield reading
                if outage is not None:
                    return

        def begin(reading: Reading) -> Callable[[], Published]:
            facts = self._facts(reading.final, reading.mtime_ns, reading.replace)
            return partial(put, reading, session.begin(key_of(self.root, reading.final), reading, facts))

        def put(reading: Reading, made: Callable[[], Put]) -> Published:
            if outage is not None:
                raise outage
            with contextlib.closing(reading):  # at once: others may wait for the line to where it is read
                told = made()
            return Published(RemoteFile(reading.final, reading.size, reading.mtime_ns, etag=told.etag), told.proof)

        for reading, future in session.threads.begun(coming(), begin, ahead=self.connections):
            try:
                with self.speaking(reading.final):
                    found: Published | GatewayError = future.result()
            except Unavailable as error:
                outage = outage or error
                continue
            except GatewayError as error:
                found = error
            yield reading, found
        if outage is not None:
            raise outage

    def _facts(self, path: str, mtime_ns: int | None, replace: bool) -> Facts:
        dated = self.metadata if mtime_ns is None else {**self.metadata, "mtime": seconds(mtime_ns)}
        return Facts(content_type(path), dated, replace)

    # ---- copies by the store itself

    def _origin(self, file: RemoteFile) -> Origin:
        """The object of one of our files, as another gateway on the same store finds it."""
        raise NotImplementedError

    @override
    def _copy_many(self, session: Store, source: Gateway, wishes: Iterable[Duplicate]) -> Iterator[Duplicated]:
        """As for what is published: after an outage what is under way is waited for, and no more."""
        outage: Unavailable | None = None

        def coming() -> Iterator[Duplicate]:
            for wish in wishes:
                yield wish
                if outage is not None:
                    return

        for wish, future in session.threads.as_done(coming(), lambda wish: self._duplicate(session, source, wish)):
            try:
                with self.speaking(wish.final):
                    done = future.result()
            except Unavailable as error:
                outage = outage or error
                continue
            except GatewayError as error:
                done = Duplicated(wish, error=error)
            yield done
        if outage is not None:
            raise outage

    def _duplicate(self, session: Store, source: Gateway, wish: Duplicate) -> Duplicated:
        origin = _objects(source)._origin(wish.file)
        facts = self._facts(wish.final, wish.file.mtime_ns, wish.replace)
        made = session.copy(origin, key_of(self.root, wish.final), facts, wish.memo)
        return Duplicated(wish, RemoteFile(wish.final, wish.file.size, made.mtime_ns, etag=made.etag), made.known)

    @override
    def _compare_many(
        self, session: Store, source: Gateway, pairs: Sequence[tuple[RemoteFile, RemoteFile]]
    ) -> Iterator[Known | GatewayError]:
        def compare(pair: tuple[RemoteFile, RemoteFile]) -> Known:
            theirs, ours = pair
            return session.compare(_objects(source)._origin(theirs), key_of(self.root, ours.path), ours.etag)

        for pair, future in session.threads.in_order(pairs, compare):
            try:
                with self.speaking(pair[1].path):
                    found: Known | GatewayError = future.result()
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
            yield found

    @override
    def _abandon(self, session: Store, path: str) -> int:
        return session.abandon(key_of(self.root, path))

    @override
    def _rm_many(self, session: Store, paths: Iterable[str]) -> Iterator[GatewayError | None]:
        def remove(path: str) -> None:
            key = key_of(self.root, path)
            session.found(key)  # a store says of a delete that it is done, whether or not there was something
            session.remove(key)

        for path, future in session.threads.in_order(paths, remove):
            yield self._outcome(path, future.result)

    @override
    def _rm_claimed(self, session: Store, files: Iterable[RemoteFile]) -> Iterator[GatewayError | None]:
        def remove(file: RemoteFile) -> None:
            key = key_of(self.root, file.path)
            if _claim(file.path, session.found(key)).version != file.version:
                raise Changed(CAME, path=file.path)
            session.remove(key)

        for file, future in session.threads.in_order(files, remove):
            yield self._outcome(file.path, future.result)

    @override
    def _rm(self, session: Store, path: str) -> None:
        (error,) = self._rm_many(session, [path])
        if error is not None:
            raise error

    @override
    def _rmdir(self, session: Store, folder: str) -> None:
        """Nothing is to be done: a folder is there as long as a key begins so."""
        if session.any_below(prefix_of(self.root, folder)):
            raise Rejected("the folder is not empty", path=folder)


def _objects(gateway: Gateway) -> Objects:
    """A gateway that is known to be one of objects."""
    if not isinstance(gateway, Objects):
        raise TypeError(f"a gateway of type {gateway.type} holds no objects")
    return gateway


@cache
def _types() -> mimetypes.MimeTypes:
    """Content types by the ends of names: those that Python knows, which are the same on every machine."""
    return mimetypes.MimeTypes()


def content_type(path: str) -> str | None:
    """What the end of a name tells of its content; of a packed file, how it is packed."""
    found, packed = _types().guess_type(path)
    if packed is None:
        return found
    return "application/gzip" if packed == "gzip" else f"application/x-{packed}"


def _claim(path: str, found: Found) -> RemoteFile:
    if found.mtime_ns is not None:
        return RemoteFile(path, found.size, found.mtime_ns, etag=found.etag)
    return RemoteFile(path, found.size, found.changed_ns, etag=found.etag, clock=SECOND)
