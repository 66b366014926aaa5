"""A file on a disk of this machine that is still what was planned, before and after it is read, and at rest."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from pathlib import Path

from datagw.errors import Changed, NotFound, Rejected
from datagw.files import StagedFile, version_of_stat


class open_unchanged:  # noqa: N801 - reads as the function it stands for
    """A descriptor of a staged file that is, at entry and at exit, still the version that was planned.

    Raises Changed where it is not, or where somebody has the file open for writing; NotFound where it is gone.
    """

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged
        self._descriptor = -1

    def __enter__(self) -> int:
        staged = self._staged
        try:
            self._descriptor = os.open(staged.local, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise NotFound("the source file is gone", path=staged.origin.path) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Changed("a symbolic link has taken the file's place", path=staged.origin.path) from error
            raise Rejected(f"the source file cannot be read: {error.strerror}", path=staged.origin.path) from error
        try:
            self._compare()
            if not staged.owned and open_for_writing(self._descriptor):
                raise Changed("somebody has the file open for writing; left for later", path=staged.origin.path)
        except BaseException:
            os.close(self._descriptor)
            raise
        return self._descriptor

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._compare()
        finally:
            os.close(self._descriptor)

    def _compare(self) -> None:
        staged = self._staged
        found = os.fstat(self._descriptor)
        if staged.owned:
            if found.st_size != staged.origin.size:
                wrong = f"the staged file has {found.st_size} bytes instead of {staged.origin.size}"
                raise Rejected(wrong, path=staged.origin.path)
        elif version_of_stat(found) != staged.origin.version:
            raise Changed("the file changed while it was read", path=staged.origin.path)


def open_for_writing(descriptor: int) -> bool:
    """Whether any process has this local file open for writing, by F_SETLEASE, else by what /proc shows of others."""
    try:
        fcntl.fcntl(
            descriptor, fcntl.F_SETSIG, signal.SIGURG
        )  # a broken lease's own signal, SIGIO, would end the process
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return _open_for_writing_by_proc(descriptor)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _open_for_writing_by_proc(descriptor: int) -> bool:
    wanted = os.fstat(descriptor)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            entries = list(os.scandir(process / "fd"))
        except OSError:
            continue  # a process that ended, or that is not ours to look into
        for entry in entries:
            try:
                found = entry.stat()
                if (found.st_dev, found.st_ino) != (wanted.st_dev, wanted.st_ino):
                    continue
                flags = (process / "fdinfo" / entry.name).read_text("ascii")
            except OSError:
                continue  # closed meanwhile
            access = next(int(line.split()[1], 8) for line in flags.splitlines() if line.startswith("flags:"))
            if access & os.O_ACCMODE != os.O_RDONLY:
                return True
    return False
