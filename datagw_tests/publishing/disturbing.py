"""What happens to a run from outside, at a moment of the test's choosing."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datagw.publishing import NoProgress
from datagw_tests.publishing.station import Station


def published(station: Station, folder: str = "days/20260201") -> dict[str, bytes]:
    """All files in a folder of the archive by their path below it, seen on the disk that it is kept on."""
    root = Path(station.archive.root) / folder
    return {
        os.fsencode(path.relative_to(root)).decode("utf-8", "surrogateescape"): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


class Meanwhile(NoProgress):
    """Does something once, as soon as `after` bytes of files have been read for sending, or `files` are proven."""

    def __init__(self, act: Callable[[], object], *, after: int | None = None, files: int | None = None) -> None:
        self.act = act
        self.after = after
        self.files = files
        self.bytes = 0
        self.proven = 0
        self.acted = 0

    def plan(self, label: str, files: int, size: int) -> None:
        self.bytes = 0

    def moved(self, count: int) -> None:
        if count > 400:  # no marker
            self.bytes += count
        if self.after is not None and self.bytes >= self.after:
            self._act()

    def file_done(self) -> None:
        self.proven += 1
        if self.files is not None and self.proven >= self.files:
            self._act()

    def _act(self) -> None:
        if not self.acted:
            self.acted += 1
            self.act()


class _Capabilities(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("e0", "p0", "i0", "e1", "p1", "i1")]


@contextmanager
def modes_obeyed() -> Iterator[None]:
    """Within, this thread is refused what permission bits refuse, also where it belongs to root."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # the third version; this thread
    had = _Capabilities()

    def call(name: str, data: Any) -> None:
        if getattr(libc, name)(head, ctypes.byref(data)) != 0:
            raise OSError(ctypes.get_errno(), name)

    call("capget", had)
    humble = _Capabilities.from_buffer_copy(had)
    humble.e0 &= ~(0b1111)  # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
    call("capset", humble)
    try:
        yield
    finally:
        call("capset", had)
