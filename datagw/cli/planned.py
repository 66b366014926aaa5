"""The document of a plan: how it is written, read again, and compared with what would be planned now.

`{"ledger": ID, "jobs": {NAME: FINGERPRINT}, "plans": [{"job", "day", "state", "notes", "actions": […]}],
"notes": {…}}`; an action is `{"kind", "copy", "source", "destination", "size", "mtime", "version", "standing",
"reason"}`, of which `version` tells one state of the source file from another, and `standing` one thing that stands at
the destination from another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from datagw.cli.units import moment_of_ns
from datagw.errors import printable

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile
    from datagw.ledger.ledger import Ledger
    from datagw.publishing.plans import Action, DayPlan

_NO_PLAN = "is no plan of `datagw plan --out`"


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """One day of a plan that was read: its state, and its actions as they were written."""

    job: str
    day: date | None
    state: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def label(self) -> str:
        """The job and the day, for people."""
        return self.job if self.day is None else f"{self.job} {self.day}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was read: the ledger and the jobs (fingerprints by name) that it was made with, and its days."""

    ledger: str
    jobs: Mapping[str, str]
    days: Sequence[PlannedDay]

    def of(self, job: str) -> list[PlannedDay]:
        """The days of one job."""
        return [day for day in self.days if day.job == job]


def document_of(plans: Sequence[DayPlan]) -> dict[str, Any]:
    """All plans, whole, as JSON."""
    return {
        "plans": [
            {
                "job": plan.job,
                "day": None if plan.day is None else plan.day.isoformat(),
                "state": plan.state,
                "notes": list(plan.notes),
                "actions": [_row(action) for action in plan.actions],
            }
            for plan in plans
        ]
    }


def origin_of(file: JobFile, jobs: Sequence[Job], ledger: Ledger) -> dict[str, Any]:
    """What a plan was made with, as its document has it."""
    return {"ledger": ledger.id, "jobs": {job.name: fingerprint_of(file, job) for job in jobs}}


def fingerprint_of(file: JobFile, job: Job) -> str:
    """SHA-256 of what the job does and of which places its gateways are."""
    places = [file.gateways[name].place for name in sorted(job.gateways)]
    return hashlib.sha256(json.dumps([job.fingerprint, places]).encode("ascii")).hexdigest()


def read_plan(path: str) -> Planned:
    """The plan in a file; a wrong call where there is none in it."""
    try:
        with open(path, encoding="ascii") as file:
            document = json.load(file)
        if isinstance(document, dict) and "plans" in document and "ledger" not in document:
            raise click.UsageError(f"{path} does not tell what it was made with: plan again, with `datagw plan --out`.")
        days = [_day(plan) for plan in document["plans"]]
        found = Planned(str(document["ledger"]), dict(document["jobs"]), days)
    except OSError as error:
        raise click.FileError(path, error.strerror) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.UsageError(f"{path} {_NO_PLAN}.") from error
    strange = {day.job for day in days} - {*found.jobs}
    if strange:
        raise click.UsageError(f"{path} {_NO_PLAN}: it does not say how {', '.join(sorted(strange))} was written.")
    return found


def differences(planned: PlannedDay, now: DayPlan | None, shown: Callable[[str], str]) -> Iterator[str]:
    """What is not as it was planned, file by file.

    A file that was to wait may be due now: that is no difference, for it is left all the same. `shown` names a path of
    the source for people.
    """
    rows = {_key(row): row for row in planned.rows}
    current = {_key(row): row for row in map(_row, now.actions)} if now is not None else {}
    told = {row["source"] for row in planned.rows if _left(row)}  # nothing is said of where these go at last
    some = False
    for key in sorted({*rows, *current}, key=lambda key: (key[2], key[0], key[1] or "")):
        source, _, goes = key
        why = None if goes and source in told else _difference(rows.get(key), current.get(key))
        if why is not None:
            told.add(source)
            some = True
            copy = f" to {key[1]}" if key[1] else ""
            yield printable(f"{planned.label}: {shown(source)}{copy}: {why}")
    state = "missing" if now is None else now.state
    if not some and planned.state not in (state, "waiting"):
        yield f"{planned.label}: was {planned.state}, is {state} now"


def _difference(row: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return None if now is None else f"not in the plan; now: {now['kind']} ({now['reason']})"
    if now is None:
        return f"was planned ({row['kind']}), and is not there any more"
    if now["version"] != row["version"]:
        return "changed at the source"
    if now["destination"] != row["destination"]:
        return f"would go to {now['destination']} now, not to {row['destination']}"
    if now["standing"] != row["standing"]:
        what = "stands at its destination now" if now["standing"] else "was taken away from its destination"
        return f"another file {what}" if row["standing"] and now["standing"] else f"a file {what}"
    if now["kind"] != row["kind"] and not _left(row):
        return f"was planned: {row['kind']}; now: {now['kind']} ({now['reason']})"
    return None


def _left(row: Mapping[str, Any]) -> bool:
    return row["kind"] == "wait"


def _key(row: Mapping[str, Any]) -> tuple[str, str | None, bool]:
    """What an action is about: a file and a copy, or the end of the file at its source."""
    return row["source"], row["copy"], row["kind"] in ("delete", "move")


def _day(plan: Mapping[str, Any]) -> PlannedDay:
    day = None if plan["day"] is None else date.fromisoformat(plan["day"])
    rows = plan["actions"]
    for row in rows:
        wrong = not all(isinstance(row[key], str) for key in ("kind", "source", "version"))
        if wrong or not all(isinstance(row[key], str | None) for key in ("copy", "destination", "standing")):
            raise ValueError(row)
    return PlannedDay(str(plan["job"]), day, str(plan["state"]), rows)


def _row(action: Action) -> dict[str, Any]:
    return {
        "kind": action.kind,
        "copy": action.copy or None,
        "source": action.source.path,
        "destination": action.destination or None,
        "size": action.source.size,
        "mtime": moment_of_ns(action.source.mtime_ns),
        "version": action.source.version,
        "standing": action.standing,
        "reason": action.reason,
    }
