"""What a right job file says: jobs, their source and their copies, complete and checked."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, PlainSerializer

from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.front.timetables import Pace, dumped
from datagw.gateways.paths.notation import escape
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.gateways.secrets import Secret, TextOrSecret
from datagw.gateways.web.items import Items
from datagw.jobs.words import OCCASION, WHEN, WORK

PatternOf = Annotated[InstanceOf[Pattern], PlainSerializer(lambda pattern: pattern.text, return_type=str)]
PaceOf = Annotated[Pace | None, PlainSerializer(dumped)]
TemplateOf = Annotated[InstanceOf[Template], PlainSerializer(lambda template: template.text, return_type=str)]

type_of_verify = Literal["content", "size"]
type_of_if_gone = Literal["send", "leave"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Main(_Model):
    """What holds for every job. `keep` is for runs and events, never for receipts."""

    tmp_dir: Path
    timezone: str = "UTC"
    keep: timedelta = timedelta(days=180)


class Source(_Model):
    """The files that a job watches; with `items` they are those that a list names, all of them. Sizes in bytes."""

    gateway: str
    pattern: PatternOf
    exclude: tuple[str, ...] = ()
    regex: str | None = None
    hidden: bool = True
    symlinks: Literal["skip", "follow"] = "skip"
    min_size: int | None = None
    max_size: int | None = None
    items: Items | None = None

    @property
    def text(self) -> str:
        """Its path as it is written; that of the list, where it is one."""
        return self.pattern.text if self.items is None else escape(self.items.path)


class Copy(_Model):
    """One place where the files are published. `mode` holds permission bits, `manifest` and `pointer` names."""

    name: str
    gateway: str
    template: TemplateOf
    verify: type_of_verify = "content"
    marker: str | None = None
    overwrite: bool = True
    if_gone: type_of_if_gone = "send"
    mode: int | None = None
    manifest: str | None = None
    pointer: str | None = None


class Folder(_Model):
    """A folder of the source's gateway to which source files are moved, under their relative paths."""

    gateway: str
    template: TemplateOf


class Batch(_Model):
    """How many new files go in one run: `files`, and `bytes`, of which one file may have more."""

    files: int = 1000
    bytes: int = 1_000_000_000
    wait: timedelta = timedelta(0)


class Command(_Model):
    """A program that is started without a shell; `per` says whether for each file or for each batch of them."""

    arguments: tuple[str, ...]
    env: dict[str, TextOrSecret] = Field(default_factory=dict[str, TextOrSecret])
    per: Literal["file", "batch"] = "file"
    timeout: timedelta | None = None


class Node(_Model):
    """One function of a graph, `module:name`; with `each` it is called for every item of what comes before."""

    name: str
    run: str
    after: tuple[str, ...] = ()
    each: bool = False
    payload: dict[str, Any] = Field(default_factory=dict[str, Any])
    retries: RetryPolicy = RetryPolicy(max=0)
    timeout: timedelta | None = None


class Work(_Model):
    """One's own code: a class or function, a graph of functions in an order that works, or a command.

    `outputs` are the copies of what a command leaves in `{out}`.
    """

    backend: str | None = None
    nodes: tuple[Node, ...] = ()
    command: Command | None = None
    config: dict[str, Any] = Field(default_factory=dict[str, Any])
    secrets: dict[str, Secret] = Field(default_factory=dict[str, Secret])
    outputs: tuple[Copy, ...] = ()

    @property
    def code(self) -> str:
        """What it runs, as it is written in the job file; of a graph its functions."""
        if self.command is not None:
            return " ".join(self.command.arguments)
        return self.backend or ", ".join(node.run for node in self.nodes)


class Job(_Model):
    """One table of the job file. `bandwidth` in bytes per second; `when` is one of four words, or a cron line.

    A job of own code has `work`: its one copy, on the gateway WORK, is that code having taken a file. One that watches
    nothing has its files from the gateway OCCASION: one for each day, or one for each time that it runs.
    """

    name: str
    source: Source
    to: tuple[Copy, ...] = ()
    when: str = "manual"
    timezone: str = "UTC"
    every: timedelta = timedelta(seconds=10)
    settle: timedelta = timedelta(seconds=10)
    start: date | Literal["first"] = "first"
    grace: timedelta = timedelta(hours=1)
    delete_source: bool = False
    move_source: Folder | None = None
    failed_source: Folder | None = None
    existing: bool = True
    again: bool = False
    batch: Batch = Batch()
    assets: Literal["job", "file"] = "job"
    expect: Literal["every day", "weekdays"] | None = None
    verify: type_of_verify = "content"
    overwrite: bool = True
    if_gone: type_of_if_gone = "send"
    marker: str | None = None
    bandwidth: PaceOf = None
    retries: RetryPolicy = RetryPolicy()
    work: Work | None = None
    after: tuple[str, ...] = ()
    description: str | None = None
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def dated(self) -> bool:
        """Whether its files belong to days."""
        return self.source.pattern.dated

    def is_of_one_file(self, copy: Copy) -> bool:
        """Whether a copy holds one file, of each day where there are days."""
        pattern = self.source.pattern.filled(date(2024, 1, 31)) if self.dated else self.source.pattern
        return (pattern.exact is not None and self.source.items is None) or not copy.template.keeps_name

    @property
    def watches(self) -> bool:
        """Whether its files stand somewhere, and are not only occasions to run its code."""
        return self.source.gateway != OCCASION

    @property
    def published(self) -> tuple[Copy, ...]:
        """The copies that it publishes at gateways: its own, or those of what its command leaves."""
        return self.to if self.work is None else self.work.outputs

    @property
    def gateways(self) -> frozenset[str]:
        """The names of the declared gateways that it names."""
        return frozenset({self.source.gateway, *(copy.gateway for copy in self.published)} - {OCCASION, WORK})

    @property
    def cron(self) -> str | None:
        """The cron line that says when, if one does."""
        return None if self.when in WHEN else self.when

    @property
    def new_files(self) -> bool:
        """Whether it takes every new file once."""
        return self.when == "new files"

    @property
    def frees(self) -> bool:
        """Whether source files go, deleted or moved, once they are proven."""
        return self.delete_source or self.move_source is not None

    @property
    def takes(self) -> bool:
        """Whether a new file is done with once it is proven: it stays, and a copy that is taken away is left."""
        return not self.frees and all(copy.if_gone == "leave" for copy in self.to)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of its days."""
        return ZoneInfo(self.timezone)

    @property
    def asset_name(self) -> str:
        """Its name as Dagster's ops can bear it."""
        return self.name.replace("-", "_")

    def over_at(self, day: date) -> datetime:
        """The moment (UTC) from which a day may be sent: the midnight that ends it in the job's zone, and the grace.

        The year's last representable days end with `datetime.max`.
        """
        try:
            midnight = datetime.combine(day + timedelta(days=1), time(), self.zone)
            return midnight.astimezone(UTC) + self.grace
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def is_over(self, day: date, now: datetime) -> bool:
        """Whether a day may be sent at `now`, an aware time."""
        return now >= self.over_at(day)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what the job does; its description, owners and tags are not part of that."""
        meaning = self.model_dump(mode="json", exclude={"description", "owners", "tags"})
        text = json.dumps(meaning, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()
