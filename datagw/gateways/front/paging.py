"""Listings of any length: a folder page by page, in an order that stays, never held whole where the place has one."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from datagw.files import RemoteFile, safe_path

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


def pages(gateway: Gateway, folder: str = "") -> Iterator[list[RemoteFile]]:
    """The entries of a folder in the order of their names, or of their keys; NotFound where it is not there.

    A page that did not come is asked for again, and no other.
    """
    folder = safe_path(folder)
    after: Any = None
    while True:
        page, after = gateway.attempt(folder, lambda s, a=after: gateway._ls_page(s, folder, a))
        yield page
        if after is None:
            return
