"""What is due, and why: actions with reasons, per day. A plan changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, NamedTuple

from datagw.files import RemoteFile

type_of_action = Literal["send", "adopt", "skip", "leave", "wait", "refuse", "delete", "move", "ignore"]
type_of_day = Literal["due", "done", "empty", "missing", "waiting"]

DUE = frozenset({"send", "adopt", "refuse", "delete", "move"})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, or to leave undone, with one file.

    - `send`: the copy is missing or differs; `adopt`: a file of this size stands there without a receipt and is
      compared (adopted if equal, else sent); `skip`: proven and still there; `leave`: proven, taken away since
      (`if_gone = "leave"`);
    - `refuse`: it cannot be published as the job is written; `wait`: not now (open for writing,
      not settled, failed a short while ago);
    - `delete`, `move`: the source file goes once every copy is proven; `ignore`: no regular file, only reported.

    `copy` is `""` for what concerns the source alone. Paths are those of the gateways; `there` is what stands at the
    destination.
    """

    kind: type_of_action
    source: RemoteFile
    copy: str
    destination: str
    reason: str
    relative: str = ""
    there: RemoteFile | None = None

    @property
    def standing(self) -> str | None:
        """What tells one thing that stands at the destination from another; None where nothing does."""
        if self.there is None:
            return None
        return self.there.version if self.there.kind == "file" else self.there.kind


class Step(NamedTuple):
    """An action as a plan pins it: all that must still be so when it is done. `standing` is as `Action` has it."""

    day: date | None
    kind: str
    source: str
    version: str
    copy: str
    destination: str
    standing: str | None


def step_of(day: date | None, action: Action) -> Step:
    """An action of a day, to be compared with one of another plan."""
    claim = action.source
    return Step(day, action.kind, claim.path, claim.version, action.copy, action.destination, action.standing)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What a run would do with one day of a job (`day` is None where the job is not dated).

    `state`: `due` (something is to be done), `done` (everything proven), `empty` (its folder is there, no files),
    `missing` (nothing there, nothing published), `waiting` (a marker in the source says: not complete yet; or all that
    is due has to wait). `again` is the first moment (UTC) from which what waits will not wait any more; `lost` names
    the copies whose place does not answer, for which nothing is planned.
    """

    job: str
    day: date | None
    state: type_of_day
    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = field(default=())
    again: datetime | None = None
    lost: tuple[str, ...] = ()

    @property
    def due(self) -> bool:
        """Whether a run would have something to do."""
        return self.state == "due"

    def of(self, kind: type_of_action, copy: str | None = None) -> Iterator[Action]:
        """The actions of one kind, of one copy or of all."""
        return (action for action in self.actions if action.kind == kind and copy in (None, action.copy))

    @property
    def label(self) -> str:
        """The day as in logs and tables: `2026-01-31`, or `-` for a job without days."""
        return self.day.isoformat() if self.day else "-"


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at a whole job found: plans, oldest day first.

    `found` are the days that stand at the source, None where it was not asked for them; `total` says how many days
    there are to look at, which are more than the plans where not all had their turn.
    """

    plans: list[DayPlan]
    found: list[date] | None = None
    total: int = 0


_WEIGHTIEST = ("due", "waiting", "empty", "done", "missing")


def joined(plans: Sequence[DayPlan]) -> DayPlan:
    """The plans of the batches of one day as one."""
    if len(plans) == 1:
        return plans[0]
    return replace(
        plans[-1],
        state=min((plan.state for plan in plans), key=_WEIGHTIEST.index),
        actions=tuple(action for plan in plans for action in plan.actions),
        notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
        again=min((plan.again for plan in plans if plan.again is not None), default=None),
    )
