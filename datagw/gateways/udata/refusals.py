"""What an answer of udata means. What it says itself, often in French, is shown; the token never is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable
from datagw.gateways.web import refusals

_LONGEST = 300  # characters of what is shown
_NO_FILE = {400, 413, 415, 422}


class Stumbled(Unavailable):
    """Something went wrong with one file, inside the place or on the way: that says nothing of other files."""


def of_status(status: int, host: str, body: bytes, retry_after: str | None) -> GatewayError:
    """The error that an answer other than of success stands for."""
    text = told(body)
    said = f"{host} answers {status}" + (f": {text}" if text else "")
    if status == 401:
        return Denied(f"{said}; is the token right, and not expired or revoked?")
    if status == 403:
        return Denied(f"{said}; may the owner of this token edit this data set?")
    if status == 404:
        return NotFound(said)
    if status == 410:
        return Denied(f"it has been deleted there ({said})")
    if status in (507, 509):
        return Full(said)
    if status == 500:
        return Stumbled(said)
    if status in _NO_FILE:
        return Rejected(said)
    found = refusals.of_status(status, host, retry_after)
    return Unavailable(said, retry_after=found.retry_after) if isinstance(found, Unavailable) else Rejected(said)


def told(body: bytes) -> str:
    """What an answer says, in one line: the messages of JSON, or the title of a page."""
    text = body.decode("utf-8", "replace")
    try:
        said: Any = json.loads(text)
    except ValueError:
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        if title is None and "<" in text:
            return "a page that is no answer of udata"
        text = title[1] if title is not None else text
    else:
        text = "; ".join(_messages(said))
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _messages(said: object, name: str = "") -> Iterator[str]:
    """Every text in `message`, `error` and `errors`, with the names of the fields that it is about."""
    if isinstance(said, str):
        yield f"{name}: {said}" if name else said
    elif isinstance(said, list):
        for one in cast("list[object]", said):
            yield from _messages(one, name)
    elif isinstance(said, dict):
        for key, one in cast("dict[str, object]", said).items():
            if name or key not in ("success", "status"):
                plain = key in ("message", "error", "errors")
                yield from _messages(one, name if plain else f"{name}.{key}" if name else key)
