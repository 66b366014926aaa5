"""`https://…` in a job file: a web address as a path of the gateway that is called like its scheme."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SCHEMES = ("https", "http")
_FORMAT = re.compile(r"(\{[^{}]*\})")
_SECRET = re.compile(
    r"(^|[_.-])(auth|key|pass|pwd|secret|sig|token)|apikey|credential|password|signature", re.IGNORECASE
)


def path_of(scheme: str, rest: str) -> str:
    """The path of `scheme://rest`, in the notation of patterns; raises ValueError that says what to write instead.

    What a `%` means in an address it means there; `{day:%Y-%m-%d}` is a date, and `*` still is a glob.
    """
    rest = rest.partition("#")[0]
    address, mark, query = rest.partition("?")
    host, slash, path = address.partition("/")
    if re.search(r"[\s\x00-\x1f\x7f\\]", rest):
        raise ValueError("a web address holds neither blanks nor backslashes; a blank is written %20")
    if "@" in host:
        raise ValueError(
            "credentials do not stand in a web address; declare a gateway of type http, "
            'with username = "…" and password = { env = "NAME" }'
        )
    if not _is_host(host):
        raise ValueError(f"`{scheme}://` is followed by a server, as in {scheme}://data.example.org/file.zip")
    if not (slash and (path or query)):
        raise ValueError("the address names a server, but no file on it")
    if "//" in path or any(part in (".", "..") for part in path.split("/")):
        raise ValueError("the path of a web address has no empty, `.` or `..` parts here")
    for pair in re.split("[&;]", query):
        if _SECRET.search(pair.partition("=")[0]):
            raise ValueError(
                f"{pair.partition('=')[0]} looks like a secret; declare a gateway of type http, "
                f'with params = {{ {pair.partition("=")[0]} = {{ env = "NAME" }} }}'
            )
    return _escaped(address, {}) + (_escaped("?" + query, {"/": "%2F", "*": "%2A"}) if mark else "")


def _is_host(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        return bool(parts.hostname) and (parts.port is None or parts.port > 0) and not re.search(r"[*{}%]", host)
    except ValueError:
        return False


def _escaped(text: str, encoded: dict[str, str]) -> str:
    """Outside of braces: percent signs and brackets stand for themselves, so does `?`."""
    parts = _FORMAT.split(text)
    for at in range(0, len(parts), 2):
        for char, code in encoded.items():
            parts[at] = parts[at].replace(char, code)
        parts[at] = re.sub(r"[?\[]", r"[\g<0>]", parts[at].replace("%", "%%"))
    return "".join(parts)
