"""News: what the jobs that another one waits for have published last."""

from __future__ import annotations

import hashlib
import json

from datagw.jobs import Job
from datagw.ledger import Ledger


def news_for(job: Job, ledger: Ledger) -> str | None:
    """What tells one state of all that the jobs of `after` have published from another; None before there is any.

    The same content proven again, under a new date or in the place of one that was taken away, is no news; own code
    that ran again is.
    """
    newest = {name: ledger.newest_content(name) for name in sorted(job.after)}
    if not any(newest.values()):
        return None
    return hashlib.sha256(json.dumps(newest).encode("ascii")).hexdigest()[:32]


def no_news(job: Job, ledger: Ledger) -> str | None:
    """Why a job that watches nothing but other jobs is not due: none of them has published anything yet."""
    if job.watches or job.when != "change" or news_for(job, ledger) is not None:
        return None
    return f"no news yet of {', '.join(job.after)}"
