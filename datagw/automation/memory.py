"""What a switch remembers from one tick to the next: for each day that was due, what was due then, and since when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import date
from typing import Self

from datagw.publishing.plans import DUE, DayPlan

PATIENCE = 300.0  # seconds until the same work is asked for again after it failed


@dataclass
class Seen:
    """One day that is due: the source as last observed; what was due when it was last asked for, the source then, and
    when (seconds since the epoch) a run of it was last seen.
    """

    observed: str
    due: str = ""
    source: str = ""
    at: float = 0.0


@dataclass
class Memory:
    """The days that were due at the last tick; a day that is due no more is forgotten."""

    days: dict[date, Seen] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """What a cursor holds; nothing, where there is none or it is of another version."""
        try:
            kept = json.loads(cursor or "{}")["days"]
            return cls({date.fromisoformat(day): Seen(*found) for day, found in kept.items()})
        except (ValueError, KeyError, TypeError):
            return cls()

    def cursor(self) -> str:
        """The memory as a cursor."""
        days = {day.isoformat(): [*astuple(one)[:3], round(one.at)] for day, one in sorted(self.days.items())}
        return json.dumps({"days": days}, separators=(",", ":"))

    def observe(self, plans: Mapping[date, DayPlan]) -> list[DayPlan]:
        """Takes note of the days that are due, forgets all others; those that are new or changed at the source."""
        before, self.days = self.days, {}
        changed: list[DayPlan] = []
        for day, plan in plans.items():
            digest = source_digest(plan)
            if day not in before or before[day].observed != digest:
                changed.append(plan)
            self.days[day] = replace(before[day], observed=digest) if day in before else Seen(digest)
        return changed

    def running(self, days: Iterable[date], now: float) -> None:
        """Takes note of days that a run is at work on."""
        for day in days:
            self.days[day].at = now

    def asked(self, plan: DayPlan, now: float) -> None:
        """Takes note of a day that is asked for."""
        if plan.day is not None:
            self.days[plan.day] = Seen(source_digest(plan), due_digest([plan]), source_digest(plan), now)

    def is_too_soon(self, plan: DayPlan, now: float) -> bool:
        """Whether this was asked for a moment ago and is due still, with no change at the source: its run failed."""
        one = self.days[plan.day] if plan.day else Seen("")
        if now - one.at >= PATIENCE:
            return False
        return one.due == due_digest([plan]) or one.source == source_digest(plan)


def due_digest(plans: Iterable[DayPlan]) -> str:
    """What is due, in 16 hex digits: the same work gives the same."""
    lines = [
        f"{plan.label} {action.kind} {action.copy} {action.source.path} {action.source.version} {action.destination}"
        for plan in plans
        for action in plan.actions
        if action.kind in DUE
    ]
    return _digest([*lines, *(plan.label for plan in plans)])


def source_digest(plan: DayPlan) -> str:
    """The state of a day's source files, in 16 hex digits: the data version of the source."""
    return _digest(sorted({f"{action.source.path} {action.source.version}" for action in plan.actions}))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]
