"""What only shows when several keys of a job are read together. Each check is a sentence that would come true."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from datagw.errors import Rejected
from datagw.files import join, parent
from datagw.gateways.base import Gateway
from datagw.gateways.paths.notation import CODES
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.jobs.addresses import SCHEMES
from datagw.jobs.complaints import Complaint
from datagw.jobs.problems import nearest_word
from datagw.jobs.tables import JobTable
from datagw.jobs.words import OCCASION, RESERVED_COPIES, folded


@dataclass(frozen=True)
class Draft:
    """A job's table, its paths read, and the gateways that there are; those that are broken are None."""

    table: JobTable
    pattern: Pattern
    templates: Sequence[Template]
    gateways: Mapping[str, Gateway | None]
    unsure: frozenset[str] = frozenset()
    """Keys that are wrong in themselves, and left out of the table."""
    own: frozenset[str] = frozenset()
    """Keys that the job's own table holds, not the defaults."""


def check(draft: Draft) -> Iterator[Complaint]:
    """Everything that is wrong with a job whose every key is right."""
    for rule in _RULES:
        yield from rule(draft)


def _gateways_are_declared(draft: Draft) -> Iterator[Complaint]:
    named = [(("source",), draft.table.source.at.gateway)]
    named += [(("to", number), copy.at.gateway) for number, copy in enumerate(draft.table.to)]
    for path, name in named:
        if name not in draft.gateways:
            declared = sorted({*draft.gateways} - {*SCHEMES, OCCASION})
            known = nearest_word(name, declared) or f"there are {', '.join(declared)}"
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


def _what_is_watched_has_no_days(draft: Draft) -> Iterator[Complaint]:
    when = draft.table.when
    if when in ("change", "new files") and draft.pattern.dated:
        yield Complaint(("when",), f'"{when}" is for a source without days', 'write "daily", or take the date out')


def _words_for_new_files(draft: Draft) -> Iterator[Complaint]:
    if draft.table.when == "new files" or "when" in draft.unsure:
        return
    for key in ("existing", "again", "batch", "assets", "failed_source"):
        if key in draft.own:
            yield Complaint((key,), 'is for when = "new files"')


def _days_are_expected_of_dated_jobs(draft: Draft) -> Iterator[Complaint]:
    if draft.table.expect is not None and not draft.pattern.dated:
        yield Complaint(("expect",), "needs a dated source", "put %Y%m%d where the date stands in its path")


def _moved_files_stay_on_their_gateway(draft: Draft) -> Iterator[Complaint]:
    table, source = draft.table, draft.table.source.at.gateway
    if table.move_source is not None and table.delete_source:
        yield Complaint(("move_source",), "a file is either moved or deleted", "leave out delete_source")
    for key, place in (("move_source", table.move_source), ("failed_source", table.failed_source)):
        if place is None:
            continue
        template = Template.parse(place.path)
        if place.gateway != source:
            advice = f"add {place.gateway}:{place.path} to `to`, with delete_source = true" if key[0] == "m" else ""
            yield Complaint((key,), f"files are moved on their own gateway, {source}", advice)
        elif template.needs_day and not draft.pattern.dated:
            yield Complaint((key,), "the source has no days to fill into it", "{date:%Y-%m-%d} is when it was seen")
        elif any(_lands(draft, source, template, real=real) for real in (False, True)):
            yield Complaint((key,), "a file would be moved into its own source", "move it to a folder beside it")


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
        if not _keeps_days_apart(draft, template):
            advice = "put %Y%m%d into the destination, or into the source's last part"
            yield Complaint(("to", number), "two days would be published under the same name", advice)
    place = draft.table.move_source
    if place is not None and not _keeps_days_apart(draft, Template.parse(place.path)):
        advice = f"end with the day, as in {place.path}%Y%m%d/"
        yield Complaint(("move_source",), "two days would be moved under the same names", advice)


