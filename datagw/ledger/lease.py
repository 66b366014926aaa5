"""A lease: the right of one run to work on one day of a job, until it is released, taken over or has run out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from threading import Event, Lock, Thread

from sqlalchemy import Connection, and_, bindparam, delete, select, update
from typing_extensions import override

from datagw.errors import LeaseLost, LedgerError
from datagw.ledger.owner import Owner
from datagw.ledger.store import Store
from datagw.ledger.tables import leases

TTL = 60.0  # seconds
RENEW_EVERY = 10.0
MARGIN = 5.0  # by which we stop trusting a lease before others may take it
_TRY_AGAIN = 1.0  # after a renewal that failed
_LAST_BEAT = 2.0

_OURS = and_(
    leases.c.job == bindparam("b_job"), leases.c.day == bindparam("b_day"), leases.c.token == bindparam("b_token")
)
_GUARD = select(leases.c.token).where(_OURS).with_for_update()
_RENEW = update(leases).where(_OURS).values(expires=bindparam("b_expires"))
_RELEASE = delete(leases).where(_OURS)


@dataclass(frozen=True, slots=True)
class Held:
    """The answer to who asks for a day that another run works on. `expires` is in seconds since the epoch."""

    run: str
    owner: Owner
    expires: float


class Lease:
    """A lease that was taken. `taken_from` is the run that it was taken over from, else None.

    One thread works under it; `keep` renews it on another.
    """

    def __init__(
        self,
        store: Store,
        job: str,
        day: date | None,
        run: str,
        token: str,
        *,
        sure_until: float,
        ttl: float,
        taken_from: str | None,
    ) -> None:
        self.job = job
        self.day = day
        self.run = run
        self.token = token
        self.taken_from = taken_from
        self._ours = {"b_job": job, "b_day": day, "b_token": token}
        self._store = store
        self._ttl = ttl
        self._sure_until = sure_until  # on the clock of uptime
        self._lost: BaseException | None = None
        self._lock = Lock()

    @override
    def __repr__(self) -> str:
        return f"Lease({self.job!r}, {self.day}, run={self.run!r})"

    def check(self) -> None:
        """Raises LeaseLost where the lease is no longer ours. Costs nothing while the last renewal holds."""
        if self._lost is not None:
            raise self._loss() from self._lost
        if self._store.clock.uptime() >= self._sure_until:
            self.renew()

    def renew(self) -> None:
        """The lease made to last another `ttl` seconds; raises LeaseLost where another run has it."""
        sent = self._store.clock.uptime()
        with self._store.writing() as connection:
            expires = self._store.time(connection) + self._ttl
            renewed = connection.execute(_RENEW, {**self._ours, "b_expires": expires}).rowcount
        if renewed == 0:
            self._lose(None)
        with self._lock:
            self._sure_until = max(self._sure_until, sent + self._ttl - MARGIN)

    def guard(self, connection: Connection) -> None:
        """Raises LeaseLost inside a transaction where the lease is not ours; else it stays ours until the commit."""
        if connection.execute(_GUARD, self._ours).first() is None:
            self._lose(None)

    def release(self) -> None:
        """The lease given back; nothing may be done under it any more. No error where it is lost already."""
        with self._store.writing() as connection:
            connection.execute(_RELEASE, self._ours)
        self._lost = self._lost or LeaseLost("released")

    @contextmanager
    def keep(self, every: float = RENEW_EVERY) -> Generator[None, None, None]:
        """A time in which the lease is renewed every so many seconds; a loss is raised by the next `check`."""
        ended = Event()
        heart = Thread(target=self._beat, args=(ended, every), name=f"lease of {self.job}", daemon=True)
        heart.start()
        try:
            yield
        finally:
            ended.set()
            heart.join(_LAST_BEAT)  # a renewal that hangs must not keep the run from ending

    def _beat(self, ended: Event, every: float) -> None:
        pause = every
        while not ended.wait(pause):
            try:
                self.renew()
                pause = every
            except LeaseLost:  # noted, and raised by the next check
                return
            except LedgerError:  # tried again; once the time is up, check asks the ledger itself
                pause = min(every, _TRY_AGAIN)
            except Exception as error:  # noqa: BLE001  # raised by the next check
                self._lost = error
                return

    def _lose(self, cause: BaseException | None) -> None:
        loss = self._loss()
        self._lost = cause or loss
        raise loss

    def _loss(self) -> LeaseLost:
        what = self.job if self.day is None else f"{self.job} {self.day.isoformat()}"
        return LeaseLost(f"run {self.run} has lost its lease on {what}: another run has taken over, or it was released")
