"""What only shows when several keys of a job are read together. Each check is a sentence that would come true."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from datagw.errors import Rejected
from datagw.files import join
from datagw.gateways.base import Gateway
from datagw.gateways.paths.notation import CODES
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.jobs.complaints import Complaint
from datagw.jobs.problems import nearest_word
from datagw.jobs.tables import JobTable
from datagw.jobs.words import RESERVED_COPIES, folded


@dataclass(frozen=True)
class Draft:
    """A job's table, its paths read, and the gateways that there are; those that are broken are None."""

    table: JobTable
    pattern: Pattern
    templates: Sequence[Template]
    gateways: Mapping[str, Gateway | None]
    unsure: frozenset[str] = frozenset()
    """Keys that are wrong in themselves, and left out of the table."""


def check(draft: Draft) -> Iterator[Complaint]:
    """Everything that is wrong with a job whose every key is right."""
    for rule in _RULES:
        yield from rule(draft)


def _gateways_are_declared(draft: Draft) -> Iterator[Complaint]:
    named = [(("source",), draft.table.source.at.gateway)]
    named += [(("to", number), copy.at.gateway) for number, copy in enumerate(draft.table.to)]
    for path, name in named:
        if name not in draft.gateways:
            known = nearest_word(name, draft.gateways) or f"there are {', '.join(sorted(draft.gateways))}"
            yield Complaint(path, f"there is no gateway {name}; declare it in [gateways.{name}]", known)


def _copies_have_names_of_their_own(draft: Draft) -> Iterator[Complaint]:
    seen: set[str] = set()
    for number, copy in enumerate(draft.table.to):
        name = copy.name or copy.at.gateway
        if folded(name) in seen:
            yield Complaint(("to", number), f"another copy is called {name} already", 'give this one a name = "…"')
        elif copy.name is None and name in RESERVED_COPIES:
            yield Complaint(("to", number), f"no copy is called {name}", 'give it a name = "…"')
        seen.add(folded(name))


def _daily_needs_days(draft: Draft) -> Iterator[Complaint]:
    if draft.table.when == "daily" and not draft.pattern.dated:
        yield Complaint(("when",), '"daily" needs a dated source', "put %Y%m%d where the date stands in its path")


def _dates_in_destinations_come_from_days(draft: Draft) -> Iterator[Complaint]:
    for number, template in enumerate(draft.templates):
        if template.needs_day and not draft.pattern.dated:
            advice = "{date:%Y-%m-%d} is the day on which a version was first seen; %% is a percent sign"
            yield Complaint(("to", number), "the source has no days to fill into the destination", advice)


def _several_files_have_several_names(draft: Draft) -> Iterator[Complaint]:
    some_day = date(2024, 1, 31)
    pattern = draft.pattern.filled(some_day) if draft.pattern.dated else draft.pattern
    for number, template in enumerate(draft.templates):
        if pattern.exact is None and not template.keeps_name:
            advice = f"end with a slash ({template.text}/) or put {{name}} into it"
            yield Complaint(("to", number), "all files would be published under one name", advice)


def _days_do_not_overwrite_each_other(draft: Draft) -> Iterator[Complaint]:
    if not draft.pattern.dated:
        return
    for number, template in enumerate(draft.templates):
        kept = draft.pattern.tail_codes() if template.tree else frozenset[str]()
        named = draft.pattern.name_codes() if template.fields else frozenset[str]()
        if template.needs_date or _tell_days_apart(template.codes | kept | named):
            continue
        advice = "put %Y%m%d into the destination, or into the source's last part"
        yield Complaint(("to", number), "two days would be published under the same name", advice)


def _what_is_deleted_is_proven_elsewhere(draft: Draft) -> Iterator[Complaint]:
    if not draft.table.delete_source:
        return
    if not draft.table.to and "to" not in draft.unsure:
        yield Complaint(("delete_source",), "there is no copy that could prove a file: `to` is empty")
    for number, copy in enumerate(draft.table.to):
        if (copy.verify or draft.table.verify) == "size":
            where = ("to", number) if copy.verify else ("verify",)
            yield Complaint(where, 'nothing is deleted by size alone: verify = "content", or no delete_source')
            if not copy.verify:
                return