def _keeps_days_apart(draft: Draft, template: Template) -> bool:
    kept = draft.pattern.tail_codes() if template.tree else frozenset[str]()
    named = draft.pattern.name_codes() if template.fields else frozenset[str]()
    return template.needs_date or _tell_days_apart(template.codes | kept | named)


def _what_is_deleted_is_proven_elsewhere(draft: Draft) -> Iterator[Complaint]:
    if not (draft.table.delete_source or draft.table.move_source):
        return
    key = "delete_source" if draft.table.delete_source else "move_source"
    own_code = draft.table.backend or draft.table.nodes or draft.table.run  # that it took a file counts for moving it
    if not (draft.table.to or own_code) and "to" not in draft.unsure:
        yield Complaint((key,), "there is no copy that could prove a file: `to` is empty")
    for number, copy in enumerate(draft.table.to):
        if (copy.verify or draft.table.verify) == "size":
            where = ("to", number) if copy.verify else ("verify",)
            done = "deleted" if key == "delete_source" else "moved"
            yield Complaint(where, f'nothing is {done} by size alone: verify = "content", or no {key}')
            if not copy.verify:
                return


def _followed_links_are_not_deleted(draft: Draft) -> Iterator[Complaint]:
    if draft.table.source.symlinks == "follow" and (draft.table.delete_source or draft.table.move_source):
        word, key = ("deleted", "delete_source") if draft.table.delete_source else ("moved", "move_source")
        advice = f'write symlinks = "skip", or no {key}'
        yield Complaint(("source", "symlinks"), f"a link that is followed is never {word}", advice)


def _copies_have_places_of_their_own(draft: Draft) -> Iterator[Complaint]:
    if len(draft.table.to) < 2:
        return
    seen: dict[tuple[_Spot, ...], str] = {}
    for number, (copy, template) in enumerate(zip(draft.table.to, draft.templates, strict=True)):
        paths = _samples_published(draft.pattern, template)
        spots = tuple(_spot_of_file(draft.gateways, copy.at.gateway, path, real=True) for path in paths)
        written = f"{copy.at.gateway}:{copy.at.path}"
        if spots and spots in seen:
            hint = f"{seen[spots]} is the same place" if seen[spots] != written else ""
            yield Complaint(("to", number), "another copy goes to the same path", hint)
        seen.setdefault(spots, written)


def _copies_do_not_land_in_the_source(draft: Draft) -> Iterator[Complaint]:
    for number, (copy, template) in enumerate(zip(draft.table.to, draft.templates, strict=True)):
        if any(_lands(draft, copy.at.gateway, template, real=real) for real in (False, True)):
            yield Complaint(("to", number), "a copy would land in its own source", "publish to a folder beside it")


def _sizes_leave_something(draft: Draft) -> Iterator[Complaint]:
    source = draft.table.source
    if source.min_size is not None and source.max_size is not None and source.min_size > source.max_size:
        yield Complaint(("source", "max_size"), "is less than min_size: no file would be taken")


