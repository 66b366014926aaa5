"""Files of a place brought into a local folder, whole, hashed in the same pass, and still what was listed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datagw.errors import Changed, GatewayError, Unavailable
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.retries import wait

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

_numbers = itertools.count()


def get_many(gateway: Gateway, files: Sequence[RemoteFile], folder: Path) -> Iterator[StagedFile | GatewayError]:
    """Each file under a fresh number in `folder`, in the order asked, or the error that kept it away.

    A file that is not the listed version any more, before or after it was read, is Changed.
    """
    pauses = gateway.live.retries.pauses()
    done = 0
    while done < len(files):
        try:
            with gateway.speaking(None):
                for outcome in _pass(gateway, files[done:], folder):
                    done += 1
                    yield outcome
        except Unavailable as error:
            gateway.close()
            pause = next(pauses, None)
            if pause is None:
                yield from [error] * (len(files) - done)
                return
            gateway.tell_retry(error, pause)
            wait(pause, gateway.live.fence)


def _pass(gateway: Gateway, files: Sequence[RemoteFile], folder: Path) -> Iterator[StagedFile | GatewayError]:
    session = gateway.session()
    local = folder / f"{next(_numbers)}"
    out = local.open("wb")
    digest, size = hashlib.sha256(), 0
    try:
        for file, block in gateway._read_many(session, files):
            if isinstance(block, bytes):
                gateway.pulse(len(block))
                out.write(block)
                digest.update(block)
                size += len(block)
                continue
            out.close()
            if block is None:
                yield _checked(gateway, StagedFile(local, file, digest.hexdigest(), owned=True), size)
            else:
                local.unlink()
                yield gateway.placed(block, file.path)
            local = folder / f"{next(_numbers)}"
            out = local.open("wb")
            digest, size = hashlib.sha256(), 0
    finally:
        out.close()
        if out.name == str(local):
            local.unlink(missing_ok=True)


def _checked(gateway: Gateway, staged: StagedFile, size: int) -> StagedFile | GatewayError:
    after = gateway.stat_many([staged.origin.path])[0]
    if isinstance(after, GatewayError):
        staged.local.unlink()
        return after
    if size != staged.origin.size or after.version != staged.origin.version:
        staged.local.unlink()
        return Changed("the file changed while it was read", path=staged.origin.path, gateway=gateway.name)
    return staged
