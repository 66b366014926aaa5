"""Where datagw keeps what it knows: the ledger's URL. The state folder itself is `JobFile.state`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from datagw.jobs.loading import JobFile

LEDGER = "jobs.db"


def ledger_url(jobfile: JobFile, env: Mapping[str, str] | None = None) -> str:
    """The URL of the ledger: DATABASE_URL, else a SQLite file in the state folder."""
    given = (os.environ if env is None else env).get("DATABASE_URL")
    return given or f"sqlite:///{jobfile.state / LEDGER}"


def ledger_exists(jobfile: JobFile, env: Mapping[str, str] | None = None) -> bool:
    """Whether there may be a ledger to read: one in a database is taken to be there, a file must be."""
    url = ledger_url(jobfile, env)
    path = url.removeprefix("sqlite:///")
    return path == url or Path(path.partition("?")[0]).exists()
