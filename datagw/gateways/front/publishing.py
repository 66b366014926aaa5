"""Files published in one request each, at places that know no rename: all of a file, or nothing of it.

And a few bytes published, at any place.
"""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from datagw.errors import GatewayError, NotFound, Rejected, Unavailable
from datagw.files import parent, part_name
from datagw.gateways.front.parallel import spread
from datagw.gateways.front.reading import Published, Reading, Rename, Sent, Upload
from datagw.gateways.front.tries import Tries

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


def publish(gateway: Gateway, uploads: Sequence[Upload]) -> Iterator[Sent]:
    """Each upload's outcome as it comes, on as many connections as the gateway has."""
    if gateway.connections > 1 and len(uploads) > 1 and not gateway.many_in_a_session:
        return spread(gateway, uploads, _publish)
    return _publish(gateway, uploads)


def _publish(gateway: Gateway, uploads: Sequence[Upload]) -> Iterator[Sent]:
    """An outage that is raised concerns the place, and all that are left; one that is told of a file, that file."""
    todo: dict[str, Upload] = {}
    makes_folders = gateway.can("mkdir")
    for upload in uploads:
        try:
            if makes_folders:
                gateway.mkdir(parent(upload.final))
        except GatewayError as error:
            yield Sent(upload, error=error)
        else:
            todo[upload.final] = upload
    tries = Tries(gateway.live)
    made: dict[str, Reading] = {}
    while todo:
        done_before = len(todo)
        silent: dict[str, Unavailable] = {}
        place: Unavailable | None = None
        try:
            with gateway.speaking(None):
                session = gateway.session()
                for reading, outcome in gateway._publish_many(session, _readings(gateway, todo, silent, made)):
                    reading.close()
                    if isinstance(outcome, Unavailable):
                        gateway.placed(outcome, reading.final)
                        silent[reading.final] = outcome
                    else:
                        del todo[reading.final]
                        yield _told(gateway, reading, outcome)
        except Unavailable as error:
            _left_off(gateway, made.values(), tries)
            place = error
        if not todo:
            break
        if len(todo) < done_before:
            tries.renew()
        error = place or _first_of(silent, todo)
        if error.tried or not tries.again(error):
            alone = place is None
            yield from [Sent(upload, error=silent.get(upload.final, error), alone=alone) for upload in todo.values()]
            return


def _readings(
    gateway: Gateway, todo: dict[str, Upload], silent: dict[str, Unavailable], made: dict[str, Reading]
) -> Iterator[Reading]:
    """What is to be published; what an earlier try of this call wanted remembered (`made`) is at hand."""
    for upload in list(todo.values()):
        gateway.live.fence()
        if upload.final not in silent:
            reading = Reading(upload, gateway.pulse)
            if upload.final in made:
                reading.note = made[upload.final].note
            made[upload.final] = reading
            yield reading


def _left_off(gateway: Gateway, readings: Iterable[Reading], tries: Tries) -> None:
    """A broken connection is closed, and so are the sources read for it; what has arrived renews the tries."""
    for reading in readings:
        tries.reached(reading.final, reading.offset + reading.spared)
        reading.close()
    gateway.close()


def _told(gateway: Gateway, reading: Reading, outcome: Published | GatewayError) -> Sent:
    if isinstance(outcome, GatewayError):
        return Sent.not_done(reading.upload, gateway.placed(outcome, reading.final))
    if not reading.complete:
        unread = Rejected(f"a gateway of type {gateway.type} did not read it to its end", path=reading.final)
        return Sent(reading.upload, error=gateway.placed(unread))
    moved = reading.size - reading.offset - reading.spared
    return Sent(reading.upload, reading.sha256, moved, published=outcome)


def _first_of(silent: dict[str, Unavailable], todo: dict[str, Upload]) -> Unavailable:
    """Why files are left; a driver that says nothing of some has not kept its promise."""
    for final in todo:
        if final in silent:
            return silent[final]
    raise RuntimeError(f"no word of {sorted(todo)[:3]}")


def put(gateway: Gateway, content: bytes, path: str, *, replace: bool, part: str | None) -> None:
    """A few bytes under `path`, proven; see `Gateway.put`."""
    upload = Upload(content, part or part_name(f"bytes:{content.hex()}", path), path, replace=replace)
    if gateway.in_one_request:
        if not replace and _is_there(gateway, path):
            raise Rejected("a file stands there already", path=path, gateway=gateway.name)
        (sent,) = gateway.publish([upload])
        _require_proof(gateway, sent)
        return
    (sent,) = gateway.send([upload])
    _require_proof(gateway, sent)
    (error,) = gateway.rename_many([Rename(upload.part, path, replace)])
    if error is not None:
        gateway.rm(upload.part)
        raise error


def _require_proof(gateway: Gateway, sent: Sent) -> None:
    proof: str | GatewayError = sent.error or gateway.verify([sent], "content")[0]
    if isinstance(proof, GatewayError):
        raise proof


def _is_there(gateway: Gateway, path: str) -> bool:
    try:
        gateway.stat(path)
    except NotFound:
        return False
    return True
