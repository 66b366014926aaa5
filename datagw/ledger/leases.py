"""Leases, taken: one run at a time for each day of a job."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from datagw.ledger.lease import MARGIN, TTL, Held, Lease
from datagw.ledger.owner import Owner
from datagw.ledger.store import Store, insert_missing
from datagw.ledger.tables import leases

_THIS = and_(leases.c.job == bindparam("b_job"), leases.c.day == bindparam("b_day"))
_FOUND = select(leases).where(_THIS).with_for_update()


class Leases(Store):
    """Who may work on what."""

    def take(self, job: str, day: date | None, run: str, ttl: float = TTL) -> Lease | Held:
        """The lease on a day for `ttl` seconds, or who holds it.

        One that has run out, or whose owner is provably dead, is taken over; whoever had it notices by its token.
        """
        sent = self.clock.uptime()
        token = uuid4().hex
        with self.writing() as connection:
            mine = {"token": token, "run": run, "taken_at": self.clock.now(), **_columns_of(Owner.current())}
            found = _put(connection, {"job": job, "day": day, **mine, "expires": self.time(connection) + ttl})
            if found is None:
                taken_from = None
            elif found.expires > self.time(connection) and _owner(found).alive() is not False:
                return Held(found.run, _owner(found), found.expires)
            else:
                taken_from = found.run
                mine["expires"] = self.time(connection) + ttl
                connection.execute(update(leases).where(_THIS).values(**mine), {"b_job": job, "b_day": day})
        return Lease(self, job, day, run, token, sure_until=sent + ttl - MARGIN, ttl=ttl, taken_from=taken_from)


def _put(connection: Connection, row: dict[str, Any]) -> Row[Any] | None:
    """The lease that was in the way, locked; None where ours is in now."""
    while True:
        insert_missing(connection, leases, [row])
        found = connection.execute(_FOUND, {"b_job": row["job"], "b_day": row["day"]}).first()
        if found is not None:  # else it was released between our two questions
            return None if found.token == row["token"] else found


def _columns_of(owner: Owner) -> dict[str, Any]:
    return {
        "owner_host": owner.host,
        "owner_boot": owner.boot,
        "owner_pid": owner.pid,
        "owner_ticks": owner.started_ticks,
    }


def _owner(row: Row[Any]) -> Owner:
    return Owner(row.owner_host, row.owner_boot, row.owner_pid, row.owner_ticks)
