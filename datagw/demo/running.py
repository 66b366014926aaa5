"""A folder of the demo's with a job file, and the real command run on it, killed where it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from datagw.errors import DatagwError

_PATIENCE = 120.0  # seconds that a command may take
_FOREIGN = ("DATAGW_JOBS", "DATABASE_URL", "DAGSTER_HOME", "PYTHONDONTWRITEBYTECODE")


class DemoFailed(DatagwError):
    """A step did not do what it shows; the message says which, and what was found."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run of the command left: its exit code, its results (None where it was killed), its log, its seconds."""

    code: int
    document: Any
    log: str
    seconds: float


class Workplace:
    """A folder with a job file in it, `jobs.toml`, and the servers that it names, which run until `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = folder / "jobs.toml"
        self.state = folder / ".datagw"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the servers."""

    @property
    def hint(self) -> str:
        """What can be tried in it while the UI runs."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """The user's, without what leads elsewhere: to a job file, an account, a proxy or a Dagster of their own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        for name in _FOREIGN:
            kept.pop(name, None)
        for name in ("NO_PROXY", "no_proxy"):
            kept[name] = ",".join(filter(None, [kept.get(name), "127.0.0.1"]))
        return kept

    def command(self, *arguments: str) -> list[str]:
        """The real command, on this job file."""
        return [sys.executable, "-m", "datagw", *arguments, "--config", str(self.jobs)]

    def run(self, job: str, *, kill_when: Callable[[], bool] | None = None) -> Ended:
        """`datagw run JOB`, to its end, or until the moment that it is killed at by SIGKILL."""
        return self.ask("run", job, "--json", kill_when=kill_when)

    def ask(self, *arguments: str, kill_when: Callable[[], bool] | None = None) -> Ended:
        """A command that answers with JSON, to its end or its kill."""
        started = time.monotonic()
        with (self.folder / "run.json").open("w+b") as out, (self.folder / "run.log").open("w+b") as log:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )
            try:
                if kill_when is not None:
                    _wait_for(kill_when, process, started)
                    process.send_signal(signal.SIGKILL)
                code = process.wait(timeout=_PATIENCE)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            text = _read(log)
            document = json.loads(_read(out)) if kill_when is None and code in (0, 3) else None
        return Ended(code, document, text, time.monotonic() - started)

    def look(self, job: str) -> str:
        """What the switch of a job says: one tick, as Dagster's daemon has it, that starts nothing."""
        command = [sys.executable, "-m", "dagster", "sensor", "preview", f"{job}_due", "-m", "datagw.definitions"]
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, "DATAGW_JOBS": str(self.jobs), "DAGSTER_HOME": str(self.state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        said = re.search(
            r"Sensor returning (run requests for \d+ run)|Sensor returned false for \S+?, (.*)", ended.stdout
        )
        if said is None:
            raise DemoFailed(f"the switch of {job} could not look:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
        return said[1] or said[2]


def _wait_for(event: Callable[[], bool], process: subprocess.Popen[bytes], started: float) -> None:
    """Returns at the event; DemoFailed where the run ends, or the patience, before it comes."""
    while not event():
        if process.poll() is not None:
            raise DemoFailed(f"the run ended with {process.returncode} before it could be killed")
        if time.monotonic() - started > _PATIENCE:
            raise DemoFailed("the run took too long to come to the moment at which it is killed")
        time.sleep(0.005)  # a poll: the file system tells nobody


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
