"""Parts and renames: how content gets to a place without being seen before it is whole."""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from datagw.errors import GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, parent
from datagw.gateways.front.parallel import spread
from datagw.gateways.front.reading import Reading, Rename, Sent, Upload
from datagw.gateways.front.tries import Tries

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

T = TypeVar("T")

RESUME_FROM = 1_000_000  # bytes; a smaller part starts again
_TAIL = 256 * 1024


def send(gateway: Gateway, uploads: Sequence[Upload], *, sync: bool) -> Iterator[Sent]:
    """Each upload's outcome as it comes, on as many connections as the gateway has."""
    if gateway.connections > 1 and len(uploads) > 1:
        return spread(gateway, uploads, lambda lane, share: _send(lane, share, sync=sync))
    return _send(gateway, uploads, sync=sync)


def _send(gateway: Gateway, uploads: Sequence[Upload], *, sync: bool) -> Iterator[Sent]:
    """A broken connection is tried again, and goes on where the part ends."""
    todo: dict[str, Upload] = {}
    for upload in uploads:
        try:
            gateway.mkdir(parent(upload.part))
        except GatewayError as error:
            yield Sent(upload, error=error)
        else:
            todo[upload.part] = upload
    tries = Tries(gateway.live)
    again = False
    refused: list[Sent] = []
    made: dict[str, Reading] = {}
    while todo:
        done_before = len(todo)
        try:
            with gateway.speaking(None):
                session = gateway.session()
                readings = _readings(gateway, todo, refused, made, tries, again=again)
                for reading, error in gateway._send_many(session, readings, sync):
                    del todo[reading.part]
                    made.pop(reading.part).close()
                    moved = reading.size - reading.offset
                    if error is not None:
                        yield Sent.not_done(reading.upload, gateway.placed(error, reading.final))
                    else:
                        yield Sent(reading.upload, reading.sha256, moved)
        except Unavailable as error:
            for reading in made.values():
                reading.close()
            made.clear()
            gateway.close()
            if len(todo) < done_before:
                tries.renew()
            if not tries.again(error):
                refused.extend(Sent(upload, error=error) for upload in todo.values())
                break
            again = True
    yield from refused


def _readings(
    gateway: Gateway,
    todo: dict[str, Upload],
    refused: list[Sent],
    made: dict[str, Reading],
    tries: Tries,
    *,
    again: bool,
) -> Iterator[Reading]:
    """What is to be sent; a file that is not still while its part is looked at goes to `refused`, and it alone."""
    for upload in list(todo.values()):
        try:
            with gateway.speaking(upload.final):
                reading = _reading(gateway, upload, again or upload.resume)
        except Unavailable:
            raise
        except GatewayError as error:
            del todo[upload.part]
            refused.append(Sent.not_done(upload, error))
        else:
            tries.reached(reading.part, reading.offset)
            made[reading.part] = reading
            yield reading


def _reading(gateway: Gateway, upload: Upload, resume: bool) -> Reading:
    reading = Reading(upload, gateway.pulse)
    if resume and upload.size >= RESUME_FROM:
        _skip_what_is_there(gateway, reading)
    return reading


def _skip_what_is_there(gateway: Gateway, reading: Reading) -> None:
    """Continues a part whose bytes are those of the source: by the place's hash of it, else by its last bytes.

    The whole content is verified at the end all the same; this only decides whether to trust what is there so far.
    """
    session = gateway.session()
    try:
        with gateway.speaking(reading.part):
            found = gateway._stat(session, reading.part)
    except NotFound:
        return
    if not RESUME_FROM <= found.size <= reading.size:
        return
    prefix = reading.hash_prefix(found.size)
    (remote,) = gateway._hash(session, [found])
    if remote is not None:
        same = remote == prefix
    else:
        tail = b"".join(gateway._read(session, reading.part, found.size - min(_TAIL, found.size)))
        same = reading.tail_sha256(len(tail)) == hashlib.sha256(tail).hexdigest()
    if same:
        gateway.live.log.info("%s: going on behind %d bytes that are there", reading.final, found.size)
    else:
        reading.forget_prefix()


