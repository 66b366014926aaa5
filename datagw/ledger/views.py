"""One SQL view for each job, for people: its receipts, its failures, and what its own code registers, in one list."""

from __future__ import annotations

import re

from sqlalchemy import Connection, text

from datagw.errors import LedgerError
from datagw.ledger.schema import lock_schema
from datagw.ledger.store import Store
from datagw.ledger.tables import SCHEMA

_JOB = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")  # as in the job file; safe in SQL
_LONGEST = 63  # bytes of a name in PostgreSQL

_VIEW = """
CREATE VIEW {view} AS
SELECT day, 'published' AS what, copy, source, destination, size, NULLIF(sha256, '') AS sha256,
       verification, CAST(NULL AS text) AS error, at, run
FROM {schema}receipts WHERE job = '{job}'
UNION ALL
SELECT day, 'failed', copy, file, CAST(NULL AS text), CAST(NULL AS bigint), CAST(NULL AS text), CAST(NULL AS text),
       error, at, run
FROM {schema}failures WHERE job = '{job}'
UNION ALL
SELECT day, CASE WHEN error IS NULL THEN 'registered' ELSE 'failed' END, CAST(NULL AS text), name, CAST(NULL AS text),
       size, sha256, CAST(NULL AS text), error, at, run
FROM {schema}registrations WHERE job = '{job}'
"""


class Views(Store):
    """The jobs' views."""

    def ensure_view(self, job: str) -> None:
        """The view `job_NAME`, `-` as `_`, made if it is not there.

        Columns: day, what (published, failed or registered), copy, source, destination, size, sha256, verification,
        error, at, run.
        """
        if _JOB.match(job) is None:
            raise ValueError(f"not the name of a job: {job!r}")
        name = f"job_{job.replace('-', '_')}"[:_LONGEST]
        with self.reading() as connection:
            if _is_current(_definition(connection, name, job, self.url_shown)):
                return
        with self.writing() as connection:
            lock_schema(connection)
            definition = _definition(connection, name, job, self.url_shown)
            if _is_current(definition):  # another process has been quicker
                return
            schema = f"{SCHEMA}." if connection.dialect.name == "postgresql" else ""
            if definition is not None:  # of an older version
                connection.execute(text(f'DROP VIEW {schema}"{name}"'))
            connection.execute(text(_VIEW.format(view=f'{schema}"{name}"', schema=schema, job=job)))


def _is_current(definition: str | None) -> bool:
    return definition is not None and "registrations" in definition


def _definition(connection: Connection, name: str, job: str, shown: str) -> str | None:
    """The view of this job, as SQL, if it has one; raises LedgerError where another job has it."""
    if connection.dialect.name == "postgresql":
        question = f"SELECT definition FROM pg_catalog.pg_views WHERE schemaname = '{SCHEMA}' AND viewname = :name"  # noqa: S608
    else:
        question = "SELECT sql FROM sqlite_master WHERE type = 'view' AND lower(name) = lower(:name)"
    definition = connection.execute(text(question), {"name": name}).scalar()
    if definition is not None and f"'{job}'" not in definition:
        raise LedgerError(f"the view {name} in {shown} belongs to a job of a name like {job}: rename one of them")
    return definition
