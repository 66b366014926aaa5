"""Dagster's own memory: the instance in the state folder, and the file that sets it up."""

from __future__ import annotations

import os
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

from datagw.assets.names import gateway_tag
from datagw.jobs import JobFile

_GATEWAY_LIMIT = 4  # runs that may use one gateway at once
_RUNS = 4  # runs at once
_NO_COPY = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
_HEADER = "# Written by datagw from the job file, and again when that changes; without this line it is left alone."


def open_instance(jobfile: JobFile) -> DagsterInstance:
    """The instance that `datagw` commands use, in the state folder (DAGSTER_HOME, else `.datagw/`), made if need be.

    To be closed by the caller (`with open_instance(…) as instance`). It takes no copy of what runs of this very process
    print, because the terminal is to have it; what they log is in the history as ever.
    """
    folder = str(prepare(jobfile))
    return DagsterInstance.from_ref(InstanceRef.from_dir(folder, overrides={"compute_logs": _NO_COPY}))


def prepare(jobfile: JobFile) -> Path:
    """The state folder, made, with a `dagster.yaml` that fits the job file; one that a user wrote is left alone.

    In DAGSTER_HOME nothing is written: what it holds is the user's.
    """
    folder = jobfile.state
    folder.mkdir(parents=True, exist_ok=True)
    if os.environ.get("DAGSTER_HOME"):
        return folder
    path = folder / "dagster.yaml"
    wanted = instance_yaml(jobfile)
    there = path.read_text(encoding="utf-8") if path.exists() else _HEADER
    if there.startswith(_HEADER) and there != wanted:
        new = folder / f".dagster.yaml.{os.getpid()}"
        new.write_text(wanted, encoding="utf-8")
        new.replace(path)
    return folder


def instance_yaml(jobfile: JobFile) -> str:
    """The text of `dagster.yaml`: a queue that starts runs within a second, and a limit of runs for each gateway.

    Such a limit counts the runs that switches and `datagw run` ask for: Dagster puts no tags of ours on a run that
    somebody launches by a click, which `max_concurrent_runs` alone holds back.
    """
    limits = "".join(
        f"      - key: {gateway_tag(name)}\n        limit: {_GATEWAY_LIMIT}\n" for name in sorted(jobfile.gateways)
    )
    return f"""{_HEADER}
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: {_RUNS}
    # Of runs that switches and `datagw run` ask for; those launched by a click in the UI carry no tags of gateways.
    tag_concurrency_limits:{chr(10) + limits.rstrip() if limits else " []"}
run_coordinator:
  module: dagster._core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 60
  poll_interval_seconds: 30
  free_slots_after_run_end_seconds: 60
sensors:
  use_threads: true
  num_workers: 4
schedules:
  use_threads: true
  num_workers: 4
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      failure: 30
      success: 90
"""
