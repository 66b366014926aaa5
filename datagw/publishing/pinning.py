"""A run that is held to a plan: what has become due in another way than it was planned is left for the next run."""

from __future__ import annotations

from datagw.publishing.planning import Wait, Wish
from datagw.publishing.plans import DUE, DayPlan, step_of
from datagw.publishing.settling import left_for_later

_UNPLANNED = Wait("not in the plan that is applied")


def only_planned(plan: DayPlan, wish: Wish) -> tuple[DayPlan, frozenset[str]]:
    """The plan with `wait` for each file of which anything is due that was not planned so; and those files, by path.

    A file with one such copy waits as a whole: whoever planned it has not seen it as it is now.
    """
    planned = wish.planned
    if planned is None:
        return plan, frozenset()
    due = (action for action in plan.actions if action.kind in DUE)
    strange = frozenset(action.source.path for action in due if step_of(plan.day, action) not in planned)
    return left_for_later(plan, dict.fromkeys(strange, _UNPLANNED)), strange
