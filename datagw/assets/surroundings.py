"""The world of a run in Dagster: its ledger, its gateways, its folder, its log, and who may end it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from dagster import AssetExecutionContext, DagsterInstance, DagsterRunStatus

from datagw.assets.attending import Onlooker, both
from datagw.assets.gathering import Gathering
from datagw.assets.resources import gateways_of
from datagw.assets.staging import Staging
from datagw.jobs import JobFile
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger
from datagw.publishing.world import World

_LOOK = 5.0  # seconds between two looks at whether Dagster wants the run to end
_FORGETFUL = ".tmp_dagster_home_"  # how `dagster dev` calls the home that it removes when it ends


@contextmanager
def world_of(
    context: AssetExecutionContext, jobfile: JobFile, staging: Staging, keys: Mapping[str, str], who: Onlooker
) -> Iterator[World]:
    """Everything that the run needs; the ledger is closed afterwards, the gateways by their resources."""
    is_terminated = terminated(context.instance, context.run.run_id)
    with closing(Gathering(context.log)) as kept, Ledger.open(ledger_url(jobfile)) as ledger:
        log = both(kept, who.log)
        if forgets(context.instance):
            log.warning("DAGSTER_HOME is not set: Dagster forgets this run when it ends; datagw's own ledger does not")

        def should_abort() -> bool:
            kept.on_time()
            return who.should_abort() or is_terminated()

        yield World(
            ledger=ledger,
            gateways=gateways_of(context.resources, keys),
            tmp_dir=staging.folder,
            run=context.run.run_id,
            log=log,
            should_abort=should_abort,
            progress=who.progress,
        )


def forgets(instance: DagsterInstance) -> bool:
    """Whether the instance is one that lasts no longer than its process."""
    return instance.is_ephemeral or _FORGETFUL in instance.root_directory


def terminated(instance: DagsterInstance, run_id: str) -> Callable[[], bool]:
    """Whether somebody pressed Terminate; looks every few seconds, for runs that Dagster cannot send a signal to."""
    ending = {DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED}
    looked, found = time.monotonic(), False

    def is_terminated() -> bool:
        nonlocal looked, found
        if not found and time.monotonic() - looked >= _LOOK:
            looked = time.monotonic()
            run = instance.get_run_by_id(run_id)
            found = run is None or run.status in ending
        return found

    return is_terminated
