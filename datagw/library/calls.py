"""The two calls: `publish` does what `datagw run` does, `plan` says what it would do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from datagw.library.calling import opened
from datagw.library.options import Options
from datagw.library.places import To, Where

if TYPE_CHECKING:
    from datagw.library.days import Day
    from datagw.library.progress import Progress
    from datagw.library.results import Result
    from datagw.publishing.plans import DayPlan


def publish(
    source: Where,
    to: To,
    *,
    name: str | None = None,
    day: Day | None = None,
    days: Collection[Day] | None = None,
    first: Day | None = None,
    last: Day | None = None,
    resend: bool = False,
    wait: bool = True,
    ledger: str | Path | None = None,
    tmp_dir: str | Path | None = None,
    log: logging.Logger | None = None,
    progress: Callable[[Progress], object] | None = None,
    should_abort: Callable[[], bool] | None = None,
    **options: Unpack[Options],
) -> Result:
    """What became of publishing `source` at every place of `to`, with the guarantees of a job.

    Of a dated source the days that are asked for (one `day`, some `days`, those from `first` to `last`), else every day
    that is over and has something due. `name` is that of the job in the ledger; else it is made of source and
    destinations. `ledger` is a URL or a file; else as for commands: DATABASE_URL, or `jobs.db` in DAGSTER_HOME, or in
    `.datagw/` here. `wait` for another run that is at work, or raise LeaseHeld. `should_abort` is asked at least once a
    second. The other options are the keys of a job: docs/job-file.md.

    A file or a day that fails raises nothing: the result is false then, and tells. Raises ConfigError for a call that
    cannot be meant (all that is wrong with it at once), GatewayError where the source, or all there is to publish to,
    is out of reach, LedgerError, LeaseLost, and Aborted after `should_abort`.
    """
    from datagw.library.progress import Told

    asked = (day, days, first, last)
    with opened(
        source,
        to,
        options,
        name=name,
        asked=asked,
        ledger=ledger,
        tmp_dir=tmp_dir,
        log=log,
        progress=None if progress is None else Told(progress),
        should_abort=should_abort,
    ) as call:
        return call.publish(wait=wait, resend=resend)


def plan(
    source: Where,
    to: To,
    *,
    name: str | None = None,
    day: Day | None = None,
    days: Collection[Day] | None = None,
    first: Day | None = None,
    last: Day | None = None,
    ledger: str | Path | None = None,
    log: logging.Logger | None = None,
    should_abort: Callable[[], bool] | None = None,
    **options: Unpack[Options],
) -> tuple[DayPlan, ...]:
    """What `publish` would do, day by day (one plan where there are no days), each action with its reason.

    Publishes and changes nothing; days that are missing or not over are left out. Raises as `publish`.
    """
    asked = (day, days, first, last)
    with opened(source, to, options, name=name, asked=asked, ledger=ledger, log=log, should_abort=should_abort) as call:
        return tuple(call.look().plans)