def rename_many(gateway: Gateway, renames: Sequence[Rename]) -> list[GatewayError | None]:
    """Each rename once; after a broken connection, one whose source is gone counts as done (its caller looks again)."""
    outcomes = _each(gateway, renames, gateway._rename_many, lambda rename: rename.source)
    for at, (rename, outcome) in enumerate(zip(renames, outcomes, strict=True)):
        if isinstance(outcome, Unsupported) and rename.replace:
            outcomes[at] = _replace_in_steps(gateway, rename)
    return outcomes


def rm_many(gateway: Gateway, paths: Sequence[str]) -> list[GatewayError | None]:
    """Each delete once; after a broken connection, a file that is not there any more counts as deleted."""
    return _each(gateway, paths, gateway._rm_many, lambda path: path)


def rm_claimed(gateway: Gateway, files: Sequence[RemoteFile]) -> list[GatewayError | None]:
    """The same for files that are to go only as they are claimed."""
    return _each(gateway, files, gateway._rm_claimed, lambda file: file.path)


def old_name(part: str) -> str:
    """Where the file that `part` replaces waits on a place that cannot rename over an existing name."""
    return part.removesuffix(".part") + ".old"


def _replace_in_steps(gateway: Gateway, rename: Rename) -> GatewayError | None:
    """Old file aside, part to the final name, old file away: for a short while the final name is empty."""
    (there,) = gateway.stat_many([rename.target])
    if isinstance(there, RemoteFile) and there.kind == "folder":
        return gateway.placed(Rejected("a folder stands in the way"), rename.target)
    if isinstance(there, GatewayError) and not isinstance(there, NotFound):
        return there
    aside = old_name(rename.source)
    (error,) = _each(gateway, [Rename(rename.target, aside, False)], gateway._rename_many, lambda r: r.source)
    if error is not None and not isinstance(error, NotFound):
        return error
    if error is None:
        gateway.live.gaps.add(rename.target)
    (failed,) = _each(gateway, [rename._replace(replace=False)], gateway._rename_many, lambda r: r.source)
    if error is not None:
        return failed
    if failed is not None:
        (back,) = _each(gateway, [Rename(aside, rename.target, False)], gateway._rename_many, lambda r: r.source)
        return back or failed
    (error,) = rm_many(gateway, [aside])
    return error


def _each(
    gateway: Gateway,
    items: Sequence[T],
    hook: Callable[[Any, Iterator[T]], Iterator[GatewayError | None]],
    vanishing: Callable[[T], str],
) -> list[GatewayError | None]:
    """Outcomes of a batch, in order. What got no answer is asked again, unless the path that it takes away is gone."""
    live = gateway.live
    outcomes: list[GatewayError | None] = []
    gone: set[int] = set()
    tries = Tries(live)

    def pending() -> Iterator[T]:
        for at in range(len(outcomes), len(items)):
            live.fence()
            yield items[at]

    while len(outcomes) < len(items):
        try:
            with gateway.speaking(None):
                for outcome in hook(gateway.session(), pending()):
                    at = len(outcomes)
                    outcomes.append(None if at in gone and isinstance(outcome, NotFound) else outcome)
        except Unavailable as error:
            gateway.close()
            if not tries.again(error):
                outcomes.extend([error] * (len(items) - len(outcomes)))
                break
            gone.update(_vanished(gateway, items, len(outcomes), vanishing))
    return outcomes


def _vanished(gateway: Gateway, items: Sequence[T], start: int, vanishing: Callable[[T], str]) -> Iterator[int]:
    found = gateway.stat_many([vanishing(item) for item in items[start:]])
    return (start + at for at, one in enumerate(found) if isinstance(one, NotFound))
