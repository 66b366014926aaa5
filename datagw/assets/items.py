"""The items of a list as assets: a source and its copies for each, where a job says by `names` which ones there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dagster import AssetDep, AssetKey, AssetSpec

from datagw.assets.names import copy_key, plain, source_key
from datagw.errors import printable
from datagw.jobs import Job

MOST = 100
"""Items of a job that are assets of their own; the files of a job that names more are its copies', together."""

_STRANGE = re.compile(r"[^A-Za-z0-9_.-]")


def parts_of_items(job: Job) -> dict[str, str]:
    """For each item, by the name that it is published under, the part of its keys; empty where items are no assets.

    The part is that name, but for characters that Dagster's steps cannot bear.
    """
    items = job.source.items
    if job.work is not None or items is None or items.names is None or len(items.names) > MOST:
        return {}
    parts: dict[str, str] = {}
    taken = set[str]()
    for number, name in enumerate(sorted(items.names.values())):
        part = _STRANGE.sub("_", name)
        if re.sub("[.-]", "_", part).lower() in taken:
            part = f"{part}_{number}"
        taken.add(re.sub("[.-]", "_", part).lower())
        parts[name] = part
    return parts


def item_source_key(job: str, part: str) -> AssetKey:
    """The asset that an item of the list is."""
    return AssetKey([job, part, "source"])


def item_copy_key(job: str, part: str, copy: str) -> AssetKey:
    """The asset that one copy of an item is."""
    return AssetKey([job, part, copy])


def made_of_items(job: Job) -> dict[AssetKey, str]:
    """The assets that a run makes, with the names of their copies; of a job whose items are no assets its copies."""
    parts = parts_of_items(job)
    if not parts:
        return {copy_key(job.name, copy.name): copy.name for copy in job.to}
    return {item_copy_key(job.name, part, copy.name): copy.name for part in parts.values() for copy in job.to}


def sources_of_items(job: Job) -> list[AssetSpec]:
    """The items as they stand on their servers, beside the list that names them."""
    return [
        AssetSpec(
            item_source_key(job.name, part),
            deps=[source_key(job.name)],
            description=f"`{printable(name)}`, an item of the list of `{job.name}`",
            group_name=plain(job.name),
            owners=list(job.owners),
            tags=job.tags,
            kinds={"http", "file"},
        )
        for name, part in parts_of_items(job).items()
    ]


def copies_of_items(job: Job, like: Sequence[AssetSpec], deps: Sequence[AssetDep]) -> list[AssetSpec]:
    """The copies of the items; each told as the copy of `like` that has its name."""
    return [
        AssetSpec(
            item_copy_key(job.name, part, copy.key.path[-1]),
            deps=[item_source_key(job.name, part), *deps],
            skippable=True,
            description=f"`{printable(name)}` as it is published. {copy.description or ''}",
            **_alike(copy),
        )
        for name, part in parts_of_items(job).items()
        for copy in like
    ]


def _alike(spec: AssetSpec) -> dict[str, Any]:
    return {"metadata": spec.metadata, "group_name": spec.group_name, "owners": spec.owners, "tags": spec.tags}
