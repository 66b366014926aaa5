"""Web addresses: how a path becomes one, what of one may be shown, and what file name it stands for."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

ANY_SERVER = ("https://", "http://")
"""As the `url` of a gateway: its paths are whole addresses without their scheme, written as in a URL."""


def checked(url: str) -> str:
    """The address that all paths of a gateway start at, without a slash at its end; ValueError says what to write."""
    if url in ANY_SERVER:
        return url
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no web address") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise ValueError('is a web address, as in "https://data.example.org/exports"')
    if "@" in parts.netloc:
        raise ValueError('credentials do not stand in the address: username = "…", password = { env = "NAME" }')
    if parts.query or parts.fragment:
        raise ValueError("has neither query nor fragment; a query is given by `params`")
    return url.rstrip("/")


def below(url: str, root: str, path: str) -> str:
    """The address of a path; every character of it stands for itself."""
    whole = "/".join(part for part in (root.strip("/"), path) if part)
    return f"{url}/{quote(whole.encode('utf-8', 'surrogateescape'))}"


def masked(url: str) -> str:
    """A URL as it may be shown: the values of its query, which may be secrets, are left out."""
    address, mark, query = url.partition("?")
    return address + mark + re.sub(r"(^|&)([^=&]*=)?[^&]*", r"\1\2…", query) if mark else address


def file_name(relative: str) -> str:
    """The name that the last part of an address stands for: decoded, without its query."""
    folder, slash, name = relative.partition("?")[0].rpartition("/")
    return folder + slash + (unquote(name).replace("/", "_").replace("\0", "_") or "index")
