"""When what failed is tried again."""

from __future__ import annotations

from datagw.jobs import Job
from datagw.publishing.planning import Wish
from datagw.publishing.plans import DayPlan
from datagw.publishing.world import World


def held_back(job: Job, plan: DayPlan, world: World, wish: Wish) -> DayPlan:
    """The plan, with `wait` for what failed too short a while ago to be tried again."""
    del job, world, wish
    return plan
