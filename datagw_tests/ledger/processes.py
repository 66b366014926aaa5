"""Other processes that use a ledger, led line by line through their standard input and output."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Self

_HEAD = """
import sys
from datetime import date
from datagw.ledger.ledger import Ledger
from datagw.ledger.lease import Held, Lease
from datagw_tests.ledger.rows import DAY, intent, receipt
url = sys.argv[1]
def say(*words): print(*words, flush=True)
def wait(): sys.stdin.readline()
"""


class Other:
    """A Python process that runs `code`, in which `url`, `say(…)` and `wait()` are there; killed at the end."""

    def __init__(self, code: str, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HEAD + code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        with self.process:  # closes the pipes
            pass

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
