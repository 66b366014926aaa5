"""The hooks of a driver: those that every protocol has, those that some have, and batches in their simplest form.

A hook gets the driver's own session first, and paths relative to the root, already safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from datagw.errors import Changed, GatewayError, Unavailable, Unsupported
from datagw.files import RemoteFile
from datagw.gateways.front.duplicates import Duplicate, Duplicated, Known
from datagw.gateways.front.live import Session
from datagw.gateways.front.reading import Published, Reading, Rename

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


def seen_again(known: dict[str, str], path: str, version: str) -> bool:
    """Whether a file is the one that is known; then it is taken out of what is known."""
    if known.get(path) != version:
        return False
    del known[path]
    return True


CAME = "another one has come in its place; it stays"


class Hooks:
    """What a driver writes. Batches answer in the order asked; an error takes its file's place, an outage is raised."""

    type: ClassVar[str]
    many_in_a_session: ClassVar[bool] = False
    """Whether one session of the driver carries as many requests at once as there are `connections`."""
    needs_a_file: ClassVar[bool] = False
    """Whether each upload has to be in hand as a file: for it is read by its path (`Reading.whole`), or many times."""
    keeps_folders: ClassVar[bool] = True
    """Whether a folder is there by itself; else it is there as long as a file is in it, and an empty one is not."""

    def speaking(self, path: str | None) -> AbstractContextManager[None]:
        """The front's translation of native errors."""
        raise NotImplementedError

    # ---- hooks that every driver writes

    def _session(self) -> Session:
        raise NotImplementedError

    def _ls(self, session: Any, folder: str) -> Iterator[RemoteFile]:
        raise self._cannot("be listed")

    def _stat(self, session: Any, path: str) -> RemoteFile:
        raise NotImplementedError

    def _read(self, session: Any, path: str, offset: int = 0) -> Iterator[bytes]:
        raise NotImplementedError

    def _write(self, session: Any, reading: Reading, sync: bool) -> None:
        raise self._cannot("be written to")

    def _rm(self, session: Any, path: str) -> None:
        raise self._cannot("delete")

    def _mkdir(self, session: Any, folder: str) -> None:
        raise self._cannot("make folders")

    def _rmdir(self, session: Any, folder: str) -> None:
        raise self._cannot("remove folders")

    def _translate(self, error: BaseException) -> GatewayError | None:
        raise NotImplementedError

    @property
    def each_alone(self) -> bool:
        """Whether one file that does not answer says nothing of the others, as where each may be on another server."""
        return False

    # ---- hooks that a driver writes if its protocol can

    def _rename(self, session: Any, source: str, target: str, replace: bool) -> None:
        raise self._cannot("rename")

    def _hash(self, session: Any, files: Sequence[RemoteFile]) -> list[str | None]:
        return [None] * len(files)

    def _sync(self, session: Any, paths: Sequence[str]) -> bool:
        return False

    def _publish(self, session: Any, reading: Reading) -> Published:
        """Publishes in one request under `reading.final`, all of it or nothing, for places that know no rename.

        `reading.blocks` is the content, to be read to its end (or `reading.whole`, a path); `reading.sha256` is told
        afterwards. Where `reading.replace` is False and something stands there: Rejected, in the same request if the
        place can. A driver that can go on with a large upload in a later run has what it wanted remembered in
        `reading.note`, and says so by `reading.keep_note`. Unavailable when raised concerns the place; a
        `_publish_many` that yields it says that only this file got no answer, and the others go on.
        """
        raise self._cannot("publish in one request")

    def _copies_from(self, source: Gateway) -> bool:
        """Whether `source`, of the same type, is the same store for the same account; never by its name alone."""
        return False

    def _copy(self, session: Any, source: Gateway, wish: Duplicate) -> Duplicated:
        """Has the place itself copy a file of `source` to `wish.final`, all of it or nothing.

        Changed where it is another version by now. Where `wish.replace` is False and something else stands there:
        Rejected. A large copy that can be gone on with has that remembered in `wish.memo`.
        """
        raise self._cannot("copy by itself")

    def _compare_many(
        self, session: Any, source: Gateway, pairs: Sequence[tuple[RemoteFile, RemoteFile]]
    ) -> Iterator[Known | GatewayError]:
        """What the place can tell, without a download, of pairs of a file of `source` and one of this gateway."""
        return iter([Known()] * len(pairs))

    def _abandon(self, session: Any, path: str) -> int:
        """Ends uploads to this name that nobody has gone on with for a week, where a place keeps what has arrived."""
        return 0

    def _finish(self, session: Any, paths: Sequence[str], day: date | None) -> None:
        """Completes files that stand there as they were sent, by a run that may have died before all was said of them.

        For places where a publication is more than its content: a title, whose it is.
        """

    def _prove_rights(self, session: Any, folder: str) -> None:
        """Denied where nothing may be published below a folder; for places where no probe could be taken away again."""
        raise self._cannot("tell its rights")

    def _can_go_on(self, file: RemoteFile) -> bool:
        """Whether the rest of this very version can be asked for, once its beginning is in hand."""
        return True

    def _read_on(self, session: Any, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """The rest of a file; Changed where the place can tell that it is another version by now."""
        return self._read(session, file.path, offset)

    def _ls_page(self, session: Any, folder: str, after: Any) -> tuple[list[RemoteFile], Any]:
        """Some entries of a folder in an order that stays, and `after` for the next call: None when these are the last.

        A driver writes its own where the place tells entries in order, or a page at a time.
        """
        return sorted(self._ls(session, folder), key=lambda entry: entry.path), None

    def _ls_unknown(self, session: Any, folder: str, known: dict[str, str]) -> list[RemoteFile]:
        """The entries of a folder but for the files whose version is the known one; these leave `known`."""
        entries = list(self._ls(session, folder))
        return [entry for entry in entries if entry.kind != "file" or not seen_again(known, entry.path, entry.version)]

    # ---- batches: a driver that can pipeline writes its own

    def _send_many(
        self,
        session: Any,
        readings: Iterable[Reading],
        sync: bool,
    ) -> Iterator[tuple[Reading, GatewayError | None]]:
        for reading in readings:
            yield reading, self._outcome(reading.part, lambda r=reading: self._write(session, r, sync))

    def _publish_many(
        self, session: Any, readings: Iterable[Reading]
    ) -> Iterator[tuple[Reading, Published | GatewayError]]:
        for reading in readings:
            try:
                with self.speaking(reading.final):
                    found: Published | GatewayError = self._publish(session, reading)
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
            yield reading, found

    def _copy_many(self, session: Any, source: Gateway, wishes: Iterable[Duplicate]) -> Iterator[Duplicated]:
        for wish in wishes:
            try:
                with self.speaking(wish.final):
                    done = self._copy(session, source, wish)
            except Unavailable:
                raise
            except GatewayError as error:
                done = Duplicated(wish, error=error)
            yield done

    def _stat_many(self, session: Any, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        for path in paths:
            try:
                with self.speaking(path):
                    found: RemoteFile | GatewayError = self._stat(session, path)
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
            yield found

    def _rename_many(self, session: Any, renames: Iterable[Rename]) -> Iterator[GatewayError | None]:
        for one in renames:
            yield self._outcome(one.target, lambda o=one: self._rename(session, o.source, o.target, o.replace))

    def _rm_many(self, session: Any, paths: Iterable[str]) -> Iterator[GatewayError | None]:
        for path in paths:
            yield self._outcome(path, lambda p=path: self._rm(session, p))

    def _rm_claimed(self, session: Any, files: Iterable[RemoteFile]) -> Iterator[GatewayError | None]:
        """Each file is looked at right before it goes; Changed where it is not the one that is claimed."""

        def remove(file: RemoteFile) -> None:
            if self._stat(session, file.path).version != file.version:
                raise Changed(CAME, path=file.path)
            self._rm(session, file.path)

        for file in files:
            yield self._outcome(file.path, lambda f=file: remove(f))

    def _read_listed(self, session: Any, file: RemoteFile) -> Iterator[bytes]:
        """The whole content of a file that was listed; a place that can tells by the claim if it is another by now."""
        return self._read(session, file.path)

    def _read_many(
        self,
        session: Any,
        files: Iterable[RemoteFile],
    ) -> Iterator[tuple[RemoteFile, bytes | GatewayError | None]]:
        for file in files:
            try:
                with self.speaking(file.path):
                    for block in self._read_listed(session, file):
                        yield file, block
            except Unavailable:
                raise
            except GatewayError as error:
                yield file, error
            else:
                yield file, None

    def _look_after(self, session: Any, files: Sequence[RemoteFile]) -> Iterator[RemoteFile | GatewayError]:
        """What files are once they have been read; where the reading itself was sure of the version, that."""
        return self._stat_many(session, [file.path for file in files])

    def _outcome(self, path: str, call: Callable[[], None]) -> GatewayError | None:
        try:
            with self.speaking(path):
                call()
        except Unavailable:
            raise
        except GatewayError as error:
            return error
        return None

    def _cannot(self, what: str) -> Unsupported:
        return Unsupported(f"a gateway of type {self.type} cannot {what}")
