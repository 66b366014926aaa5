"""The place that hands files to a job's own code. It shows nothing of what it took, so receipts say `accepted`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, GetPydanticSchema
from pydantic_core.core_schema import any_schema
from typing_extensions import override

from datagw.errors import GatewayError, NotFound
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.reading import Published
from datagw.jobs import Job
from datagw.jobs.words import WORK
from datagw.pipelines.occasion import Always
from datagw.pipelines.report import Report
from datagw.publishing.world import World

_AS_IT_IS = GetPydanticSchema(lambda _type, _handler: any_schema())


class Worker(Gateway):
    """Own code as a place: what is published here has been taken by it."""

    type: ClassVar[str] = "work"
    shows: ClassVar[bool] = False

    job: Annotated[Job, _AS_IT_IS] = Field(repr=False)
    world: Annotated[World, _AS_IT_IS] = Field(repr=False)
    base: Path = Field(repr=False)
    payload: Any = Field(default=None, repr=False)
    report: Annotated[Report, _AS_IT_IS] = Field(repr=False)

    @classmethod
    def of(cls, job: Job, world: World, base: Path, payload: object, report: Report) -> Self:
        """The own code of a job, in the surroundings of a run."""
        return cls(job=job, world=world, base=base, payload=payload, report=report).using(name=WORK)

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
        raise self._cannot("run own code yet")

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None
