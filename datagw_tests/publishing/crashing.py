"""A process that dies at call k: every call to a gateway or the ledger is counted; call k and all later ones are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from datagw.gateways.base import Gateway
from datagw.gateways.ftp_wire.control import Control
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.ssh.wire import Wire
from datagw.ledger import Ledger, Owner
from datagw_tests.gateways.shelf import Shelf

HOOKS = ("_ls", "_stat", "_read", "_write", "_rm", "_mkdir", "_rmdir", "_rename", "_hash", "_sync", "_publish", "pulse")


class Crash(BaseException):
    """The end of the process, as far as the code under test can tell."""


class Counter:
    """Counts calls; from `limit` on refuses them."""

    def __init__(self, limit: int | None = None) -> None:
        self.count = 0
        self.limit = limit
        self.names: list[str] = []

    def call(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.limit is not None and self.count >= self.limit:
            raise Crash(f"call {self.count}: {name}")


@contextmanager
def dying(counter: Counter, ledger: Ledger) -> Iterator[None]:
    """Within: calls are counted and refused as the counter says, and the process looks dead to others afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Memory, Local, Shelf, Gateway):
            for hook in HOOKS:
                if hook in vars(kind):
                    patch.setattr(kind, hook, _counted(counter, vars(kind)[hook], f"{kind.__name__}.{hook}"))
        patch.setattr(Wire, "request", _counted(counter, vars(Wire)["request"], "Wire.request"))
        patch.setattr(Control, "putline", _counted(counter, vars(Control)["putline"], "Control.putline"))
        alive = Owner.current()
        dead = Owner(alive.host, alive.boot, alive.pid, alive.started_ticks + 1)
        patch.setattr(Owner, "current", classmethod(lambda _cls: dead))

        def before(*_: Any) -> None:
            counter.call("ledger")

        event.listen(ledger._engine, "before_cursor_execute", before)
        event.listen(ledger._engine, "commit", before)
        try:
            yield
        finally:
            event.remove(ledger._engine, "before_cursor_execute", before)
            event.remove(ledger._engine, "commit", before)


def _counted(counter: Counter, method: Any, name: str) -> Any:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        counter.call(name)
        return method(self, *args, **kwargs)

    return call
