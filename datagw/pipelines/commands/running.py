"""Programs for files: one start for each, or one for all that go together; and what became of each file."""

from __future__ import annotations

import copy
import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from datagw.errors import GatewayError
from datagw.gateways.front.reading import Published, Reading
from datagw.gateways.secrets import Secret
from datagw.jobs import Job
from datagw.jobs.models import Command
from datagw.pipelines.commands.ending import Ended, Stopped, problem_of
from datagw.pipelines.commands.leaving import publish_left
from datagw.pipelines.commands.output import Output
from datagw.pipelines.commands.pipes import Pipe
from datagw.pipelines.commands.placeholders import Values, fill
from datagw.pipelines.commands.reporting import Reported
from datagw.pipelines.commands.starting import Keeping, Start, environment_of, program_of
from datagw.pipelines.commands.watching import watch
from datagw.pipelines.in_hand import accepted, changed, keep_the_last, named, unread
from datagw.pipelines.report import Report
from datagw.pipelines.secrets import Masker, masked_logger
from datagw.publishing.staging import remove_tree
from datagw.publishing.world import World

_ESCAPED = 6  # bytes that one character of a secret may become


@dataclass(frozen=True)
class Errand:
    """What all starts of a job have in common.

    `base` is the folder of the job file, `tmp_dir` one that is there and may be written to, `payload` whatever JSON can
    hold, `report` is filled. `fence` raises when the run is to end; without one, that of the world does.
    """

    job: Job
    world: World
    base: Path
    day: date | None
    tmp_dir: Path
    report: Report = field(default_factory=Report)
    payload: object = None
    fence: Callable[[], None] | None = None


def run_command(errand: Errand, readings: Iterable[Reading]) -> Iterator[tuple[Reading, Published | GatewayError]]:
    """Starts the command of a job for files in hand, as `_publish_many` of a place; yields what became of each.

    Published says that the program took the file, and that all that it left is proven. Raises GatewayError where no
    program can be started at all, ConfigError where a secret leads nowhere.
    """
    command = errand.job.work.command if errand.job.work is not None else None
    if command is None:
        raise TypeError(f"{errand.job.name} has no command")
    secrets = {name: value.reveal() for name, value in command.env.items() if isinstance(value, Secret)}
    texts = {name: value for name, value in command.env.items() if isinstance(value, str)}
    environment = environment_of({**texts, **secrets})
    program = program_of(command.arguments[0], errand.base, environment.get("PATH"))
    with Keeping() as keeping:
        runner = _Runner(errand, command, program, environment, secrets, keeping)
        if command.per == "batch" and errand.job.watches:
            yield from _together(runner, readings)
        else:
            for reading in readings:
                problem = unread(reading) or runner.run([reading], reading.final)
                yield reading, problem or accepted(reading)


def _together(runner: _Runner, readings: Iterable[Reading]) -> Iterator[tuple[Reading, Published | GatewayError]]:
    """One start for all of them; those that cannot be read are left out of it."""
    whole: list[Reading] = []
    for reading in readings:
        problem = unread(reading)
        if problem is None:
            whole.append(reading)
        else:
            yield reading, problem
    problem = runner.run(whole, "") if whole else None
    for reading in whole:
        mine = copy.copy(problem)
        if mine is not None:
            mine.path = None  # each its own
        yield reading, mine or accepted(reading)


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
        self._quiet = replace(self.errand.world, log=masked_logger(self._log, "datagw.commands", self._mask))
        self._fence = self.errand.fence or self.errand.world.fence
        pattern = self.errand.job.source.pattern
        each = self.command.per == "file" and self.errand.job.watches and pattern.exact is None
        self._reported = Reported(self.errand.report, each=each)

    def run(self, readings: Sequence[Reading], path: str) -> GatewayError | None:
        """One start; `path` is the relative one of its file, `""` for many."""
        room = Path(tempfile.mkdtemp(prefix="start-", dir=self.errand.tmp_dir))
        done = False
        try:
            problem = self._run(room, readings, path)
            done = problem is None
        except Stopped as error:
            self._mask.error(error)
            raise
        except GatewayError as error:
            problem = error
        finally:
            if not done:
                keep_the_last(room / "out", readings, self.errand.world.tmp_dir.parent, self._log)
            remove_tree(room)
        return problem and self._mask.error(problem)

    def _run(self, room: Path, readings: Sequence[Reading], path: str) -> GatewayError | None:
        errand, job = self.errand, self.errand.job
        label = path if path and job.watches else job.name
        output = Output(label, self._log, self._mask, self._longest)
        pipe = Pipe(room, label, self._log, self._mask.json)
        out = room / "out"
        out.mkdir()
        local = [named(reading, room / "in").absolute() for reading in readings] if job.watches else []
        arguments = fill(self.command.arguments, Values(local, path, out, self.errand.day))
        names = [reading.final for reading in readings] if job.watches else []
        start = Start(self.program, arguments, self._environment(pipe, names), self.errand.base)
        limit = self.command.timeout
        seconds = limit.total_seconds() if limit is not None else None
        ended = watch(self.keeping, start, output, limit=seconds, look=lambda: self._look(pipe))
        pipe.look()
        self._tell(label, ended)
        self._reported.take(pipe, path)
        problem = problem_of(ended, self.command.arguments[0], output.last, _words(seconds))
        if problem is not None:
            self._fence()  # who ends all processes at once has ended the program as well
            return problem
        for reading in readings:
            if (other := changed(reading)) is not None:
                return other
        of = path if job.watches else ""
        return publish_left(job, self._quiet, errand.report, out, errand.day, of=of, fence=self._fence)

    def _look(self, pipe: Pipe) -> None:
        pipe.look()
        self._fence()

    def _environment(self, pipe: Pipe, files: Sequence[str]) -> dict[str, str]:
        errand = self.errand
        own = {"DATAGW_JOB": errand.job.name, "DATAGW_RUN": errand.world.run}
        if errand.day is not None:
            own["DATAGW_DAY"] = errand.day.isoformat()
        if errand.payload is not None:
            own["DATAGW_PAYLOAD"] = json.dumps(errand.payload)
        payload: object = {} if errand.payload is None else errand.payload
        extras: dict[str, object] = {"payload": payload, "files": list(files)}
        told = pipe.open(errand.job.name, errand.world.run, errand.day, extras)
        return {**self.environment, **own, **told}

    def _tell(self, label: str, ended: Ended) -> None:
        if ended.left:
            self._log.info("%s: ended %d processes that the program had left running", label, ended.left)
        if ended.alive:
            self._log.warning("%s: %d processes could not be ended; they run as another user", label, ended.alive)


def _words(seconds: float | None) -> str:
    return f"{seconds or 0:g} s" if (seconds or 0) < 60 else f"{(seconds or 0) / 60:g} min"
