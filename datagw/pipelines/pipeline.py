"""The class that one's own pipelines are made of: one method to write, `run`."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal, final

from typing_extensions import override

from datagw.errors import ConfigError
from datagw.gateways.base import Gateway
from datagw.ledger import Ledger
from datagw.pipelines.bench import Bench
from datagw.pipelines.registering import Entries, Registering
from datagw.pipelines.tools import Tools
from datagw.pipelines.trying import Failed, their_errors
from datagw.publishing.results import DayResult


class BasePipeline(Registering):
    """One's own pipeline, to be derived from: `run` does the work, `pre_run` comes before it, `post_run` always after.

    A job names the class: `backend = "module:Class"`. One class may serve several jobs. `per = "batch"` in the class
    has it called once for all new files of a batch, instead of once for each.
    """

    per: ClassVar[Literal["file", "batch"]] = "file"

    _tools: Tools

    def pre_run(self) -> None:
        """What is done before `run`; nothing, unless it is overridden."""

    def run(self) -> None:
        """The work. To be overridden; what it raises is recorded, and fails the run."""
        raise NotImplementedError(f"{type(self).__name__} has no run: def run(self): …")

    def post_run(self) -> None:
        """What is done in the end, whether `run` has succeeded, failed or was interrupted."""

    # ---- what it finds

    @property
    def name(self) -> str:
        """The name of the job."""
        return self._tools.job

    @property
    def run_id(self) -> str:
        """The id of this run, the same in Dagster and in the ledger."""
        return self._tools.run

    @property
    def day(self) -> date | None:
        """The day that is worked on; None for a job without days."""
        return self._tools.day

    @property
    def config(self) -> dict[str, Any]:
        """`[job.config]` of the job file."""
        return self._tools.config

    @property
    def secrets(self) -> Mapping[str, str]:
        """`[job.secrets]`, as plain texts; datagw writes stars in their place wherever they would be shown."""
        return self._tools.secrets

    @property
    def gateways(self) -> Mapping[str, Gateway]:
        """The gateways of the job file by name, opened when they are asked for."""
        return self._tools.gateways

    @property
    def tmp_dir(self) -> Path:
        """An empty folder of this call alone; it goes afterwards, with all that is in it, however the call ends."""
        return self._tools.tmp_dir

    @property
    def log(self) -> logging.Logger:
        """The log of the run."""
        return self._tools.log

    @property
    def ledger(self) -> Ledger:
        """The ledger; `position` and `set_position` keep small values from one run to the next."""
        return self._tools.ledger

    @property
    def files(self) -> list[Path]:
        """Local paths of the files of the job's source that this call is for; none for a job without a source."""
        return self._tools.files

    @property
    def payload(self) -> Any:
        """What the run was started with; `{}`, if with nothing."""
        return self._tools.payload

    @property
    @override
    def _entries(self) -> Entries:
        return self._tools._entries  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001

    # ---- what it does

    @final
    def get(self, place: str) -> Path:
        """A file of `gateway:path`, or of `https://…`, whole, in a folder of its own below `tmp_dir`."""
        return self._tools.get(place)

    @final
    def publish(self, path: str | os.PathLike[str], place: str, *, overwrite: bool = True) -> DayResult:
        """Publishes a local file, or all files below a folder, at `gateway:path`, verified and with receipts."""
        return self._tools.publish(path, place, overwrite=overwrite)

    @final
    def progress(self, done: int, total: int | None = None, what: str = "") -> None:
        """Says how far the work is, in the log, at most once a minute; and asks whether the run is to end."""
        self._tools.progress(done, total, what)

    @final
    def abort_if_asked(self) -> None:
        """Raises Aborted once somebody has asked for the end of the run."""
        self._tools.abort_if_asked()


def pipeline_of(reference: str, found: type) -> type[BasePipeline]:
    """A class that can be run; raises ConfigError that says what it lacks."""
    if not issubclass(found, BasePipeline):
        message = f"{reference} is no pipeline: from datagw.pipelines import BasePipeline; class {found.__name__}"
        raise ConfigError(f"{message}(BasePipeline): …")
    if found.run is BasePipeline.run:
        raise ConfigError(f"{reference} has no method run: def run(self): …")
    return found


def run_pipeline(bench: Bench, pipeline: type[BasePipeline], tools: Tools) -> None:
    """One object of the class, through `pre_run`, `run` and `post_run`; raises Failed for what it raises."""
    name = pipeline.__name__
    with their_errors(bench, name):
        one = pipeline.__new__(pipeline)
        one._tools = tools  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - so that its own __init__ finds everything, and need not call ours
        one.__init__()
    try:
        with their_errors(bench, name):
            one.pre_run()
            one.run()
    except BaseException as error:
        try:
            with their_errors(bench, name):
                one.post_run()
        except Failed as later:
            bench.log.error("%s: post_run failed as well: %s", name, later)  # noqa: TRY400 - its traceback is told
        raise error from None
    with their_errors(bench, name):
        one.post_run()
