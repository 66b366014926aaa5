"""The demo's folder: source, server, keys, job file; and the real command run on them, killed where it is told to."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from datagw.demo.keys import known_host, make_keys
from datagw.demo.web import Web
from datagw.errors import DatagwError

JOB = "readings"
MIRROR = "rates"
MIRRORED = "rates.csv"
_PATIENCE = 120.0  # seconds that a run may take

_JOBS = """\
# Made by `datagw demo`; yours starts with `datagw init`.

[gateways.institute]
type = "sftp"
host = "127.0.0.1"
port = {port}
username = "{user}"
private_key = "{keys}/client"
known_hosts = "{keys}/known_hosts"
root = "{root}"

[readings]
description = "What the station measured, one folder a day"
source = "local:station/%Y%m%d/"
to     = ["institute:readings/%Y%m%d/"]
when   = "daily"
bandwidth = "40MB/s"   # slow enough to be killed in the middle

[rates]
description = "A ministry's file, mirrored whenever it changes"
source = "{web}"
to     = ["institute:rates/"]
when   = "change"

[inbox]
description = "Whatever is dropped into this folder"
source = "local:inbox/"
to     = ["institute:inbox/"]
when   = "new files"
settle = "1s"
every  = "1s"
"""


class DemoFailed(DatagwError):
    """A step did not do what it shows; the message says which, and what was found."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run of the command left: its exit code, its results (None where it was killed), its log, its seconds."""

    code: int
    document: Any
    log: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Proven:
    """What the ledger has of one day; `verified` says how its files are known to be equal."""

    state: str
    files: int
    bytes: int
    verified: str
    manifest: str


class Place:
    """A folder with everything in it; its server runs until `close`."""

    def __init__(self, folder: Path, *, builtin: bool = False) -> None:
        self.folder = folder
        self.source = folder / "station"
        self.served = folder / "institute"
        self.published = self.served / JOB
        self.jobs = folder / "jobs.toml"
        self.state = folder / ".datagw"
        self._keys = folder / "keys"
        self.inbox = folder / "inbox"
        for made in (self.source, self.inbox, self.served):
            made.mkdir()
        make_keys(self._keys)
        self._server, told = self._start_server(builtin=builtin)
        self.server = str(told["kind"])
        self.port = int(told["port"])
        (self._keys / "known_hosts").write_text(known_host(self._keys, self.port), encoding="ascii")
        self.web = Web(folder / "web")
        address = self.web.address(MIRRORED)
        self.jobs.write_text(
            _JOBS.format(port=self.port, user=getpass.getuser(), keys=self._keys, root=told["root"], web=address),
            encoding="utf-8",
        )

    def _start_server(self, *, builtin: bool) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        command = [sys.executable, "-m", "datagw.demo.server", self.served, self._keys]
        with (self.folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "--builtin"] if builtin else command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        told = server.stdout.readline() if server.stdout else b""
        if not told:
            server.kill()
            server.wait()
            raise DemoFailed(f"the SFTP server did not start: {(self.folder / 'server.log').read_text()}")
        return server, json.loads(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the servers."""
        self.web.close()
        if self._server.stdin:
            self._server.stdin.close()  # its sign to end
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        if self._server.stdout:
            self._server.stdout.close()

    @property
    def environment(self) -> dict[str, str]:
        """The user's, without what would point the command to their own job file, ledger or Dagster instance."""
        foreign = ("DATAGW_JOBS", "DATABASE_URL", "DAGSTER_HOME", "PYTHONDONTWRITEBYTECODE")
        return {name: value for name, value in os.environ.items() if name not in foreign}

    def command(self, *arguments: str) -> list[str]:
        """The real command, on this job file."""
        return [sys.executable, "-m", "datagw", *arguments, "--config", str(self.jobs)]

    def run(self, job: str = JOB, *, kill_when: Callable[[], bool] | None = None) -> Ended:
        """`datagw run JOB`, to its end, or until the moment that it is killed at by SIGKILL."""
        started = time.monotonic()
        command = self.command("run", job, "--json")
        with (self.folder / "run.json").open("w+b") as out, (self.folder / "run.log").open("w+b") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=log
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

    def proven(self) -> dict[date, Proven]:
        """What the ledger has of each day that is published, by day."""
        from datagw.ledger.ledger import Ledger

        with Ledger.open(self.state / "jobs.db") as ledger:
            ways: dict[date | None, set[str]] = {}
            for receipt in ledger.receipts(JOB):
                ways.setdefault(receipt.day, set()).add(receipt.verification)
            return {
                row.day: Proven(
                    row.state, row.files, row.bytes, ", ".join(sorted(ways.get(row.day, ()))), row.manifest or ""
                )
                for row in ledger.days(JOB)
                if row.day is not None and row.state in ("published", "empty")
            }

    def parts(self) -> list[tuple[str, int]]:
        """The hidden parts under way at the server: name and size."""
        found: list[tuple[str, int]] = []
        for path in self.served.rglob(".datagw-*.part"):
            with suppress(FileNotFoundError):  # renamed at this moment
                found.append((path.name, path.stat().st_size))
        return found


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
