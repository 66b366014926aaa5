"""The ledger: what ran, what was published and proven, what failed, and who may work on which day; in SQL.

Start at `ledger.py`, which puts the themes together; `rows.py` holds what they take and give. The names below are
loaded when they are asked for, so that the rows can be used without loading a database library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datagw.ledger.clock import Clock
    from datagw.ledger.lease import Held, Lease
    from datagw.ledger.ledger import Ledger
    from datagw.ledger.owner import Owner
    from datagw.ledger.rows import Attempt, DayRow, FailureRow, Intent, MarkerRow, Receipt, Registration, Result, Run

__all__ = [
    "Attempt",
    "Clock",
    "DayRow",
    "FailureRow",
    "Held",
    "Intent",
    "Lease",
    "Ledger",
    "MarkerRow",
    "Owner",
    "Receipt",
    "Registration",
    "Result",
    "Run",
]

_HOMES = {"Clock": "clock", "Held": "lease", "Lease": "lease", "Ledger": "ledger", "Owner": "owner"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'rows')}"), name)
    globals()[name] = found
    return found
