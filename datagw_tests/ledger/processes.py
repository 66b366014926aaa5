"""Other processes that use a ledger, led line by line through their standard input and output."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self

import psycopg2

from datagw.ledger.schema import ADVISORY_LOCK

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


@contextlib.contextmanager
def schema_locked(postgres_url: str) -> Generator[Callable[[int], None], None, None]:
    """A time in which nobody can change tables; the function that is given waits for so many who want to, and lets them."""
    with contextlib.closing(psycopg2.connect(postgres_url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")

        def let_go(wanted: int) -> None:
            patient_until = time.monotonic() + 60
            waiting = 0
            while waiting < wanted and time.monotonic() < patient_until:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                [(waiting,)] = cursor.fetchall()
            assert waiting == wanted
            cursor.execute(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")

        yield let_go
