"""The ledger, whole."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select
from typing_extensions import override

from datagw.ledger.attempts import Attempts
from datagw.ledger.clock import Clock
from datagw.ledger.days import Days, Markers
from datagw.ledger.engine import make_engine
from datagw.ledger.intents import Intents
from datagw.ledger.leases import Leases
from datagw.ledger.memory import Positions, Sightings
from datagw.ledger.outcomes import Outcomes
from datagw.ledger.receipts import Receipts
from datagw.ledger.registrations import Registrations
from datagw.ledger.runs import Runs
from datagw.ledger.schema import bring_up_to_date
from datagw.ledger.tables import meta
from datagw.ledger.taken import Taken
from datagw.ledger.url import parse, shown
from datagw.ledger.views import Views


class Ledger(
    Runs,
    Leases,
    Receipts,
    Intents,
    Days,
    Markers,
    Sightings,
    Positions,
    Attempts,
    Taken,
    Registrations,
    Outcomes,
    Views,
):
    """The database of what was done. Each call is one transaction; any may raise LedgerError.

    Calls that take a lease are fenced by it: in the same transaction it is made sure that the lease still is ours,
    else they raise LeaseLost and write nothing. Safe to be used by several threads, and by any number of processes.
    """

    @classmethod
    def open(cls, where: str | Path, clock: Clock | None = None) -> Self:
        """The ledger at a URL (`sqlite:////folder/jobs.db`, `postgresql://…`) or a path; made, or brought up to date.

        Raises LedgerError where it cannot be, or was written by a newer datagw; no password is in the message.
        """
        url = parse(where)
        ledger = cls(make_engine(url), shown(url), clock or Clock())
        try:
            bring_up_to_date(ledger._engine, ledger.url_shown)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @cached_property
    def id(self) -> str:
        """32 hex digits that tell this ledger from all others; markers carry them."""
        with self.reading() as connection:
            return connection.execute(select(meta.c.value).where(meta.c.key == "ledger_id")).scalar_one()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"Ledger({self.url_shown!r})"
