"""Copies within a place: made and compared by the place itself, so that nobody downloads anything."""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast, final

from datagw.errors import GatewayError, Unavailable
from datagw.files import RemoteFile, parent
from datagw.gateways.front import sending
from datagw.gateways.front.duplicates import Duplicate, Duplicated, Known
from datagw.gateways.front.hooks import Hooks
from datagw.gateways.front.tries import Tries

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


class Copying(Hooks):
    """The verbs of a gateway for copies within its place, and for uploads that nobody goes on with."""

    @final
    def copies_from(self, source: Gateway) -> bool:
        """Whether this place takes files of `source` without anybody downloading them: one store, and one account."""
        gateway = cast("Gateway", self)
        return gateway.can("copy") and type(source) is type(gateway) and self._copies_from(source)

    @final
    def copy_within(self, source: Gateway, wishes: Sequence[Duplicate]) -> Iterator[Duplicated]:
        """Copies of files of `source`, each whole or not at all; as each is done or has failed, in any order.

        A file that is no longer the one that is claimed is not copied: Changed.
        """
        return _copy(cast("Gateway", self), source, wishes)

    @final
    def compare_within(
        self, source: Gateway, pairs: Sequence[tuple[RemoteFile, RemoteFile]]
    ) -> list[Known | GatewayError]:
        """What the place itself knows of pairs of a file of `source` and one of ours: equal where there is a `proof`.

        Without one they may be equal all the same; an error takes its pair's place.
        """
        gateway = cast("Gateway", self)
        return gateway.attempt(None, lambda session: list(self._compare_many(session, source, pairs)))

    @final
    def read_both(
        self, source: Gateway, pairs: Sequence[tuple[RemoteFile, RemoteFile]]
    ) -> Iterator[tuple[str, str] | GatewayError | None]:
        """Where the place has nothing to compare by, both are fetched: their SHA-256 and how ours is known.

        None where they differ.
        """
        gateway = cast("Gateway", self)
        theirs = source.hashes([one for one, _ in pairs], probe=False)
        ours = gateway.hashes([other for _, other in pairs], probe=False)
        for one, other in zip(theirs, ours, strict=True):
            if isinstance(one, GatewayError):
                yield one
            elif isinstance(other, GatewayError):
                yield other
            else:
                yield (one[0], other[1]) if one[0] == other[0] else None

    @final
    def rm_claimed(self, files: Sequence[RemoteFile]) -> list[GatewayError | None]:
        """Removes files that are still the claimed version, for places that cannot put one aside; else Changed.

        Between the last look at a file and its end is one request, however many others go with it.
        """
        return sending.rm_claimed(cast("Gateway", self), files)

    @final
    def abandon(self, paths: Sequence[str]) -> int:
        """Ends uploads to these names that runs have left unfinished for a week; how many there were."""
        gateway = cast("Gateway", self)
        if not gateway.can("abandon"):
            return 0
        return sum(gateway.attempt(path, lambda session, path=path: self._abandon(session, path)) for path in paths)


def _copy(gateway: Gateway, source: Gateway, wishes: Sequence[Duplicate]) -> Iterator[Duplicated]:
    """An outage is tried again, with what is left."""
    todo: dict[str, Duplicate] = {}
    makes_folders = gateway.can("mkdir")
    for wish in wishes:
        try:
            if makes_folders:
                gateway.mkdir(parent(wish.final))
        except GatewayError as error:
            yield Duplicated(wish, error=error)
        else:
            todo[wish.final] = wish
    tries = Tries(gateway.live)
    while todo:
        done_before = len(todo)
        try:
            with gateway.speaking(None):
                for done in gateway._copy_many(gateway.session(), source, _coming(gateway, list(todo.values()))):
                    del todo[done.wish.final]
                    if done.error is not None:
                        gateway.placed(done.error, done.wish.final)
                    yield done
        except Unavailable as error:
            gateway.close()
            if len(todo) < done_before:
                tries.renew()
            if not tries.again(error):
                yield from [Duplicated(wish, error=error) for wish in todo.values()]
                return


def _coming(gateway: Gateway, wishes: Sequence[Duplicate]) -> Iterator[Duplicate]:
    for wish in wishes:
        gateway.live.fence()
        yield wish
