"""One job made of its table, of `[defaults]` and of `[main]`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from datagw.files import MARKER
from datagw.gateways.base import Gateway
from datagw.gateways.front.timetables import Timetable
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.jobs.abilities import unable
from datagw.jobs.checks import Draft, check
from datagw.jobs.lists import check_list, items_of, pattern_of
from datagw.jobs.models import Batch, Copy, Folder, Job, Main, Source, type_of_if_gone
from datagw.jobs.places import Place
from datagw.jobs.positions import Path as KeyPath
from datagw.jobs.reading import Tables
from datagw.jobs.report import Report
from datagw.jobs.tables import CopyTable, JobTable
from datagw.jobs.validating import validated
from datagw.jobs.words import OCCASION
from datagw.jobs.work_checks import check_work
from datagw.jobs.working import has_own_code, occasions, work_copy, work_of


def assembled(
    name: str,
    tables: Tables,
    base: Path,
    main: Main,
    gateways: Mapping[str, Gateway | None],
    report: Report,
) -> tuple[Job | None, set[str]]:
    """The job and the gateways that it names; None, and words in the report, if its keys cannot be right."""
    own = tables.jobs[name]
    merged = {**tables.defaults, **own}

    def home(key: str) -> KeyPath:
        return ("defaults",) if key in tables.defaults and key not in own else (name,)

    doubtful = report.in_doubt(name) | (report.in_doubt("defaults") - own.keys())
    watches = "source" in merged or not has_own_code(own)
    if not watches:
        merged["source"] = occasions(merged.get("when"))
    table, wrong = validated(JobTable, merged, home, base, report, doubtful)
    if table is None:
        return None, set()
    templates = [Template.parse(copy.at.path) for copy in table.to]
    pattern = pattern_of(table.source)
    before = len(report.found)
    own_code = table.backend or table.nodes or table.run or not watches
    draft = Draft(table, pattern, templates, {**gateways, OCCASION: None}, wrong, frozenset(own))
    more = check_work(draft, watches=watches) if own_code else ()
    for complaint in (*check(draft), *check_list(draft), *unable(draft), *more):
        report.add((*home(str(complaint.path[0])), *complaint.path), complaint.message, complaint.hint)
    used = {table.source.at.gateway, *(copy.at.gateway for copy in table.to)} - {OCCASION}
    if wrong or len(report.found) > before:
        return None, used
    return _job(name, table, pattern, templates, main), used


def _job(name: str, table: JobTable, pattern: Pattern, templates: list[Template], main: Main) -> Job:
    own_code = has_own_code(table.model_dump(include={"backend", "nodes", "run"}, exclude_defaults=True))
    marked = pattern.dated and not own_code
    marker = table.marker if "marker" in table.model_fields_set else MARKER if marked else None
    source, timezone = table.source, table.timezone or main.timezone
    copies = tuple(_copy(copy, template, table, marker) for copy, template in zip(table.to, templates, strict=True))
    return Job(
        name=name,
        source=Source(
            gateway=source.at.gateway,
            pattern=pattern,
            exclude=tuple(source.exclude),
            regex=source.regex,
            hidden=table.when != "new files" if source.hidden is None else source.hidden,
            symlinks=source.symlinks,
            min_size=source.min_size,
            max_size=source.max_size,
            items=items_of(source),
        ),
        to=(work_copy(),) if own_code else copies,
        when=table.when,
        timezone=timezone,
        every=table.every,
        settle=table.settle,
        start=table.start,
        grace=table.grace,
        delete_source=table.delete_source,
        move_source=_folder(table.move_source),
        failed_source=_folder(table.failed_source),
        existing=table.existing,
        again=table.again,
        batch=Batch(**dict(table.batch)),
        assets=table.assets,
        expect=table.expect,
        verify=table.verify,
        overwrite=table.overwrite,
        if_gone=_if_gone(table),
        marker=marker,
        bandwidth=table.bandwidth.in_zone(timezone) if isinstance(table.bandwidth, Timetable) else table.bandwidth,
        retries=table.retries.policy(),
        work=work_of(table, copies),
        after=tuple(table.after),
        description=table.description,
        owners=tuple(table.owners),
        tags=table.tags,
    )


def _copy(copy: CopyTable, template: Template, table: JobTable, marker: str | None) -> Copy:
    return Copy(
        name=copy.name or copy.at.gateway,
        gateway=copy.at.gateway,
        template=template,
        verify=copy.verify or table.verify,
        marker=copy.marker if "marker" in copy.model_fields_set else marker,
        overwrite=table.overwrite if copy.overwrite is None else copy.overwrite,
        if_gone=copy.if_gone or _if_gone(table),
        mode=copy.mode,
        manifest=copy.manifest,
        pointer=copy.pointer,
    )


def _if_gone(table: JobTable) -> type_of_if_gone:
    return table.if_gone or ("leave" if table.when == "new files" else "send")


def _folder(place: Place | None) -> Folder | None:
    return None if place is None else Folder(gateway=place.gateway, template=Template.parse(place.path))
