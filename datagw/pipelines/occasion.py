"""The source of jobs that watch nothing: occasions to run their code, as files that a plan can find due."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar, Self
from uuid import uuid4

from pydantic import Field, InstanceOf
from typing_extensions import override

from datagw.errors import GatewayError, NotFound
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.jobs.words import OCCASION
from datagw.ledger import Ledger
from datagw.publishing.news import news_for


class Always:
    """The session of a place that is always there."""

    def close(self) -> None:
        """Nothing is held."""


class Occasion(Gateway):
    """One file, of which each version is an occasion to run: a day; news of other jobs; or simply now.

    It cannot be listed. The version of a day is the day, so that it runs once; with `when = "change"` it is what the
    jobs of `after` have published last; else each object of this class is a new one, so that each run is due. The file
    holds `{"job", "day", "payload", "token"}` as JSON, `day` as in ISO 8601 or null.
    """

    type: ClassVar[str] = "occasion"

    job: InstanceOf[Job] = Field(repr=False)
    ledger: InstanceOf[Ledger] = Field(repr=False)
    payload: Any = Field(default=None, repr=False)
    token: str = Field(default_factory=lambda: uuid4().hex)

    @classmethod
    def of(cls, job: Job, ledger: Ledger, payload: object = None) -> Self:
        """The occasions of a job; `payload` is whatever JSON can hold."""
        return cls(job=job, ledger=ledger, payload=payload).using(name=OCCASION)

    @override
    def _session(self) -> Always:
        return Always()

    @override
    def _stat(self, session: Always, path: str) -> RemoteFile:
        if not path:
            return RemoteFile("", kind="folder")
        token = self._version(path)
        return RemoteFile(path, len(self._content(path, token)), etag=token)

    @override
    def _read(self, session: Always, path: str, offset: int = 0) -> Iterator[bytes]:
        yield self._content(path, self._version(path))[offset:]

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None

    def _version(self, path: str) -> str:
        """What tells this occasion from others; NotFound where `path` is none of the job's."""
        day = self._day(path)
        if self.job.source.pattern.on(day).exact != path:
            raise NotFound("no such occasion", path=path)
        if day is not None:
            return day.isoformat()
        if self.job.when == "change":
            return news_for(self.job, self.ledger) or "no news"
        return self.token

    def _day(self, path: str) -> date | None:
        if not self.job.dated:
            return None
        try:
            return date.fromisoformat(path)
        except ValueError:
            raise NotFound("no such occasion", path=path) from None

    def _content(self, path: str, token: str) -> bytes:
        day = self._day(path)
        said = {
            "job": self.job.name,
            "day": day.isoformat() if day else None,
            "payload": self.payload,
            "token": token,
        }
        return json.dumps(said).encode("ascii")