_RULES: tuple[Callable[[Draft], Iterator[Complaint]], ...] = (
    _gateways_are_declared,
    _copies_have_names_of_their_own,
    _daily_needs_days,
    _what_is_watched_has_no_days,
    _words_for_new_files,
    _days_are_expected_of_dated_jobs,
    _moved_files_stay_on_their_gateway,
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


class _Spot(NamedTuple):
    """A path on a machine, whichever gateway leads there; places that cannot be told apart otherwise go by name."""

    machine: str
    path: str

    def below(self, folder: _Spot) -> str | None:
        """The path as seen from the folder, `""` for itself; None where it lies elsewhere."""
        if self == folder:
            return ""
        start = folder.path if folder.path in ("", "/") else f"{folder.path}/"
        same = self.machine == folder.machine and self.path.startswith("/") == folder.path.startswith("/")
        return self.path[len(start) :] if same and self.path.startswith(start) else None


def _spot(gateways: Mapping[str, Gateway | None], name: str, path: str, *, real: bool) -> _Spot:
    """Where a path of a gateway is; `real`: once the links on this machine's disks are followed."""
    gateway = gateways.get(name)
    if gateway is None:
        return _Spot(f"gateway {name}", _normal(path))
    if gateway.type == "local":
        native = os.path.abspath(os.path.join(gateway.root or ".", path))
        return _Spot("", _normal(_real(native) if real else native))
    return _Spot(_machine(gateway), _normal(gateway.full(path)))


def _machine(gateway: Gateway) -> str:
    """What is in front of every path of a place, the name of its server in lower case."""
    scheme, mark, rest = gateway.place.removesuffix(gateway.full("")).rstrip("/").partition("//")
    login, slash, folder = rest.partition("/")
    user, at, host = login.rpartition("@")
    return f"{scheme}{mark}{user}{at}{host.lower()}{slash}{folder}"


def _spot_of_file(gateways: Mapping[str, Gateway | None], name: str, path: str, *, real: bool) -> _Spot:
    """Where a file is; one that is a link itself would be replaced, not followed."""
    folder = _spot(gateways, name, parent(path), real=real)
    return _Spot(folder.machine, _normal(f"{folder.path}/{path.rpartition('/')[2]}" if folder.path else path))


def _normal(path: str) -> str:
    found = os.path.normpath(path) if path else ""
    return f"/{found.lstrip('/')}" if found.startswith("/") else "" if found == "." else found


def _real(native: str) -> str:
    try:
        return os.path.realpath(native)
    except ValueError:  # no disk holds such a name, so that no link does
        return native


def _lands(draft: Draft, gateway: str, template: Template, *, real: bool) -> bool:
    """Whether what is published may belong to the source, or the source lies below a folder that takes its tree."""
    pattern, source = draft.pattern, draft.table.source.at.gateway
    day = date(2024, 1, 31)
    of_day = pattern.filled(day) if pattern.dated else pattern
    tree = of_day.tree or any(level.deep for level in of_day.levels)
    base = _spot(draft.gateways, source, pattern.base, real=real)
    if base.machine != _spot(draft.gateways, gateway, "", real=False).machine:
        return False
    for relative in (_sample(of_day), join("a/b", _sample(of_day)))[: 2 if tree else 1]:
        try:
            published = template.fill(relative, day, day)
        except Rejected:
            continue  # the sample's name, not the job's mistake
        path = _spot_of_file(draft.gateways, gateway, published, real=real).below(base)
        if path is not None and pattern.matches(join(pattern.base, path)):
            return True
    if not tree or not template.tree:
        return False
    folder = _spot(draft.gateways, gateway, template.folder(day), real=real)
    return _spot(draft.gateways, source, of_day.base, real=real).below(folder) is not None


def _sample(pattern: Pattern) -> str:
    """The relative path of a file that the pattern takes."""
    names = [level.sample() for level in pattern.levels[pattern.depth :] if not level.deep]
    return "/".join([*names, "a"] if pattern.tree else names)


def _samples_published(pattern: Pattern, template: Template) -> list[str]:
    """Where some files of some days would go: two templates with the same answers are the same."""
    found: list[str] = []
    for day, first_seen in ((date(2024, 1, 31), date(2024, 2, 1)), (date(2024, 12, 30), date(2025, 3, 9))):
        of_day = pattern.filled(day) if pattern.dated else pattern
        names = [_sample(of_day)]
        deep = of_day.tree or any(level.deep for level in of_day.levels)
        others = [f"{names[0]}.b", *([join("a/b", names[0])] if deep else [])]
        names += [name for name in others if of_day.matches(join(of_day.base, name))]
        for relative in names:
            with contextlib.suppress(Rejected):  # the sample's name, not the job's mistake
                found.append(template.fill(relative, day, first_seen))
    return found
