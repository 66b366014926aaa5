"""Uploads: a small file as one form, a larger one in chunks, a few at once; and the SHA-1 of what was sent.

The protocol of chunks is that of Fine Uploader. A chunk that was sent cannot be sent again under the same uuid (udata
answers with an error, and cannot be told from one that failed), so every try has a uuid of its own.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from typing import Any, cast

from datagw.errors import Rejected, Unavailable
from datagw.gateways.front.reading import Block, Reading
from datagw.gateways.front.retries import wait
from datagw.gateways.udata.api import Api
from datagw.gateways.udata.data_sets import Resource
from datagw.gateways.udata.forms import Form

_SLOWEST = 20_000  # bytes a second, of a line
_SLOWEST_PLACE = 1_000_000  # bytes a second, of a place that puts chunks together
_APART = 1.05  # seconds: a place keeps a file under its name and the second of its upload, and fails for two of them


def upload(api: Api, data_set: str, path: str, name: str, reading: Reading, chunk: int) -> tuple[Resource, str]:
    """What the place says of the file that it took, and the SHA-1 of what was sent. `path` is that of the request."""
    _require_extension(api, name)
    _wait_for_the_next_second(api, data_set, name)
    try:
        if reading.size <= chunk:
            said, sha1 = _whole(api, path, name, reading, chunk)
        else:
            said, sha1 = _in_chunks(api, path, name, reading, chunk)
    finally:
        api.uploaded[data_set, name] = time.monotonic()
    return resource_of(api, said), sha1


def sha1_of(reading: Reading, size: int) -> str:
    """The SHA-1 of a content that is not sent."""
    digest = hashlib.sha1(usedforsecurity=False)
    for block in reading.blocks(size):
        digest.update(block)
    return digest.hexdigest()


def resource_of(api: Api, said: Any) -> Resource:
    """The resource that an answer tells of."""
    try:
        return Resource.of(said)
    except (KeyError, TypeError, AttributeError) as error:
        raise Unavailable(f"{api.host} answers with what is no resource") from error


def _whole(api: Api, path: str, name: str, reading: Reading, chunk: int) -> tuple[Any, str]:
    content = b"".join(reading.blocks(chunk))
    form = Form({}, (name, content))
    return api.upload(path, form, _seconds(api, len(form))), hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _in_chunks(api: Api, path: str, name: str, reading: Reading, chunk: int) -> tuple[Any, str]:
    digest = hashlib.sha1(usedforsecurity=False)
    total = -(-reading.size // chunk)
    fields = {
        "uuid": str(uuid.uuid4()),
        "filename": name,
        "totalparts": str(total),
        "totalfilesize": str(reading.size),
    }

    def chunks() -> Iterator[tuple[int, Block]]:
        for number, block in enumerate(reading.blocks(chunk)):
            digest.update(block)
            yield number, block

    def send(one: tuple[int, Block]) -> Any:
        number, block = one
        place = {"partindex": number, "partbyteoffset": number * chunk, "chunksize": len(block)}
        form = Form({**fields, **{key: str(value) for key, value in place.items()}}, (name, block))
        return api.upload(path, form, _seconds(api, len(form)))

    taken = 0
    for _, future in api.threads.as_done(chunks(), send):
        said = future.result()
        if not isinstance(said, dict) or cast("dict[str, object]", said).get("success") is not True:
            raise Unavailable(f"{api.host} does not say that it took a chunk")
        taken += 1
    if taken != total:
        raise Unavailable(f"{taken} chunks were sent instead of {total}")
    seconds = api.timeout + reading.size / _SLOWEST_PLACE
    return api.upload(path, Form(fields), seconds), digest.hexdigest()


def _seconds(api: Api, size: int) -> float:
    return api.timeout + size / _SLOWEST


def _require_extension(api: Api, name: str) -> None:
    """Before anything is sent: a place refuses a file by its name only when all of it has arrived."""
    known = api.extensions()
    dot = name.rfind(".")
    suffix = name[dot + 1 :] if dot > 0 else ""
    if known and suffix not in known:
        ends = f"that end with .{suffix}" if suffix else "without an extension"
        raise Rejected(f"{api.host} takes no files {ends}; it takes {', '.join(sorted(known))}")


def _wait_for_the_next_second(api: Api, data_set: str, name: str) -> None:
    before = api.uploaded.get((data_set, name))
    if before is not None and (left := before + _APART - time.monotonic()) > 0:
        wait(left, api.fence)
