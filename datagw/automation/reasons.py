"""Why a tick asks for nothing, in one line for the page of the switch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from datagw.errors import printable
from datagw.jobs import Job
from datagw.publishing.plans import Action, DayPlan

HELD = "waits for other jobs"
"""The note of a plan that is due, but for the jobs that come before."""

_MOST_KINDS = 3
_LONGEST = 1_000  # characters
_HEAD = re.compile(r"[^:,;\d]*")


def why_not(
    job: Job,
    plans: Sequence[DayPlan],
    total: int,
    missing: int,
    under_way: int,
    paused: Sequence[datetime],
    others: Sequence[str] = (),
) -> str:
    """The line: what is due but under way or held back, what waits and why, and how much was looked at.

    `others` says what waits for other jobs.
    """
    held = [
        _under_way(job, under_way) if under_way else "",
        f"{len(paused)} due, but the last run ended without doing it; tried again at {min(paused):%H:%M:%S} UTC"
        if paused
        else "",
        *others,
    ]
    found = [part for part in held if part] or ["nothing due"]
    found += _waiting(plans) if not job.dated else _waiting_days(plans)
    if job.dated:
        found.append(_looked_at(plans, total, missing) + ("" if total else f": `datagw plan {job.name}` says why"))
    text = printable("; ".join(found))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _under_way(job: Job, under_way: int) -> str:
    return f"{under_way} due, in runs that are under way" if job.dated else "a run is under way"


def _waiting(plans: Sequence[DayPlan]) -> list[str]:
    """The files that wait, one line for each kind of reason, and the notes of the plan."""
    kinds: dict[str, list[Action]] = {}
    paths: set[str] = set()
    for plan in plans:
        for action in plan.of("wait"):
            if action.source.path not in paths:
                paths.add(action.source.path)
                kinds.setdefault(_head(action.reason), []).append(action)
    lines = [
        f"{_files(len(actions))}: {actions[0].relative or actions[0].source.path}: {actions[0].reason}"
        for actions in list(kinds.values())[:_MOST_KINDS]
    ]
    return lines + [note for plan in plans for note in plan.notes if note != HELD]


def _waiting_days(plans: Sequence[DayPlan]) -> list[str]:
    """The days that wait for the end of a pause; the earliest moment that one of them is tried again."""
    moments = [plan.again for plan in plans if plan.state == "waiting" and plan.again is not None]
    if not moments:
        return []
    noun = "day waits" if len(moments) == 1 else "days wait"
    return [f"{len(moments)} {noun} after a failure; tried again at {min(moments):%H:%M:%S} UTC"]


def _looked_at(plans: Sequence[DayPlan], total: int, missing: int) -> str:
    incomplete = sum(plan.state == "waiting" and plan.again is None and HELD not in plan.notes for plan in plans)
    of_all = f" of {total:,}" if total > len(plans) else ""
    counts = [
        f"{len(plans)}{of_all} {'day' if max(total, len(plans)) == 1 else 'days'} looked at",
        f"{incomplete} not complete yet" if incomplete else "",
        f"{missing} missing" if missing else "",
    ]
    return ", ".join(filter(None, counts))


def _head(reason: str) -> str:
    found = _HEAD.match(reason)
    return found[0].split(" once", 1)[0].split(" twice", 1)[0].strip() if found else ""


def _files(count: int) -> str:
    return "1 file waits" if count == 1 else f"{count:,} files wait"
