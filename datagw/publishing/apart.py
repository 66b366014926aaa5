"""Whether a copy may be the very file that it was made of, or another copy, seen in another way.

Where a source can put a file aside, its copies are looked at meanwhile. Where it cannot, as in a bucket, a few bytes of
ours beside the copy tell: they must not show up beside the source.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from contextlib import suppress

from datagw.errors import NotFound
from datagw.files import join, parent, part_name
from datagw.gateways.base import Gateway
from datagw.ledger import Receipt
from datagw.publishing.planning import folded


def under_one_name(gateway: Gateway, receipts: Collection[Receipt]) -> set[str]:
    """Sources of copies whose names differ in case or Unicode form alone, where the place does not list them all.

    A server on Windows or a Mac holds them as one file, which nothing but its list tells.
    """
    if not gateway.can("ls"):
        return set()
    alike: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        alike.setdefault(folded(receipt.destination), []).append(receipt)
    found: set[str] = set()
    for several in alike.values():
        names = {receipt.destination for receipt in several}
        if len(names) > 1:
            there = {entry.path for folder in {parent(name) for name in names} for entry in gateway.ls(folder)}
            found |= set() if names <= there else {receipt.source for receipt in several}
    return found


class Apart:
    """What is known of a source and of the places of its copies: each pair of folders is tried once."""

    def __init__(self, source: Gateway) -> None:
        self._source = source
        self._one: dict[tuple[str, str, str], bool] = {}

    def may_be_one(self, path: str, place: Gateway, copy: str) -> bool:
        """Whether the file at `path` and the copy are one and the same, as far as can be found out.

        A place that shows nothing, or from which no probe could be taken away again, is not tried; nor one of the
        same type under whose root the full path is another.
        """
        name = path.rpartition("/")[2]
        if copy.rpartition("/")[2] != name or not place.shows or place.can("prove_rights"):
            return False
        if place.type == self._source.type and place.full(copy) != self._source.full(path):
            return False
        pair = (parent(path), place.name, parent(copy))
        if pair not in self._one:
            self._one[pair] = self._is_one_folder(pair[0], place, pair[2])
        return self._one[pair]

    def _is_one_folder(self, folder: str, place: Gateway, other: str) -> bool:
        name = part_name(f"one folder with {self._source.place}", "probe")  # the same each time: see `prove_rights`
        content = secrets.token_bytes(16)
        probe = join(other, name)
        place.put(content, probe)
        try:
            with suppress(NotFound):
                return self._source.read(join(folder, name)) == content
            return False
        finally:
            with suppress(NotFound):  # somebody else, who asked at the same moment, has taken it away
                place.rm(probe)
