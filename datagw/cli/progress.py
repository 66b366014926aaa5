"""How far a run is: a bar on a terminal; elsewhere at most a line a minute in the log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from typing_extensions import override

from datagw.cli.units import files_of, seconds_of, size_of
from datagw.errors import printable

if TYPE_CHECKING:
    from datagw.publishing.world import Progress

EVERY = 60.0  # seconds between two lines


class Count:
    """What was announced and what is done of it; heard from several threads at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = Lock()
        self.label = ""
        self.files = self.files_done = 0
        self.size = self.size_done = 0
        self.started: float | None = None

    def plan(self, label: str, files: int, size: int) -> None:
        """More is about to be sent."""
        with self.lock:
            self.label = label
            self.files += files
            self.size += size
            if self.started is None:
                self.started = self.clock()

    def moved(self, count: int) -> None:
        """Bytes have been read for sending."""
        with self.lock:
            self.size_done += count

    def file_done(self) -> None:
        """A file is proven, or has failed."""
        with self.lock:
            self.files_done += 1

    @property
    def speed(self) -> float:
        """Bytes per second since the first announcement; 0 as long as that says nothing."""
        elapsed = self.clock() - self.started if self.started is not None else 0.0
        return self.size_done / elapsed if elapsed > 0 else 0.0


class Lines(Count):
    """A line in the log, a minute after the last one at the earliest."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.log = log
        self.next: float | None = None

    @override
    def plan(self, label: str, files: int, size: int) -> None:
        """More is about to be sent."""
        super().plan(label, files, size)
        self._tell()

    @override
    def moved(self, count: int) -> None:
        """Bytes have been read for sending."""
        super().moved(count)
        self._tell()

    @override
    def file_done(self) -> None:
        """A file is proven, or has failed."""
        super().file_done()
        self._tell()

    def _tell(self) -> None:
        with self.lock:
            now = self.clock()
            if self.next is None:
                self.next = now + EVERY
            if now < self.next:
                return
            self.next = now + EVERY
            line = self._line()
        self.log.info("%s", line)

    def _line(self) -> str:
        done = f"{self.files_done} of {files_of(self.files)}, {size_of(self.size_done)} of {size_of(self.size)}"
        speed = self.speed
        left = f", {seconds_of(max(self.size - self.size_done, 0) / speed)} left" if speed else ""
        return f"{self.label}: {done}, {size_of(speed)}/s{left}"


class Bar(Count):
    """A bar at the foot of a terminal; it appears with the first file that is to be sent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self.bar = Progress(
            TextColumn("{task.fields[label]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[files]}", markup=False),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self.task: int | None = None

    @override
    def plan(self, label: str, files: int, size: int) -> None:
        """More is about to be sent."""
        super().plan(label, files, size)
        if files:
            self._show()

    @override
    def moved(self, count: int) -> None:
        """Bytes have been read for sending."""
        super().moved(count)
        self._show()

    @override
    def file_done(self) -> None:
        """A file is proven, or has failed."""
        super().file_done()
        self._show()

    def _show(self) -> None:
        from rich.progress import TaskID

        label, files = printable(self.label), f"{self.files_done}/{self.files} files"
        with self.lock:
            if self.task is None:
                self.bar.start()
                self.task = self.bar.add_task("", total=self.size, label=label, files=files)
        total = max(self.size, self.size_done)
        self.bar.update(TaskID(self.task), completed=self.size_done, total=total, label=label, files=files)


@contextmanager
def shown(*, quiet: bool) -> Iterator[Progress]:
    """The progress that suits where stderr goes; the bar is gone from the terminal at the end."""
    from datagw.publishing.world import NoProgress

    if quiet:
        yield NoProgress()
    elif sys.stderr.isatty():
        bar = Bar()
        try:
            yield bar
        finally:
            bar.bar.stop()
    else:
        yield Lines(logging.getLogger("datagw"))
