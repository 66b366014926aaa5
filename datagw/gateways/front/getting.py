"""Files of a place brought into a local folder, whole, hashed in the same pass, and still what was listed."""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datagw.errors import Changed, GatewayError, Unavailable
from datagw.files import RemoteFile, StagedFile

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
        found: list[StagedFile | GatewayError] = []
        try:
            gateway.attempt(
                None, lambda session, chunk=chunk, found=found: _read(gateway, session, chunk, folder, found)
            )
            looks = gateway.stat_many([file.path for file in chunk])
        except Unavailable as error:
            _discard(found)
            yield from [error] * len(chunk)
        else:
            yield from (_checked(gateway, one, look) for one, look in zip(found, looks, strict=True))


def _read(
    gateway: Gateway,
    session: object,
    files: Sequence[RemoteFile],
    folder: Path,
    found: list[StagedFile | GatewayError],
) -> None:
    """Appends to `found`; called again after a broken connection, it goes on with the first file that is not there."""
    events = iter(gateway._read_many(session, files[len(found) :]))
    for _file, blocks in itertools.groupby(events, key=lambda event: event[0].path):
        local = folder / str(next(_numbers))
        digest, last = hashlib.sha256(), None
        try:
            with local.open("xb") as out:
                for file, block in blocks:
                    last = (file, block)
                    if isinstance(block, bytes):
                        gateway.pulse(len(block))
                        out.write(block)
                        digest.update(block)
        except BaseException:
            local.unlink(missing_ok=True)
            raise
        if last is not None and isinstance(last[1], GatewayError):
            local.unlink()
            found.append(gateway.placed(last[1], last[0].path))
        elif last is not None:
            found.append(StagedFile(local, last[0], digest.hexdigest(), owned=True))


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
