"""Files of a place brought into a local folder, whole, hashed in the same pass, and still what was listed.

After a broken connection, a large file goes on behind the bytes that are in hand.
"""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datagw.errors import Changed, GatewayError, Unavailable
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.front.sending import RESUME_FROM
from datagw.gateways.front.tries import Tries

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

_AT_ONCE = 256  # files between two looks at what they are now
_numbers = itertools.count()


def get_many(gateway: Gateway, files: Sequence[RemoteFile], folder: Path) -> Iterator[StagedFile | GatewayError]:
    """Each file under a fresh number in `folder`, in the order asked, or the error that kept it away.

    A file that is not the listed version any more, before or after it was read, is Changed.
    """
    for start in range(0, len(files), _AT_ONCE):
        chunk = files[start : start + _AT_ONCE]
        getting = _Getting(gateway, chunk, folder)
        try:
            getting.all()
            looks = gateway.attempt(None, lambda session, chunk=chunk: list(gateway._look_after(session, chunk)))
        except Unavailable as error:
            _discard(getting.found)
            yield from [error] * len(chunk)
        else:
            yield from (_checked(gateway, one, look) for one, look in zip(getting.found, looks, strict=True))


class _Half:
    """A file of which the beginning is in hand."""

    def __init__(self, file: RemoteFile, local: Path) -> None:
        self.file = file
        self.local = local
        self.size = 0
        self.digest = hashlib.sha256()


class _Getting:
    """What is in hand of some files: those that are done, in order, and the one that a broken connection left."""

    def __init__(self, gateway: Gateway, files: Sequence[RemoteFile], folder: Path) -> None:
        self.found: list[StagedFile | GatewayError] = []
        self._gateway = gateway
        self._files = files
        self._folder = folder
        self._half: _Half | None = None

    def all(self) -> None:
        """Gets them; each byte that is new gives an unsteady connection all of its tries again."""
        live = self._gateway.live
        tries, before = Tries(live), (0, 0)
        try:
            while True:
                live.fence()
                try:
                    with self._gateway.speaking(None):
                        return self._go_on(self._gateway.session())
                except Unavailable as error:
                    self._gateway.close()
                    now = (len(self.found), self._half.size if self._half is not None else 0)
                    if now > before:
                        tries.renew()
                        before = now
                    if tries.again(error):
                        continue
                    if not self._gateway.each_alone:
                        raise
                    before = self._give_up(error)
        finally:
            self._forget_half()

    def _give_up(self, error: Unavailable) -> tuple[int, int]:
        """One file that cannot be had. The next ones are not waited for either, until one of them answers."""
        self._forget_half()
        self.found.append(self._gateway.placed(error, self._files[len(self.found)].path))
        return len(self.found), 0

    def _go_on(self, session: Any) -> None:
        if self._half is not None:
            self._finish(session, self._half)
        events = iter(self._gateway._read_many(session, self._files[len(self.found) :]))
        for file, block in events:
            half = _Half(file, self._folder / str(next(_numbers)))
            with self._writing(half, "xb") as write:
                while isinstance(block, bytes):
                    write(block)
                    _, block = next(events)
            self._done(half, block)

    def _finish(self, session: Any, half: _Half) -> None:
        """The rest of the file whose beginning is in hand."""
        error: GatewayError | None = None
        self._gateway.live.log.info("%s: going on behind %d bytes that are here", half.file.path, half.size)
        with self._writing(half, "ab") as write:
            try:
                with self._gateway.speaking(half.file.path):
                    for block in self._gateway._read_on(session, half.file, half.size):
                        write(block)
            except Unavailable:
                raise
            except GatewayError as refused:
                error = refused
        self._done(half, error)

    @contextlib.contextmanager
    def _writing(self, half: _Half, mode: str) -> Generator[Any]:
        """Writes, counts and hashes blocks; what a broken connection leaves is kept if it is worth going on."""
        pulse = self._gateway.pulse
        self._half = half
        with half.local.open(mode) as out:

            def write(block: bytes) -> None:
                pulse(len(block))
                out.write(block)
                half.digest.update(block)
                half.size += len(block)

            try:
                yield write
            except BaseException:
                if half.size < RESUME_FROM or not self._gateway._can_go_on(half.file):
                    self._forget_half()
                raise

    def _done(self, half: _Half, error: GatewayError | None) -> None:
        if error is not None:
            self.found.append(self._gateway.placed(error, half.file.path))
            self._forget_half()
        else:
            self._half = None
            self.found.append(StagedFile(half.local, half.file, half.digest.hexdigest(), owned=True))

    def _forget_half(self) -> None:
        if self._half is not None:
            self._half.local.unlink(missing_ok=True)
            self._half = None


def _checked(
    gateway: Gateway, one: StagedFile | GatewayError, look: RemoteFile | GatewayError
) -> StagedFile | GatewayError:
    if isinstance(one, GatewayError):
        return one
    unchanged = isinstance(look, RemoteFile) and look.version == one.origin.version
    if unchanged and one.local.stat().st_size == one.origin.size:
        return one
    _discard([one])
    if isinstance(look, GatewayError):
        return look
    return Changed("the file changed while it was read", path=one.origin.path, gateway=gateway.name)


def _discard(found: Sequence[StagedFile | GatewayError]) -> None:
    for one in found:
        if isinstance(one, StagedFile):
            one.local.unlink(missing_ok=True)
