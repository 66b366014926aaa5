"""What is sent to a server that asks who is there; secrets are revealed here, and go into headers and queries alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from pydantic import SecretStr

from datagw.errors import ConfigError
from datagw.gateways.secrets import Secret

_SECRET_NAME = re.compile(r"auth|cookie|key|pass|pwd|secret|sig|token", re.IGNORECASE)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = {"range", "if-range", "accept-encoding", "host", "content-length", "transfer-encoding"}


def hidden(values: Mapping[str, str | Secret], *, by_code: bool) -> dict[str, str | Secret]:
    """The values; what is called like a secret and written out is hidden if Python code said it, else a ValueError."""
    found = dict(values)
    for name, one in values.items():
        if isinstance(one, str) and _SECRET_NAME.search(name):
            if not by_code:
                raise ValueError(f'{name} is a secret: write {{ env = "NAME" }} or {{ file = "/run/secrets/name" }}')
            found[name] = Secret(value=SecretStr(one))
    return found


def check_headers(values: Mapping[str, str | Secret]) -> None:
    """Raises ValueError for what cannot be a header, or must not be another than datagw's."""
    for name, one in values.items():
        if not _NAME.fullmatch(name):
            raise ValueError("the name of a header holds letters, digits and `-`")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is datagw's own business")
        if isinstance(one, str) and (wrong := _wrong(name, one)):
            raise ValueError(wrong)


def headers(
    given: Mapping[str, str | Secret], username: str | None, password: Secret | None, token: Secret | None
) -> dict[str, str]:
    """The headers that one server gets; raises ConfigError for a secret that is missing or that none can carry."""
    found = {name: _revealed(one) for name, one in given.items()}
    if token is not None:
        found["Authorization"] = f"Bearer {token.reveal()}"
    elif username is not None or password is not None:
        pair = f"{username or ''}:{password.reveal() if password is not None else ''}".encode()
        found["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
    for name, value in found.items():
        if wrong := _wrong(name, value):
            raise ConfigError(wrong)
    return found


def query(params: Mapping[str, str | Secret]) -> str:
    """The query that is added to each address; raises ConfigError for a secret that is missing."""
    return urlencode({name: _revealed(one) for name, one in params.items()})


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _wrong(name: str, value: str) -> str:
    """What keeps the header from being sent; nothing if it can be. The value, which may be a secret, is not told."""
    if re.search(r"[^\t\x20-\x7e\xa0-\xff]", value):
        return f"the value of the header {name} holds what a header cannot carry"
    return f"the value of the header {name} begins or ends with a blank" if value != value.strip() else ""
