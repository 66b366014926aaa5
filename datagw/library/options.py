"""The keys of a job that a call takes as keyword arguments, under the names of the job file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, TypedDict

from datagw.gateways.front.retries import RetryPolicy
from datagw.library.places import Where


class Options(TypedDict, total=False):
    """What a job file says of a job; what is left out is as there, and docs/job-file.md says what each key means."""

    when: Literal["manual", "new files"]
    timezone: str
    grace: str | timedelta
    start: date | Literal["first"]
    delete_source: bool
    move_source: Where
    failed_source: Where
    existing: bool
    again: bool
    verify: Literal["content", "size"]
    overwrite: bool
    if_gone: Literal["send", "leave"]
    marker: str | bool
    mode: int | str
    bandwidth: int | str | Sequence[str]
    retries: int | RetryPolicy
    exclude: str | Sequence[str]
    regex: str
    dated_regex: str
    hidden: bool
    symlinks: Literal["skip", "follow"]
    min_size: int | str
    max_size: int | str


OF_A_SOURCE = frozenset(["exclude", "regex", "dated_regex", "hidden", "symlinks", "min_size", "max_size"])
OF_COPIES = frozenset(["mode"])
PLACES = ("move_source", "failed_source")
