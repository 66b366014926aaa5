"""What a switch remembers from one tick to the next: which state of the source Dagster was told of last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from datagw.publishing.plans import DUE, DayPlan


@dataclass
class Memory:
    """The state of the source as it was observed last, by day (`-` for a job without days).

    `served` is the last moment of a cron line that has had its turn, where a sensor serves one.
    """

    observed: dict[str, str] = field(default_factory=dict[str, str])
    served: datetime | None = None

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """What a cursor holds; nothing, where there is none or it is of another version."""
        try:
            read = json.loads(cursor or "{}")
            served = datetime.fromisoformat(read["served"]) if "served" in read else None
            return cls({str(label): str(digest) for label, digest in read["observed"].items()}, served)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def cursor(self) -> str:
        """The memory as a cursor."""
        kept: dict[str, object] = {"observed": dict(sorted(self.observed.items()))}
        if self.served is not None:
            kept["served"] = self.served.isoformat()
        return json.dumps(kept, separators=(",", ":"))

    def observe(self, plans: Iterable[DayPlan], at_most: int) -> list[DayPlan]:
        """Those of the plans whose source is new or has changed since it was observed; from now on they are known."""
        changed = [plan for plan in plans if self.observed.get(plan.label) != source_digest(plan)][:at_most]
        self.observed |= {plan.label: source_digest(plan) for plan in changed}
        return changed

    def forget(self, labels: Collection[str]) -> None:
        """Forgets days that need not be told apart any more: they are published."""
        self.observed = {label: digest for label, digest in self.observed.items() if label not in labels}


def due_digest(plans: Iterable[DayPlan], fingerprint: str = "") -> str:
    """What is due, in 16 hex digits: the same work of the same job gives the same."""
    lines = [fingerprint]
    for plan in plans:
        lines.append(plan.label)
        lines += (
            f"{action.kind} {action.copy} {action.source.path} {action.source.version} {action.destination}"
            for action in plan.actions
            if action.kind in DUE
        )
    return _digest(lines)


def source_digest(plan: DayPlan) -> str:
    """The state of a day's source files, in 16 hex digits: the data version of the source."""
    return _digest(sorted({f"{action.source.path} {action.source.version}" for action in plan.actions}))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]
