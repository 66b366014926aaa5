"""What things are called in Dagster: asset keys, ops, groups, resources and run tags, made of the job file's names."""

from __future__ import annotations

import hashlib
import keyword
from collections.abc import Iterable

from dagster import AssetKey

from datagw.jobs import Job

STAGING = "staging"  # the IO manager's resource key
WORK_NAME = "work"  # of the asset that stands for own code, and of the copy that says what it has taken
JOB_TAG = "datagw/job"
ASSET_JOB = "__ASSET_JOB"  # the one job of Dagster's that holds all assets
DUE_TAG = "datagw/due"  # what was due when a run was asked for

_TAKEN = (STAGING, "io_manager")
_LONGEST_TAG = 63  # of the part after the slash


def plain(name: str) -> str:
    """A name of the job file as Dagster takes it for ops, groups and sensors: `-` is `_`."""
    return name.replace("-", "_")


def source_key(job: str) -> AssetKey:
    """The asset that a job's source is."""
    return AssetKey([job, "source"])


def copy_key(job: str, copy: str) -> AssetKey:
    """The asset that one copy of a job is."""
    return AssetKey([job, copy])


def op_name(job: Job) -> str:
    """The step that publishes a job's copies, or runs its own code."""
    return f"{'run' if job.work else 'publish'}_{plain(job.name)}"


def switch_name(job: str) -> str:
    """The switch of a job."""
    return f"{plain(job)}_due"


def resource_keys(gateways: Iterable[str]) -> dict[str, str]:
    """The resource key of each gateway: its name, unless Dagster or Python need that word for something else."""
    keys: dict[str, str] = {}
    for name in sorted(gateways):
        key = plain(name)
        while key in _TAKEN or keyword.iskeyword(key) or key in keys.values():
            key += "_gateway"
        keys[name] = key
    return keys


def gateway_tag(gateway: str) -> str:
    """The tag of runs that use a gateway; a name too long for Dagster ends in a part of its hash."""
    tag = f"gateway.{gateway}"
    if len(tag) > _LONGEST_TAG:
        tag = f"{tag[:50]}.{hashlib.sha256(gateway.encode()).hexdigest()[:12]}"
    return f"datagw/{tag}"
