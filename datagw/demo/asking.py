"""Requests of the demo's own, made by the standard library: its proof is not told by what published."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from datagw.demo.running import DemoFailed

_TIMEOUT = 60.0  # seconds


def ask(method: str, url: str, *, headers: Mapping[str, str] | None = None, document: Any = None) -> bytes:
    """What is answered, redirects followed, proxies left alone; DemoFailed where it is no success."""
    data = None if document is None else json.dumps(document).encode()
    given = {**({"Content-Type": "application/json"} if data is not None else {}), **(headers or {})}
    request = urllib.request.Request(url, data, given, method=method)  # noqa: S310 - servers of our own
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_TIMEOUT) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")[:500]
        raise DemoFailed(f"{method} {url.partition('?')[0]}: {error.code} {said}") from None
    except OSError as error:
        raise DemoFailed(f"{method} {url.partition('?')[0]}: {error}") from None
