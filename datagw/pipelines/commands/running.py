"""Programs for files: one start for each, or one for all that go together; and what became of each file."""

from __future__ import annotations

import copy
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from datagw.errors import Changed, GatewayError
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.front.reading import open_unchanged
from datagw.gateways.secrets import Secret
from datagw.jobs import Job
from datagw.jobs.models import Command
from datagw.pipelines.commands.ending import problem_of
from datagw.pipelines.commands.output import Output
from datagw.pipelines.commands.pipes import Pipe
from datagw.pipelines.commands.placeholders import Values, fill
from datagw.pipelines.commands.reporting import Reported
from datagw.pipelines.commands.starting import Keeping, Start, environment_of, program_of
from datagw.pipelines.commands.watching import Ended, watch
from datagw.pipelines.report import Report
from datagw.pipelines.secrets import Masker
from datagw.publishing.world import World

_ESCAPED = 6  # bytes that one character of a secret may become


@dataclass(frozen=True)
class Errand:
    """What all starts of a job have in common.

    `base` is the folder of the job file, `tmp_dir` one that is there and may be written to, `payload` whatever JSON can
    hold, `report` is filled.
    """

    job: Job
    world: World
    base: Path
    day: date | None
    tmp_dir: Path
    report: Report = field(default_factory=Report)
    payload: object = None


def run_command(errand: Errand, files: Iterable[tuple[StagedFile, str]]) -> Iterator[tuple[str, GatewayError | None]]:
    """Starts the command of a job for files in hand, each with its relative path; yields path and outcome as they come.

    The outcome None says that the program took the file, and that all that it left is published and proven. Raises
    GatewayError where no program can be started at all, ConfigError where a secret leads nowhere.
    """
    work = errand.job.work
    command = work.command if work is not None else None
    if command is None:
        raise TypeError(f"{errand.job.name} has no command")
    secrets = {name: value.reveal() for name, value in command.env.items() if isinstance(value, Secret)}
    environment = environment_of({name: text for name, text in command.env.items() if isinstance(text, str)} | secrets)
    program = program_of(command.arguments[0], errand.base, environment.get("PATH"))
    with Keeping() as keeping:
        runner = _Runner(errand, command, program, environment, secrets, keeping)
        if command.per == "batch" and errand.job.watches:
            together = list(files)
            outcome = runner.run(together, "")
            yield from ((path, _of(outcome, path)) for _, path in together)
        else:
            for one in files:
                yield one[1], runner.run([one], one[1])


def _of(outcome: GatewayError | None, path: str) -> GatewayError | None:
    """The error of one file of a batch, each its own."""
    if outcome is None:
        return None
    mine = copy.copy(outcome)
    mine.path = path
    return mine


@dataclass
class _Runner:
    """The starts of one errand, one after the other."""

    errand: Errand
    command: Command
    program: str
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    keeping: Keeping

    def __post_init__(self) -> None:
        self._mask = Masker(self.secrets.values())
        self._longest = max((_ESCAPED * len(value.encode()) for value in self.secrets.values()), default=0)
        self._log: logging.Logger = self.errand.world.log
        pattern = self.errand.job.source.pattern
        each = self.command.per == "file" and self.errand.job.watches and pattern.exact is None
        self._reported = Reported(self.errand.report, each=each)

    def run(self, files: Sequence[tuple[StagedFile, str]], path: str) -> GatewayError | None:
        """One start; `path` is the relative one of its file, `""` for many."""
        room = Path(tempfile.mkdtemp(prefix="start-", dir=self.errand.tmp_dir))
        try:
            return self._in(room, files, path)
        except Changed as error:
            return error
        except GatewayError as error:
            return self._mask.error(error)
        finally:
            shutil.rmtree(room)

    def _in(self, room: Path, files: Sequence[tuple[StagedFile, str]], path: str) -> GatewayError | None:
        for staged, _ in files:
            with open_unchanged(staged):
                pass  # nobody has it open for writing, and it is what was planned
        label = path if path and self.errand.job.watches else self.errand.job.name
        output = Output(label, self._log, self._mask, self._longest)
        pipe = Pipe(room, label, self._log, self._mask.json)
        out = room / "out"
        out.mkdir()
        values = Values(
            files=[_named(room, staged, relative) for staged, relative in files] if self.errand.job.watches else (),
            path=path,
            out=out,
            day=self.errand.day,
        )
        ended = watch(
            self.keeping,
            Start(self.program, fill(self.command.arguments, values), self._environment(pipe, files), self.errand.base),
            output,
            limit=self.command.timeout.total_seconds() if self.command.timeout is not None else None,
            look=lambda: self._look(pipe),
        )
        pipe.look()
        self._tell(label, ended)
        self._reported.take(pipe, path)
        problem = problem_of(ended, self.command.arguments[0], output.last, _words(self.command.timeout), path or None)
        if problem is not None:
            return problem
        for staged, _ in files:
            _compare(staged)
        return self._publish(out, path)

    def _look(self, pipe: Pipe) -> None:
        pipe.look()
        self.errand.world.fence()

    def _environment(self, pipe: Pipe, files: Sequence[tuple[StagedFile, str]]) -> dict[str, str]:
        errand = self.errand
        own = {"DATAGW_JOB": errand.job.name, "DATAGW_RUN": errand.world.run}
        if errand.day is not None:
            own["DATAGW_DAY"] = errand.day.isoformat()
        if errand.payload is not None:
            own["DATAGW_PAYLOAD"] = json.dumps(errand.payload)
        extras = {"payload": errand.payload, "files": [relative for _, relative in files if errand.job.watches]}
        told = pipe.open(errand.job.name, errand.world.run, errand.day, extras)
        return {**self.environment, **own, **told}

    def _tell(self, label: str, ended: Ended) -> None:
        if ended.left:
            self._log.info("%s: ended %d processes that the program had left running", label, ended.left)
        if ended.alive:
            self._log.warning("%s: %d processes could not be ended; they run as another user", label, ended.alive)

    def _publish(self, out: Path, path: str) -> GatewayError | None:
        return None


def _named(room: Path, staged: StagedFile, relative: str) -> Path:
    """A local path of a file that ends in the source's own name: itself, else another name for it in the room."""
    if staged.local.name == relative.rpartition("/")[2]:
        return staged.local
    named = room / "in" / relative
    named.parent.mkdir(parents=True, exist_ok=True)
    if staged.owned:
        os.link(staged.local, named)
    else:
        named.symlink_to(staged.local)
    return named


def _compare(staged: StagedFile) -> None:
    """Raises Changed where a local source is no longer what the program was started for; one that is gone, it took."""
    if staged.owned:
        return
    try:
        found = RemoteFile.from_stat(staged.origin.path, os.stat(staged.local))
    except FileNotFoundError:
        return
    if found.content_version != staged.origin.content_version:
        raise Changed("the file changed while the program had it", path=staged.origin.path)


def _words(limit: timedelta | None) -> str:
    seconds = limit.total_seconds() if limit is not None else 0
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
