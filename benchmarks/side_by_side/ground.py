"""Where it happens: a throw-away HOME, the source, and the place that everybody publishes to."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Took:
    """One command: seconds by the clock, seconds of the processor that its own processes used, its exit code."""

    seconds: float
    processor: float
    code: int
    output: str


class Ground:
    """Below `folder`: HOME and `source`; the place is that of a kind."""

    closely = False
    """Whether a place that is quick because it does not look is to look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.source = folder / "source"
        self._log = folder / "output.log"
        self.home.mkdir(parents=True)

    def fresh(self) -> None:
        """An empty destination, and nothing that the disk is still busy with."""
        raise NotImplementedError

    def difference(self) -> str | None:
        """What makes the destination unlike the source; None where they are equal."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """A plain one: this HOME, no agent, no settings of the user's."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TZ") if key in os.environ}
        return {**kept, "HOME": str(self.home), "DAGSTER_DISABLE_TELEMETRY": "yes"}

    def run(self, command: list[str], folder: Path | None = None) -> Took:
        """Runs a command to its end; what it says is kept in `output`."""
        with self._log.open("wb") as log:
            begin = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output = self._log.read_text(errors="replace")
        return Took(seconds, used.ru_utime + used.ru_stime, process.returncode, output)