def _followed_links_are_not_deleted(draft: Draft) -> Iterator[Complaint]:
    if draft.table.delete_source and draft.table.source.symlinks == "follow":
        advice = 'write symlinks = "skip", or delete_source = false'
        yield Complaint(("source", "symlinks"), "a link that is followed is never deleted", advice)


def _copies_have_places_of_their_own(draft: Draft) -> Iterator[Complaint]:
    seen: set[tuple[str, str]] = set()
    for number, (copy, template) in enumerate(zip(draft.table.to, draft.templates, strict=True)):
        key = (copy.at.gateway, template.text)
        if key in seen:
            yield Complaint(("to", number), "another copy goes to the same path")
        seen.add(key)


def _copies_do_not_land_in_the_source(draft: Draft) -> Iterator[Complaint]:
    source = draft.table.source.at.gateway
    for number, (copy, template) in enumerate(zip(draft.table.to, draft.templates, strict=True)):
        same = _as_seen_from(source, copy.at.gateway, draft.gateways)
        if same is not None and _lands(draft.pattern, template, same):
            yield Complaint(("to", number), "a copy would land in its own source", "publish to a folder beside it")


def _sizes_leave_something(draft: Draft) -> Iterator[Complaint]:
    source = draft.table.source
    if source.min_size is not None and source.max_size is not None and source.min_size > source.max_size:
        yield Complaint(("source", "max_size"), "is less than min_size: no file would be taken")


_RULES: tuple[Callable[[Draft], Iterator[Complaint]], ...] = (
    _gateways_are_declared,
    _copies_have_names_of_their_own,
    _daily_needs_days,
    _dates_in_destinations_come_from_days,
    _several_files_have_several_names,
    _days_do_not_overwrite_each_other,
    _what_is_deleted_is_proven_elsewhere,
    _followed_links_are_not_deleted,
    _copies_have_places_of_their_own,
    _copies_do_not_land_in_the_source,
    _sizes_leave_something,
)


@functools.cache
def _tell_days_apart(codes: frozenset[str]) -> bool:
    days = [date(2023, 1, 1) + timedelta(days=number) for number in range(4 * 366)]
    return len({tuple(CODES[code](day) for code in sorted(codes)) for day in days}) == len(days)


def _as_seen_from(source: str, copy: str, gateways: Mapping[str, Gateway | None]) -> Callable[[str], str | None] | None:
    """What a path of the copy's gateway is called on the source's, where both may be the same place."""
    if source == copy:
        return lambda path: path
    here, there = gateways.get(source), gateways.get(copy)
    if here is None or there is None or here.type != "local" or there.type != "local":
        return None
    root = os.path.normpath(here.root or ".")

    def seen(path: str) -> str | None:
        native = os.path.normpath(os.path.join(there.root or ".", path))
        found = os.path.relpath(native, root)
        return None if found == ".." or found.startswith("../") else found

    return seen


def _lands(pattern: Pattern, template: Template, seen: Callable[[str], str | None]) -> bool:
    """Whether what is published may belong to the source, or the source lies below a folder that takes its tree."""
    day = date(2024, 1, 31)
    of_day = pattern.filled(day) if pattern.dated else pattern
    tree = of_day.tree or any(level.deep for level in of_day.levels)
    for relative in (_sample(of_day), join("a/b", _sample(of_day)))[: 2 if tree else 1]:
        try:
            path = seen(template.fill(relative, day, day))
        except Rejected:
            continue  # the sample's name, not the job's mistake
        if path is not None and pattern.matches(path):
            return True
    folder = seen(template.folder(day))
    if not tree or not template.tree or folder is None:
        return False
    return folder in ("", ".") or f"{of_day.base}/".startswith(f"{folder}/")


def _sample(pattern: Pattern) -> str:
    """The relative path of a file that the pattern takes."""
    names = [level.sample() for level in pattern.levels[pattern.depth :] if not level.deep]
    return "/".join([*names, "a"] if pattern.tree else names)
