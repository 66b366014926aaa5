"""What is measured, a process each: `python -m benchmarks.days.bodies BODY JOBFILE DAYS FILES`.

`bare` is a Dagster run whose step does nothing but log the materializations that a run of datagw logs, with the same
metadata, into an instance of the same kind. `run` is datagw's own run, as the daemon starts one. `prepare` makes the
databases, and no run.
"""

import gc
import sys
from datetime import date, timedelta
from pathlib import Path

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    in_process_executor,
    multi_asset,
)
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from benchmarks.days.ground import FIRST, JOB
from datagw.assets import metadata
from datagw.assets.days import Days, ranges
from datagw.assets.instance import open_instance
from datagw.jobs import load
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger
from datagw.publishing.results import CopyResult, FileRow

KEY = AssetKey([JOB, "inbox"])


def main(body: str, jobs: str, days: str, files: str) -> None:
    gc.set_threshold(200_000, 20, 20)  # as the command has it: what is compared is not Python's collector
    asked = Days(FIRST, FIRST + timedelta(days=int(days) - 1))
    jobfile = load(Path(jobs))
    with open_instance(jobfile) as instance:
        if body == "prepare":
            Ledger.open(ledger_url(jobfile)).close()
            instance.get_runs(limit=1)
            instance.get_asset_keys()
        elif body == "bare":
            execute(bare(int(files)), asked, instance)
        elif body == "run":
            from datagw.definitions import defs

            execute(defs, asked, instance)
        else:
            sys.exit(f"no body {body!r}")


def bare(files: int) -> Definitions:
    """One step that logs a materialization for each day, and does nothing else."""
    result = _result(files)

    @multi_asset(
        name="bare",
        specs=[AssetSpec(KEY, skippable=True)],
        partitions_def=DailyPartitionsDefinition(FIRST.isoformat()),
        backfill_policy=BackfillPolicy.multi_run(366),
        can_subset=True,
    )
    def body(context: AssetExecutionContext):
        for day in context.partition_keys:
            context.log_event(
                AssetMaterialization(
                    KEY,
                    partition=day,
                    metadata=metadata.of_copy(result),
                    tags={"dagster/data_version": result.manifest},
                )
            )
        yield from ()

    return Definitions([body], executor=in_process_executor)


def _result(files: int) -> CopyResult:
    """What datagw has to say of a day."""
    sha256 = "0123456789abcdef" * 4
    folder = date.today().strftime("/somewhere/inbox/%Y%m%d")
    rows = [
        FileRow(f"{folder}/f{at:05}.csv", f"{folder}/f{at:05}.csv", 500, sha256, "readback", "sent")
        for at in range(min(files, 100))
    ]
    return CopyResult(
        "inbox",
        "published",
        files=files,
        bytes=500 * files,
        sent_files=files,
        sent_bytes=500 * files,
        seconds=0.01,
        manifest=sha256,
        verification="readback",
        link=f"local:{folder}",
        rows=tuple(rows),
    )


def execute(definitions: Definitions, days: Days, instance: DagsterInstance) -> None:
    """The range as one run, or as several of 366 days, in this process; ends it if one fails."""
    for part in ranges(days):
        job = definitions.resolve_implicit_global_asset_job_def()
        run = instance.create_run_for_job(job, tags=part.tags, asset_selection={KEY})
        if not execute_run(InMemoryJob(job), run, instance).success:
            sys.exit("the run has failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
