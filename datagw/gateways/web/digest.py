"""Digest authentication (RFC 7616), by the library requests: the password itself is never sent."""

from __future__ import annotations

import importlib
import re
from types import SimpleNamespace
from typing import Any

from datagw.errors import ConfigError

_MOST = 64 << 10  # bytes of a page that says "who are you?"


def digest(username: str, password: str) -> Any:
    """What a request is given as its `auth`; raises ConfigError for a name that the header cannot carry.

    The server's nonce is kept for the requests that follow, whichever thread asks; one that is over is replaced.
    """
    if not re.fullmatch(r"[ !#-\[\]-~]+", username):
        raise ConfigError('the username of auth = "digest" holds a character that its header cannot carry')
    base: Any = importlib.import_module("requests.auth").HTTPDigestAuth

    class Digest(base):
        """As it is in requests, but for what it would believe of a server."""

        def build_digest_header(self, method: str, url: str) -> str | None:
            try:
                return base.build_digest_header(self, method, url)
            except (AttributeError, KeyError, TypeError):  # a challenge that is none
                return None

        def handle_401(self, answer: Any, **kwargs: Any) -> Any:
            if answer.status_code == 401:
                answer._content = answer.raw.read(_MOST, decode_content=False)  # it would read a page without end
                answer._content_consumed = True
            return base.handle_401(self, answer, **kwargs)

    made = Digest(username, password)
    made._thread_local = SimpleNamespace()  # each request is a thread's of its own, one after another
    return made
