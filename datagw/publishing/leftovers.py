"""What an earlier run of a job has left to be put in order, as the ledger knows it."""

from __future__ import annotations

from datetime import date

from datagw.jobs import Job
from datagw.ledger import Intent, Ledger


def intents_of(job: Job, day: date | None, ledger: Ledger) -> list[Intent]:
    """The intents of a day that the job's next run sees to.

    Those of what own code publishes are seen to when it publishes there again (see `delivering.py`): only its files and
    their source count here.
    """
    intents = ledger.intents(job.name, day)
    if job.work is None:
        return intents
    mine = {"", *(copy.name for copy in job.to)}
    return [intent for intent in intents if intent.copy in mine]
