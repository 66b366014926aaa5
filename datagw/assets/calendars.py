"""The calendar as Dagster shows it: a picture, a table and three numbers in the metadata of a copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from datagw.assets.picture import picture
from datagw.errors import GatewayError
from datagw.jobs import Job
from datagw.publishing.calendar import NO_DAYS, CalendarDay, StateOfDay, is_expected
from datagw.publishing.days import calendar_of, found_days
from datagw.publishing.results import DayResult
from datagw.publishing.world import World

_MOST_ROWS = 100
_DAYS = TableSchema(
    columns=[
        TableColumn("day"),
        TableColumn("state"),
        TableColumn("files", type="int"),
        TableColumn("bytes", type="int"),
    ]
)


def calendar_at_the_end(job: Job, world: World, done: Iterable[DayResult] = ()) -> list[CalendarDay]:
    """The calendar after a run, for which the source is listed once more; none, and a warning, where it cannot be."""
    try:
        with world.gateways[job.source.gateway].using(
            name=job.source.gateway, retries=world.retries or job.retries
        ) as gateway:
            found = found_days(job, gateway)
    except GatewayError as error:
        world.log.warning("no calendar of %s: %s", job.name, error)
        return []
    waiting = [day.day for day in done if day.day and day.state == "waiting"]
    return calendar_of(job, world, found, waiting=waiting)


def of_calendar(job: Job, days: Sequence[CalendarDay], copy: str) -> dict[str, Any]:
    """The metadata of the calendar of one copy; the numbers keep their names, so that Dagster plots them over time.

    The picture has the last 53 weeks, the table the last hundred days, the latest first.
    """
    shown = [(one.day, at) for one in days if (at := one.at(copy)).state not in NO_DAYS]
    if not shown:
        return {}
    rows = [
        TableRecord({"day": str(day), "state": at.state, "files": at.files, "bytes": at.bytes})
        for day, at in shown[: -_MOST_ROWS - 1 : -1]
    ]
    counts = [at.state for day, at in shown if at.state != "missing" or _counts(job, day)]
    return {
        "calendar": drawn(job, days, copy),
        "days": MetadataValue.table(rows, _DAYS),
        "missing_days": counts.count("missing"),
        "failed_days": counts.count("failed"),
        "late_days": counts.count("late"),
    }


def drawn(job: Job, days: Sequence[CalendarDay], copy: str) -> MetadataValue:
    """The picture of one copy; missing days that nobody expects are left out of it."""
    states: dict[date, StateOfDay] = {one.day: one.at(copy).state for one in days}
    shown: dict[date, StateOfDay] = {
        day: state for day, state in states.items() if state != "missing" or _counts(job, day)
    }
    return MetadataValue.md(picture(shown))


def _counts(job: Job, day: date) -> bool:
    """Whether a missing day is worth a word."""
    return job.expect is None or is_expected(job, day)
