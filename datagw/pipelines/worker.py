"""The place that hands files to a job's own code. It shows nothing of what it took, so receipts say `accepted`."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, GetPydanticSchema, PrivateAttr
from pydantic_core.core_schema import any_schema
from typing_extensions import override

from datagw.errors import ConfigError, Denied, GatewayError, NotFound, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.reading import Published
from datagw.jobs import Job
from datagw.jobs.words import WORK
from datagw.pipelines.occasion import Always
from datagw.pipelines.report import NodeResult, Report
from datagw.publishing.world import World

if TYPE_CHECKING:
    from datagw.pipelines.bench import Bench

_AS_IT_IS = GetPydanticSchema(lambda _type, _handler: any_schema())


class Worker(Gateway):
    """Own code as a place: what is published here has been taken by it."""

    type: ClassVar[str] = "work"
    shows: ClassVar[bool] = False
    needs_a_file: ClassVar[bool] = True

    job: Annotated[Job, _AS_IT_IS] = Field(repr=False)
    world: Annotated[World, _AS_IT_IS] = Field(repr=False)
    base: Path = Field(repr=False)
    payload: Any = Field(default=None, repr=False)
    report: Annotated[Report, _AS_IT_IS] = Field(repr=False)
    resume_from: str | None = Field(default=None, repr=False)
    only: frozenset[str] | None = Field(default=None, repr=False)

    _again: dict[str, list[NodeResult]] = PrivateAttr(default_factory=dict[str, list[NodeResult]])

    @classmethod
    def of(
        cls,
        job: Job,
        world: World,
        base: Path,
        payload: object,
        report: Report,
        resume_from: str | None = None,
        only: Collection[str] | None = None,
    ) -> Self:
        """The own code of a job, in the surroundings of a run; `resume_from` is a run that is gone on with.

        `only` names the functions of a graph that are asked for.
        """
        asked = None if only is None else frozenset(only)
        made = cls(job=job, world=world, base=base, payload=payload, report=report, resume_from=resume_from, only=asked)
        return made.using(name=WORK)

    @override
    def shown(self, path: str) -> str:
        """What the code is called for, in words: the job, its day, or a file of its source."""
        if self.job.watches:
            return path or self.job.name
        return f"{self.job.name} {path}" if path and self.job.dated else self.job.name

    @override
    def _session(self) -> Always:
        return Always()

    @override
    def _ls(self, session: Always, folder: str) -> Iterator[RemoteFile]:
        return iter(())

    @override
    def _stat(self, session: Always, path: str) -> RemoteFile:
        if not path:
            return RemoteFile("", kind="folder")
        raise NotFound("own code shows nothing of what it took", path=path)

    @override
    def _publish(self, session: Always, reading: Reading) -> Published:
        ((_, outcome),) = self._publish_many(session, [reading])
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    @override
    def _publish_many(
        self, session: Any, readings: Iterable[Reading]
    ) -> Iterator[tuple[Reading, Published | GatewayError]]:
        from datagw.pipelines.bench import bench_of
        from datagw.pipelines.handing import hand_over

        try:
            with bench_of(self.job, self.world, self.base, self.report, self.live.fence) as bench:
                if bench.work.command is None:
                    given = (self.payload, self.resume_from, self._again, self.only)
                    for reading, outcome in hand_over(bench, readings, *given):
                        if isinstance(outcome, Unavailable):
                            outcome.tried = bool(bench.silent)
                        yield reading, outcome
                else:
                    yield from self._run_command(bench, readings)
        except ConfigError as error:  # no file is at fault, and no second try helps
            raise Denied(str(error), gateway=self.job.name) from None
        except Denied as error:
            error.gateway = error.gateway or self.job.name
            raise

    def _run_command(
        self, bench: Bench, readings: Iterable[Reading]
    ) -> Iterator[tuple[Reading, Published | GatewayError]]:
        from datagw.pipelines.commands.running import Errand, run_command

        every = iter(readings)
        for first in every:  # it tells the day, which is that of all
            day = first.upload.day
            errand = Errand(
                self.job, self.world, self.base, day, bench.folder, self.report, self.payload, self.live.fence
            )
            yield from run_command(errand, itertools.chain([first], every))

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None
