"""A run in a process of its own: led through a pipe, killed from outside, or killing itself at an event of its choice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event

from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw.gateways.ssh.wire import Wire
from datagw.ledger import Lease, Ledger
from datagw.publishing import LeaseHeld
from datagw_tests.publishing.disturbing import Meanwhile
from datagw_tests.publishing.station import Station

_fresh = multiprocessing.get_context("forkserver")
_fresh.set_forkserver_preload(["datagw_tests.publishing.child", "paramiko"])

PATIENCE = 60  # seconds until a test that waits for a child gives up


@dataclass
class Order:
    """What a child is to do: run the station's day, and where on its way something happens.

    `hold_at`: bytes of files after which, when it next asks whether it may go on, it says `holding` and waits to be
    told; `die_at`: the number of the
    call to a gateway or the ledger at which it kills itself; `ttl`: seconds that its lease lasts.
    """

    folder: Path
    archive: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    wait: bool = True
    hold_at: int | None = None
    die_at: int | None = None
    ttl: float | None = None
    database: str = ""

    def station(self) -> Station:
        gateway: Gateway = Sftp(**self.archive) if "host" in self.archive else Local(**self.archive)
        return Station(self.folder, gateway, options=self.options, database=self.database)


class Child:
    """The process; what it says is got by `hear`, the last of it is `("done", states, sent)` or `("error", …)`."""

    def __init__(self, order: Order) -> None:
        self._pipe, theirs = _fresh.Pipe()
        self.process = _fresh.Process(target=_work, args=(order, theirs), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def hear(self) -> Any:
        """What it says next; EOFError where it has ended without a word."""
        assert self._pipe.poll(PATIENCE), "the child says nothing"
        return self._pipe.recv()

    def tell(self) -> None:
        """Go on."""
        self._pipe.send("on")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and its end awaited."""
        self.process.kill()
        self.process.join(PATIENCE)

    def killed(self) -> bool:
        """Whether it has ended by SIGKILL; waits for its end."""
        self.process.join(PATIENCE)
        return self.process.exitcode == -signal.SIGKILL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._pipe.close()


def _work(order: Order, pipe: Connection) -> None:
    station = order.station()
    calls = _count_calls(station, order.die_at)
    if order.ttl is not None:
        _shorten_leases(order.ttl)
    world = {} if order.hold_at is None else _holding(pipe, order.hold_at)
    pipe.send("started")
    try:
        results = station.run(world=world, asked={"wait": order.wait})
    except LeaseHeld as error:
        pipe.send(("held", error.run, error.owner.pid))
    except BaseException as error:  # noqa: BLE001 - told to the test
        pipe.send(("error", type(error).__name__, str(error)))
    else:
        sent = sum(copy.sent_files for result in results for copy in result.copies.values())
        pipe.send(("done", [result.state for result in results], sent, calls()))


def _holding(pipe: Connection, hold_at: int) -> dict[str, Any]:
    far_enough: list[bool] = []

    def may_end() -> bool:
        if far_enough == [True]:
            far_enough.append(True)
            pipe.send("holding")
            pipe.recv()
        return False

    return {"progress": Meanwhile(lambda: far_enough.append(True), after=hold_at), "should_abort": may_end}


def _count_calls(station: Station, die_at: int | None) -> Callable[[], int]:
    count = 0

    def call(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    request, pulse = Wire.request, Gateway.pulse

    def counted_request(self: Wire, *args: Any, **kwargs: Any) -> Any:
        call()
        return request(self, *args, **kwargs)

    def counted_pulse(self: Gateway, size: int) -> None:
        call()
        pulse(self, size)

    Wire.request = counted_request  # type: ignore[method-assign]
    Gateway.pulse = counted_pulse  # type: ignore[method-assign]
    event.listen(station.ledger._engine, "before_cursor_execute", call)
    event.listen(station.ledger._engine, "commit", call)
    return lambda: count


def _shorten_leases(ttl: float) -> None:
    take = Ledger.take
    Ledger.take = lambda self, job, day, run, _ttl=0.0: take(self, job, day, run, ttl)  # type: ignore[method-assign,assignment,misc]
    Lease.keep = lambda self, every=0.0: _nobody_renews()  # type: ignore[method-assign,assignment,misc]


class _nobody_renews:  # noqa: N801
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
