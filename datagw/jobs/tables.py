"""The tables of a job file as they are written: keys, what they may hold, what they mean where they are left out.

`docs/job-file.md` is made of these models.
"""

from __future__ import annotations

import contextlib
import re
import zoneinfo
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, ValidationInfo, model_validator

from datagw.files import MARKER, is_own_name
from datagw.gateways.front.timetables import Pace, pace
from datagw.gateways.paths.dated_names import DatedName
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.jobs.lists import Names, PathInList, Urls, with_place
from datagw.jobs.own_code import Nodes, References, Run, Secrets
from datagw.jobs.places import Place, place
from datagw.jobs.problems import nearest_word
from datagw.jobs.quantities import duration, flag, octal, period, shown, size
from datagw.jobs.retrying import RetriesTable
from datagw.jobs.words import RESERVED_COPIES, WHEN, cron_problem, looks_like_cron, name_problem

_OWNER = re.compile(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")


def _place(value: object, info: ValidationInfo) -> Place:
    if isinstance(value, Place):
        return value
    return place(value, cast("dict[str, Any]", info.context or {}).get("base", Path.cwd()))


def _source_place(value: object, info: ValidationInfo) -> Place:
    found = _place(value, info)
    Pattern.parse(found.path)
    return found


def _copy_place(value: object, info: ValidationInfo) -> Place:
    found = _place(value, info)
    Template.parse(found.path)
    return found


def _as_table(value: object) -> object:
    return {"at": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [cast("object", value)] if isinstance(value, (str, dict)) else value


def _timezone(value: object) -> str:
    if isinstance(value, str):
        try:
            return zoneinfo.ZoneInfo(value).key
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            hint = nearest_word(value, zoneinfo.available_timezones()) or 'write one such as "Europe/Paris"'
            raise ValueError(f"there is no time zone {shown(value)}; {hint}") from None
    raise ValueError(f'a time zone is written "Europe/Paris"; not {shown(value)}')


def _bandwidth(value: object) -> Pace | None:
    return pace(value)  # its time zone is not known yet


def _when(value: object) -> str:
    if value in WHEN:
        return str(value)
    if isinstance(value, str) and looks_like_cron(value):
        line = " ".join(value.split())
        if wrong := cron_problem(line):
            raise ValueError(f"{shown(value)} is no cron line: {wrong}")
        return line
    hint = nearest_word(str(value), WHEN)
    known = ", ".join(f'"{word}"' for word in WHEN)
    raise ValueError(f"there are {known} and cron lines; not {shown(value)}" + (f"; {hint}" if hint else ""))


def _folder_place(value: object, info: ValidationInfo) -> Place:
    found = _copy_place(value, info)
    if not Template.parse(found.path).tree:
        raise ValueError(f'a folder ends with a slash, as in "{found.gateway}:{found.path}/"')
    return found


def _regex(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a regular expression is a text in quotes; not {shown(value)}")  # noqa: TRY004
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{shown(value)} is no regular expression: {error}") from None
    return value


def _dated_regex(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a regular expression is a text in quotes; not {shown(value)}")  # noqa: TRY004
    return DatedName.parse(value).text


def _start(value: object) -> date | str:
    if value == "first":
        return "first"
    if isinstance(value, str):
        with contextlib.suppress(ValueError):  # what it is not, is said below
            value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(f'a first day is written 2026-01-31, or "first"; not {shown(value)}')


def _marker(value: object) -> str | None:
    if isinstance(value, bool):
        return MARKER if value else None
    if not isinstance(value, str) or not value or "/" in value or "\0" in value or value in (".", ".."):
        raise ValueError(f'a marker is a file\'s name, as in ".do-not-touch", or false; not {shown(value)}')
    if is_own_name(value):
        raise ValueError(f"{shown(value)} is the name of a part; choose another")
    return value


def _copy_name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a name is a text in quotes; not {shown(value)}")  # noqa: TRY004 - pydantic listens to ValueError
    if value in RESERVED_COPIES:
        raise ValueError(f"no copy is called {', '.join(sorted(RESERVED_COPIES))}: these are assets of their own")
    if wrong := name_problem(value):
        raise ValueError(wrong)
    return value


def _owner(value: object) -> str:
    if isinstance(value, str) and _OWNER.fullmatch(value):
        return value
    raise ValueError(f'an owner is a mail address or "team:NAME"; not {shown(value)}')


def _tags(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f'tags are a table, as in {{ topic = "weather" }}; not {shown(value)}')  # noqa: TRY004
    for key, text in cast("dict[str, object]", value).items():
        if not _TAG_KEY.fullmatch(key) or not isinstance(text, str) or not _TAG_VALUE.fullmatch(text):
            raise ValueError(
                f"{key} = {shown(text)}: keys and values of tags are letters, digits, `_`, `-`, `.`, at most 63"
            )
    return cast("dict[str, str]", value)


Flag = Annotated[bool, BeforeValidator(flag)]
Duration = Annotated[timedelta, BeforeValidator(duration)]
Period = Annotated[timedelta, BeforeValidator(period)]
Size = Annotated[int, BeforeValidator(size)]
Verify = Literal["content", "size"]
IfGone = Literal["send", "leave"]
Marker = Annotated[str | None, BeforeValidator(_marker)]


class Table(BaseModel):
    """A table, or an inline one; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class MainTable(Table):
    """What holds for every job."""

    tmp_dir: StrictStr | None = Field(
        None,
        description="Staging: one folder per run, gone when the run ends; after a kill, by the next run. "
        "Default: `tmp/` in the state folder.",
    )
    timezone: Annotated[str, BeforeValidator(_timezone)] = Field(
        "UTC", description="Of days and of dates in paths, where a job has none of its own."
    )
    keep: Period = Field(
        timedelta(days=180),
        description="How long runs and events are kept, but for those that tell the state of a day; "
        "receipts are for good.",
    )


class SourceTable(Table):
    """`source` in its long form."""

    at: Annotated[Place, BeforeValidator(_source_place)] = Field(description="`gateway:path`, as in the short form.")
    exclude: Annotated[list[StrictStr], BeforeValidator(_as_list)] = Field(
        default_factory=list[str],
        description='Globs of what is left out, by name or by relative path: `["*.tmp", "raw/*"]`.',
    )
    regex: Annotated[str | None, BeforeValidator(_regex)] = Field(
        None,
        description="A regular expression (Python's) that the whole relative path of a file must match: "
        """`'[a-z]+/\\d{8}[.]csv'`.""",
    )
    dated_regex: Annotated[str | None, BeforeValidator(_dated_regex)] = Field(
        None,
        description="A regular expression with the codes %Y (or %y), %m and %d, once each, that the whole name of a "
        r"""file or folder directly below `at` must match: `'^%Y%m%d-(\.txt|\.csv)$'`. It makes the source dated.""",
    )
    hidden: Annotated[bool | None, BeforeValidator(flag)] = Field(
        None,
        description="Whether names with a leading dot are taken; datagw's own never are. "
        "Default: `true`, for new files `false`.",
    )
    symlinks: Literal["skip", "follow"] = Field(
        "skip", description="Symbolic links are reported and skipped, or followed within the root."
    )
    min_size: Size | None = Field(None, description='Smaller files are left out: `"1kB"`.')
    max_size: Size | None = Field(None, description='Larger files are left out: `"2GB"`.')
    items: PathInList = Field(
        None, description='A list (JSON or XML): the dotted path of its items, `"data.files"`; `"."` for a list on top.'
    )
    url: PathInList = Field(
        None, description='A list: where in an item its address stands. Default: `"."`, the item itself.'
    )
    name: PathInList = Field(
        None, description="A list: where in an item its name stands. Default: the last part of its address."
    )
    names: Names = Field(
        None,
        description="A list: the items that are taken, by name, and the names that they are published under: "
        '`{ "Stock_utf8.zip" = "stock.zip" }`. Default: all, under their own.',
    )

    urls: Urls = Field(
        None,
        description="Files on web servers by their addresses, whole or relative to `at`, which may be left out then: "
        '`["https://a.org/x.zip", "https://b.org/y.zip"]`, or with other names `{ "z.zip" = "https://…" }`.',
    )

    @model_validator(mode="before")
    @classmethod
    def _has_a_place(cls, given: object) -> object:
        return with_place(given)

    @model_validator(mode="after")
    def _has_one_kind_of_dates(self) -> Self:
        if self.dated_regex is not None:
            Pattern.dated_by(self.at.path, self.dated_regex)
        return self


class CopyTable(Table):
    """An element of `to` in its long form."""

    at: Annotated[Place, BeforeValidator(_copy_place)] = Field(description="`gateway:path`, as in the short form.")
    name: Annotated[str | None, BeforeValidator(_copy_name)] = Field(
        None, description="The copy's name, and its asset's. Default: the gateway's."
    )
    verify: Verify | None = Field(None, description="Proof that this copy needs. Default: the job's.")
    marker: Marker = Field(None, description="Marker beside this copy. Default: the job's.")
    overwrite: Flag | None = Field(
        None, description="Whether this copy replaces a file at its final name. Default: the job's."
    )
    if_gone: IfGone | None = Field(None, description="When this copy was taken away. Default: the job's.")
    mode: Annotated[int | None, BeforeValidator(octal)] = Field(
        None, description='Permissions of the published files, in octal: `"0640"`. Default: the gateway\'s.'
    )
    manifest: Annotated[str | None, Field(pattern=r"^[^/]+$")] = Field(
        None, description='A list of the files, written last, when all are proven: `"manifest.json"`. Default: none.'
    )
    pointer: Annotated[str | None, Field(pattern=r"^[^/]+$")] = Field(
        None, description='A file that says where the newest is, written after all else: `"latest"`. Default: none.'
    )


class BatchTable(Table):
    """How many new files go in one run."""

    files: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=1000, description="At most so many.")
    bytes: Size = Field(default=1_000_000_000, description='At most so much, but one file at least: `"1GB"`.')
    wait: Duration = Field(
        default=timedelta(0), description="How long the first file waits for a batch to become full."
    )


class JobTable(Table):
    """A job: a source, where its copies go, when."""

    source: Annotated[SourceTable, BeforeValidator(_as_table)] = Field(
        description="`gateway:path`, or a table. Globs `* ? ** [..]`; dates `%Y %m %d %j` make it dated; "
        "a `/` at the end means everything below. Own code needs none."
    )
    to: Annotated[list[Annotated[CopyTable, BeforeValidator(_as_table)]], BeforeValidator(_as_list)] = Field(
        default_factory=list[CopyTable],
        description="List of `gateway:path` or tables. A `/` at the end keeps the file's name and relative path.",
    )
    when: Annotated[str, BeforeValidator(_when)] = Field(
        "manual",
        description='`"manual"`; `"daily"`: each day once it is over (needs a dated source); `"change"`: when the '
        'source changed; `"new files"`: every new file, once; or a cron line, `"15 2 * * *"`, in `timezone`.',
    )
    timezone: Annotated[str | None, BeforeValidator(_timezone)] = Field(
        None, description="Of days and of dates in paths. Default: that of `[main]`."
    )
    every: Period = Field(timedelta(seconds=10), description="How often the job's sensor looks.")
    settle: Duration = Field(
        timedelta(seconds=10),
        description="How long a file must have been left alone before a sensor has it published. Days that are over, "
        "and `datagw run`, do not wait.",
    )
    start: Annotated[date | Literal["first"], BeforeValidator(_start)] = Field(
        "first", description='The first day: `2026-01-31`, or `"first"`, the oldest one found by the first look.'
    )
    grace: Duration = Field(timedelta(hours=1), description="A day may be sent this long after it ended.")
    delete_source: Flag = Field(
        False, description="Delete a source file once every copy of that version is proven by content."
    )
    move_source: Annotated[Place | None, BeforeValidator(_folder_place)] = Field(
        None,
        description="Instead: move it to this folder of the same gateway, under its relative path: "
        '`"local:/data/done/"`; of a dated source `"local:/data/done/%Y%m%d/"`.',
    )
    failed_source: Annotated[Place | None, BeforeValidator(_folder_place)] = Field(
        None,
        description="New files: the folder, of the same gateway, where a file goes that failed for good; "
        "beside it, `NAME.error.txt` says why.",
    )
    existing: Flag = Field(True, description="New files: whether to take what was there before the first look.")
    again: Flag = Field(False, description="New files: whether to take the same content under the same name again.")
    batch: BatchTable = Field(BatchTable(), description="New files: how many go in one run.")
    assets: Literal["job", "file"] = Field(
        "job",
        description='New files: `"file"` makes each a partition, to be seen and repeated in the UI (10,000 at most).',
    )
    expect: Literal["every day", "weekdays"] | None = Field(
        None, description="Days that must be there; missing ones fail a check in the UI."
    )
    verify: Verify = Field(
        "content", description='`"content"`: a hash, else the content read back; `"size"`: the size is enough.'
    )
    overwrite: Flag = Field(
        True, description="Whether a file at the final name is replaced; `false` spares what datagw did not write."
    )
    if_gone: IfGone | None = Field(
        None,
        description='A proven copy that its receiver took away: `"send"` it again, or `"leave"` it. '
        'Default: `"send"`, for new files `"leave"`.',
    )
    marker: Marker = Field(
        None,
        description="Name of the file that stands beside what is not complete yet; `false` for none. "
        'Default: `".do-not-touch"` for dated jobs.',
    )
    bandwidth: Annotated[Pace | None, BeforeValidator(_bandwidth)] = Field(
        None,
        description='At most: `"2MB/s"`; kB, MB, GB are powers of 1000, KiB, MiB, GiB of 1024. '
        'Or by the time of day: `["08:00 2MB/s", "20:00 off"]`, in `timezone`.',
    )
    retries: RetriesTable = Field(RetriesTable(), description="Of transient errors.")
    backend: References = Field(
        None, description='Own code, `"module:Class"` or `"module:function"`, in the job file\'s folder or installed.'
    )
    config: dict[str, Any] = Field(default_factory=dict[str, Any], description="Settings of one's own code.")
    secrets: Secrets = Field(
        default_factory=dict[str, Any],
        description="Secrets of one's own code: names of environment variables, or references.",
    )
    nodes: Nodes = Field(default_factory=dict[str, Any], description="A graph of functions.")
    run: Run = Field(None, description="A command.")
    after: Annotated[list[StrictStr], BeforeValidator(_as_list)] = Field(
        default_factory=list[str], description="The jobs that this one depends on."
    )
    description: StrictStr | None = Field(None, description="Shown in the Dagster UI.")
    owners: Annotated[list[Annotated[str, BeforeValidator(_owner)]], BeforeValidator(_as_list)] = Field(
        default_factory=list[str], description='Mail addresses or `"team:NAME"`, shown in the Dagster UI.'
    )
    tags: Annotated[dict[str, str], BeforeValidator(_tags)] = Field(
        default_factory=dict[str, str], description="Keys and values, shown in the Dagster UI."
    )
