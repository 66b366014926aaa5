"""The nouns of copies that a place makes by itself: what is asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from datagw.errors import GatewayError, Unsupported
from datagw.files import RemoteFile


class NotByItself(Unsupported):
    """The place makes no copy of this file by itself, and nothing of one stands there; it can be sent as any other."""


@dataclass(slots=True)
class Memo:
    """What an interrupted copy wanted remembered (`note`), so that a later one goes on with it; `keep` remembers."""

    note: str | None = None
    keep: Callable[[str | None], None] | None = None

    def put_down(self, note: str | None) -> None:
        """Remembers how a later run can go on (None: it cannot). May be called from any thread."""
        self.note = note
        if self.keep is not None:
            self.keep(note)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A wish: this file of the source, as it is claimed, under the name `final` as well.

    With `replace = False` what stands there is kept, and the wish Rejected, unless it is known to be equal.
    """

    file: RemoteFile
    final: str
    replace: bool = True
    memo: Memo = field(default_factory=Memo)


@dataclass(frozen=True, slots=True)
class Known:
    """What a place tells of a copy: `proof` is `hash` where it knows the copy to be equal by a content hash of its own.

    `sha256` is the SHA-256 of the whole content where the place has computed it, else `""`.
    """

    proof: Literal["hash"] | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Duplicated:
    """What became of a wish: what stands there now and what is known of it, or the error that ended it."""

    wish: Duplicate
    file: RemoteFile | None = None
    known: Known = Known()
    error: GatewayError | None = None

    @property
    def stands(self) -> RemoteFile:
        """The copy, as it was told or is to be expected."""
        return self.file or self.wish.file.at(self.wish.final)
