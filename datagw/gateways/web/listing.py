"""The files that a list on a web server names: a place that can be listed, though HTTP knows no listing.

Each item is a file, and stands alone: one that cannot be had is that file's failure. The list itself is the place: one
that cannot be read is an outage or an error, and never "no files".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pydantic import PrivateAttr
from typing_extensions import override

from datagw.errors import GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.gateways.front.tries import Tries
from datagw.gateways.http import Http
from datagw.gateways.web import addresses
from datagw.gateways.web.asking import Asking, host_of, same_server
from datagw.gateways.web.documents import items_of
from datagw.gateways.web.items import Found, Items, Listed, address_of, read_items, written_items

T = TypeVar("T")

UNSEEN = "cannot be looked at"
"""The etag of an item that nothing is known of but that the list names it."""


class Listing(Http):
    """The items of a list as files in one folder; made of a gateway of type http, never declared."""

    items: Items

    _found: dict[str, Listed] | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, gateway: Gateway, items: Items) -> Listing:
        """The files that a list on this server names; raises Unsupported where it is no web server."""
        if not isinstance(gateway, Http):
            raise Unsupported("a list stands on a web server", gateway=gateway.name)
        keys = {key: getattr(gateway, key) for key in type(gateway).model_fields}
        return cls(**keys, items=items).using(name=gateway.name)

    # ---- names

    @property
    @override
    def place(self) -> str:
        return f"{super().place} {self.items.path}"

    @override
    def named(self, relative: str) -> str:
        return relative

    @override
    def shown(self, path: str) -> str:
        if path and self.items.addresses is not None:
            return self.link(path)
        where = super().shown(self.items.path)
        return f"{where}: {path}" if path else where

    @override
    def link(self, path: str) -> str:
        return addresses.masked(self._address(path))

    @override
    def _address(self, path: str) -> str:
        """The address of an item; of the list itself for the empty path, or where the item is not known (any more)."""
        if path in (self.items.addresses or {}):
            return address_of((self.items.addresses or {})[path], ".", self._base)
        one = (self._found or {}).get(path)
        return one.address if one is not None and one.address else super()._address(self.items.path)

    @property
    def _base(self) -> str:
        """What addresses in the job file may be relative to: a folder."""
        return super()._address(self.items.path).rstrip("/") + "/"

    @override
    def _asked(self, session: Asking, path: str) -> str:
        address = self._address(path)
        if not session.query or not same_server(self.url, address):
            return address
        return f"{address}{'&' if '?' in address else '?'}{session.query}"

    # ---- the list

    @override
    def _ls(self, session: Asking, folder: str) -> Iterator[RemoteFile]:
        if folder:
            raise NotFound("a list has no folders", path=folder)
        found = self._fetched(session)
        self.live.notes = [self.shown("") + ": " + note for note in found.notes]
        self.live.unseen.clear()
        for one, look in zip(found.items, self._each(session, [one.name for one in found.items]), strict=True):
            if isinstance(look, GatewayError):
                self.live.unseen[one.name] = self.placed(look, one.name)
                look = RemoteFile(one.name, etag=UNSEEN)
            yield look

    def _fetched(self, session: Asking) -> Found:
        """The list, read anew; nobody is asked for one that stands in the job file."""
        if self.items.addresses is not None:
            written = written_items(self.items, self._base)
            self._found = {one.name: one for one in written.items}
            return written
        with session.ask("GET", self._asked(session, "")) as answer:
            refusal = answer.refusal()
            if isinstance(refusal, NotFound):
                raise Rejected(f"the list is not there: {refusal.message}")
            if refusal is not None:
                raise refusal
            answer.check_encoding(self.items.path)
            values = items_of(self._paced(self._exactly(session, answer, None, 0, 0)), self.items.at)
            found = read_items(self.items, values, answer.url)
        self._found = {one.name: one for one in found.items}
        return found

    def _paced(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            for limiter in self.live.limiters:
                limiter.take(len(block))
            self.live.fence()
            yield block

    # ---- its items

    @override
    def _stat(self, session: Asking, path: str) -> RemoteFile:
        if not path:
            return RemoteFile("", kind="folder")
        if self._found is None:
            self._fetched(session)
        one = (self._found or {}).get(path)
        if one is None:
            raise NotFound("the list does not name it")
        if one.error is not None:
            raise one.error
        try:
            return super()._stat(session, path)
        except NotFound as error:
            raise Rejected(f"the list names it, but {error.message}", path=path) from None

    @override
    def _stat_many(self, session: Asking, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        if self._found is None:
            self._fetched(session)
        yield from self._each(session, paths)

    def _each(self, session: Asking, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        """A look at each item. One that does not answer is tried again; one whose server was silent just now is not."""
        session.silent.clear()
        tries = Tries(self.live)
        for path in paths:
            host = host_of(self._address(path))
            if host in session.silent:
                yield Unavailable(f"{host} does not answer", path=path)
                continue
            try:
                yield self._patiently(session, path, lambda p=path: self._stat(session, p), tries)
            except GatewayError as error:
                yield error
            else:
                tries.renew()

    def _patiently(self, session: Asking, path: str, look: Callable[[], T], tries: Tries) -> T:
        while True:
            try:
                with self.speaking(path):
                    self.live.fence()
                    return look()
            except Unavailable as error:
                if not tries.again(error):
                    raise
                session.silent.clear()

    @property
    @override
    def each_alone(self) -> bool:
        return True
