"""How fresh the copies of a dated job are to be, so that Dagster says by itself when days stay away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dagster import FreshnessPolicy

from datagw.jobs import Job
from datagw.publishing.calendar import LATE_AFTER

_DAY = timedelta(days=1)
_CLOCKS_CHANGE = timedelta(hours=1)  # by which the end of a night may be off
_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_HOPS = 60  # days with a tick that are looked at
_FAR = timedelta(days=400)
_NAMED = {"@hourly": 0, "@daily": 1, "@midnight": 1, "@weekly": 7, "@monthly": 31, "@yearly": 366, "@annually": 366}


def freshness_of(job: Job) -> FreshnessPolicy | None:
    """The policy of a job whose days are published by themselves: each day is there an hour after it may be sent.

    None where silence means nothing: jobs without days, and those that are manual.
    """
    if not job.dated or job.when == "manual":
        return None
    if job.cron is not None:
        return _window(job.cron)
    return _nightly(job.grace, job.timezone, job.expect == "weekdays")


@lru_cache
def _nightly(grace: timedelta, zone: str, weekdays: bool) -> FreshnessPolicy:
    """A deadline after each night, or after those that follow a weekday."""
    days, rest = divmod(grace + LATE_AFTER, _DAY)
    hour, minute = divmod(-(-rest // timedelta(minutes=1)), 60)
    if hour == 24:
        days, hour = days + 1, 0
    nights = ",".join(str((weekday + 1 + days) % 7) for weekday in range(1, 6)) if weekdays else "*"
    return FreshnessPolicy.cron(f"{minute} {hour} * * {nights}", LATE_AFTER + _CLOCKS_CHANGE, zone)


@lru_cache
def _window(cron: str) -> FreshnessPolicy:
    return FreshnessPolicy.time_window(max(_DAY, _longest_pause(cron)) + LATE_AFTER)


def _longest_pause(cron: str) -> timedelta:
    """The longest time between two ticks, as far as it is more than a day; of as many days as tell a pattern."""
    if cron in _NAMED:
        return _NAMED[cron] * _DAY
    from cronsim import CronSim

    longest, at = timedelta(0), _FROM
    last = next(CronSim(cron, at), at)
    for _ in range(_HOPS):
        at = next(CronSim(cron, last + _DAY - timedelta(minutes=1)), last)
        longest = max(longest, at - last)
        last = at
        if at - _FROM > _FAR:
            break
    return longest
