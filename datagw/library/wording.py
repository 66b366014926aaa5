"""A call as a job: the same table that a job file would hold, read by the same models and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from datagw import gateways as kinds
from datagw.errors import ConfigError
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.jobs.addresses import SCHEMES
from datagw.jobs.assembling import assembled
from datagw.jobs.models import Job, Main
from datagw.jobs.positions import Path as KeyPath
from datagw.jobs.problems import Problem
from datagw.jobs.quantities import octal
from datagw.jobs.reading import Tables
from datagw.jobs.report import Report
from datagw.jobs.words import name_problem, unknown_key
from datagw.library.options import OF_A_SOURCE, PLACES, Options
from datagw.library.places import Places, destinations, digest_of, folder_name, slug

_KNOWN = (*Options.__annotations__,)


@dataclass
class Wording:
    """A call on its way to a job. `wrong` gathers all that is wrong with it."""

    wrong: list[str] = field(default_factory=list[str])
    places: Places = field(default_factory=Places)
    source: dict[str, Any] = field(default_factory=dict[str, Any])
    copies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: dict[str, Any] = field(default_factory=dict[str, Any])

    def job(
        self, source: object, to: object, name: str | None, options: Mapping[str, Any], tmp_dir: Path
    ) -> tuple[Job, dict[str, Gateway]]:
        """The job that a call means, and its gateways; raises ConfigError with all that is wrong.

        Without a name it is called after the source's folder, and a digest of source and destinations, so that the
        same call finds its receipts again.
        """
        self._take_source(source)
        self._take_copies(to)
        self._take_options(options)
        gateways = {**self.places.gateways, **_undeclared([self.source, *self.copies])}
        called = name or self._own_name(gateways)
        if problem := name_problem(called):
            self.wrong.append(f"name: {problem}")
            called = "x"
        job = None
        if self.source["at"]:  # else the rules would only say once more that there is none
            job, problems = self._read(called, gateways, tmp_dir)
            self.wrong += [_told(problem, called) for problem in problems]
        if self.wrong or job is None:
            told = tuple(self.wrong)
            raise ConfigError("this cannot be published as it is asked for:\n  " + "\n  ".join(told), told)
        return job, gateways

    def _written(self, key: str, where: object, called: str = "") -> str:
        try:
            return self.places.written(where, called)
        except ValueError as error:
            self.wrong.append(f"{key}: {error}")
            return ""

    def _take_source(self, source: object) -> None:
        self.source["at"] = self._written("source", source)

    def _take_copies(self, to: object) -> None:
        """The tables of the copies; where several go to one gateway, each is called after its folder."""
        for number, (called, where) in enumerate(destinations(to)):
            key = f"to[{called!r}]" if called else f"to[{number}]"
            if called and (problem := name_problem(called)):
                self.wrong.append(f"{key}: {problem}")
                continue
            if at := self._written(key, where, called):
                self.copies.append({"at": at, **({"name": called} if called else {})})
        if not self.copies and not self.wrong:
            self.wrong.append("to: there is nowhere to publish to")
        names = [str(copy["at"]).partition(":")[0] for copy in self.copies]
        taken = {str(copy["name"]) for copy in self.copies if "name" in copy}
        for copy, gateway in zip(self.copies, names, strict=True):
            if "name" not in copy and names.count(gateway) > 1:
                path = str(copy["at"]).partition(":")[2]
                own = slug(f"{gateway}-{folder_name(path)}", gateway)
                copy["name"] = own if own not in taken else f"{own}-{digest_of(path)[:6]}"
                taken.add(copy["name"])

    def _take_options(self, options: Mapping[str, Any]) -> None:
        for key, value in options.items():
            if key not in _KNOWN:
                message, hint = unknown_key(key, _KNOWN, frozenset())
                self.wrong.append(f"{key}: {message}; {hint}")
            elif key in OF_A_SOURCE:
                self.source[key] = [*value] if key == "exclude" and not isinstance(value, str) else value
            elif key in PLACES:
                self.keys.update({key: at} if (at := self._written(key, value)) else {})
            elif key == "mode":
                self._take_mode(value)
            else:
                self.keys[key] = _as_in_a_file(key, value)

    def _take_mode(self, value: object) -> None:
        try:
            mode = f"{value:04o}" if isinstance(value, int) and 0 <= value <= 0o7777 else value
            octal(mode)
            self.copies = [{**copy, "mode": mode} for copy in self.copies]
        except ValueError:
            self.wrong.append(f'mode: permissions are written 0o640, or "0640"; not {value!r}')

    def _own_name(self, gateways: Mapping[str, Gateway]) -> str:
        def place(at: object) -> str:
            gateway, _, path = str(at).partition(":")
            if gateway == "local":
                path = str(Path.cwd() / Path(path).expanduser()) + ("/" if path.endswith("/") else "")
            return f"{gateways[gateway].place if gateway in gateways else gateway}:{path}"

        at, there = self.source["at"], sorted(place(copy["at"]) for copy in self.copies)
        folder = slug(folder_name(at.partition(":")[2]), "files")
        return f"{folder}-{digest_of(place(at), self.source.get('dated_regex', ''), *there)[:8]}"

    def _read(
        self, name: str, gateways: Mapping[str, Gateway], tmp_dir: Path
    ) -> tuple[Job | None, tuple[Problem, ...]]:
        table = {"source": self.source, **self.keys, "to": self.copies}
        report = Report()
        positions: dict[KeyPath, tuple[int, int]] = {(name, "to", number): (0, 0) for number in range(len(self.copies))}
        positions |= {(name, "source", key): (0, 0) for key in self.source}
        report.home[name,] = report.add_file("", positions)
        job, _ = assembled(name, Tables(jobs={name: table}), Path.cwd(), Main(tmp_dir=tmp_dir), gateways, report)
        return job, report.sorted()


def _as_in_a_file(key: str, value: object) -> object:
    if key == "marker" and value is True:
        return ".do-not-touch"
    if key != "retries":
        return value
    if isinstance(value, RetryPolicy):
        pauses = {"backoff": timedelta(seconds=value.backoff), "cap": timedelta(seconds=value.cap)}
        return {"max": value.max, **pauses, "jitter": value.jitter}
    return {"max": value}


def _undeclared(table: object) -> dict[str, Gateway]:
    """The gateways that need no declaration: this machine, and those of the addresses that are written."""
    found: dict[str, Gateway] = {"local": kinds.load("local").model_validate({"root": "/"}).using(name="local")}
    text = repr(table).lower()
    for scheme in SCHEMES:
        if f"{scheme}://" in text:
            found[scheme] = kinds.load("http").model_validate({"url": f"{scheme}://"}).using(name=scheme)
    return found


def _told(problem: Problem, name: str) -> str:
    key = problem.where.removeprefix(name).lstrip(".").removesuffix(".at") or "source"
    return f"{key}: {problem.message}" + (f"; {problem.hint}" if problem.hint else "")
