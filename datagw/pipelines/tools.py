"""What own code is handed: its settings and secrets, places, a folder of its own, a log, a history, what to work on."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from typing_extensions import override

from datagw.errors import NotFound, Rejected
from datagw.files import parent
from datagw.gateways.base import Gateway
from datagw.gateways.paths.notation import escape
from datagw.gateways.paths.templates import Template
from datagw.jobs import Copy
from datagw.jobs.addresses import SCHEMES, path_of
from datagw.pipelines.bench import Bench
from datagw.pipelines.registering import Entries, Registering
from datagw.publishing.delivering import deliver, problem_of
from datagw.publishing.results import DayResult

_TOLD_EVERY = 60.0  # seconds


class Tools(Registering):
    """What a function gets as `tools`, and a class as its own attributes.

    `job` is the job's name, `run` the id of this run, `day` a date (of a dated job) or None; `config` is the table of
    the job file, `secrets` has plain texts by name, `gateways` those of the job file by name, opened when they are
    asked for; `tmp_dir` is an empty folder of this call, which goes with all that is in it; `log` and `ledger` are the
    run's; `files` are local paths of what the job's source has for this call, `payload` is what it was started with.
    """

    def __init__(self, bench: Bench, tmp_dir: Path, files: Sequence[Path], day: date | None, payload: Any) -> None:
        job, world = bench.job, bench.world
        self.job = job.name
        self.run = world.run
        self.day = day
        self.config: dict[str, Any] = deepcopy(bench.work.config)
        self.secrets = bench.secrets
        self.gateways = bench.gateways
        self.tmp_dir = tmp_dir
        self.log = bench.log
        self.ledger = world.ledger
        self.files = list(files)
        self.payload = deepcopy(payload)
        self._bench = bench
        self._told = 0.0
        self.__entries = Entries(
            job.name, world.run, day, world.ledger, bench.report, bench.log, bench.mask, bench.fence, world.now
        )

    @property
    @override
    def _entries(self) -> Entries:
        return self.__entries

    def with_folder(self, folder: Path) -> Tools:
        """The same tools with another folder as `tmp_dir`."""
        other = copy(self)
        other.tmp_dir = folder
        return other

    def abort_if_asked(self) -> None:
        """Raises Aborted once somebody has asked for the end of the run, and LeaseLost where another has taken over."""
        self._bench.fence()

    def progress(self, done: int, total: int | None = None, what: str = "") -> None:
        """Says how far the work is, in the log, at most once a minute; and asks whether the run is to end."""
        self.abort_if_asked()
        now = time.monotonic()
        if now - self._told < _TOLD_EVERY and done != total:
            return
        self._told = now
        share = f" ({100 * done / total:.0f} %)" if total else ""
        self.log.info("%s%s of %s%s", f"{what}: " if what else "", done, "?" if total is None else total, share)

    def get(self, place: str) -> Path:
        """A file of `gateway:path`, or of `https://…`, whole, in a folder of its own below `tmp_dir`.

        It has its own name there. Relative paths of `local:` start at the folder of the job file. Raises GatewayError.
        """
        gateway, path = self._place(place)
        claim = gateway.stat(path)
        if claim.kind != "file":
            raise Rejected(f"is a {claim.kind}, not a file", path=path, gateway=gateway.name)
        folder = Path(tempfile.mkdtemp(prefix="get-", dir=self.tmp_dir))
        staged = gateway.get(claim, folder)
        local = folder / (claim.path.partition("?")[0].rpartition("/")[2] or "file")
        os.rename(staged.local, local)
        return local

    def publish(self, path: str | os.PathLike[str], place: str, *, overwrite: bool = True) -> DayResult:
        """Publishes a local file, or all files below a folder, at `gateway:path`, with all guarantees of a copy.

        A slash at the end of the place keeps the file's name; a folder needs one. The name is taken letter by letter.
        Many files are sent at once, and faster, as a folder. Raises Unavailable where the place did not answer, and
        Rejected, Denied, Changed.
        """
        self.abort_if_asked()
        local = Path(os.path.abspath(path))
        gateway, to = self._place(place)
        if local.is_dir():
            if to and not to.endswith("/"):
                raise ValueError(f"{local} is a folder: its files are published at {place}/")
            return self._deliver(local, None, gateway, to.strip("/"), overwrite=overwrite)
        to = f"{to}{local.name}" if not to or to.endswith("/") else to
        name = to.rpartition("/")[2]
        if name == local.name:
            return self._deliver(local.parent, [name], gateway, parent(to), overwrite=overwrite)
        with self._bench.tmp_dir() as folder:  # where it has its new name already
            _same_file(local, folder / name)
            return self._deliver(folder, [name], gateway, parent(to), overwrite=overwrite)

    def _deliver(
        self, folder: Path, files: Sequence[str] | None, gateway: Gateway, to: str, *, overwrite: bool
    ) -> DayResult:
        bench = self._bench
        made = Copy(name=gateway.name, gateway=gateway.name, template=_template(to), overwrite=overwrite)
        result = deliver(
            replace(bench.world, log=bench.log, gateways={**bench.world.gateways, gateway.name: gateway}),
            self.job,
            folder,
            files,
            [made],
            self.day,
            retries=bench.job.retries,
            bandwidth=bench.job.bandwidth,
            of=to,
            fence=bench.fence,
        )
        bench.report.delivered.append(result)
        if (problem := problem_of(result)) is not None:
            raise problem
        return result

    def _place(self, place: str) -> tuple[Gateway, str]:
        """The gateway and the path on it, the latter letter by letter."""
        scheme, mark, rest = place.partition("://")
        if mark and scheme.lower() in SCHEMES:
            return self.gateways[scheme.lower()], Template.parse(path_of(scheme.lower(), rest)).fill("", self.day)
        name, colon, path = place.partition(":")
        if not colon:
            raise ValueError(f'a place is written "gateway:path"; a path of this machine is "local:{place}"')
        if name == "local":
            slash = "/" if path.endswith("/") else ""
            path = os.path.normpath(os.path.join(self._bench.base, os.path.expanduser(path))).lstrip("/") + slash
        return self.gateways[name], path

    @override
    def __repr__(self) -> str:
        return f"Tools(job={self.job!r}, run={self.run!r}, day={self.day})"


def _template(folder: str) -> Template:
    return Template.parse(f"{escape(folder)}/")


def _same_file(local: Path, name: Path) -> None:
    """The file under another name; a copy of it where the two are not on one disk, or it is another user's."""
    if local.is_symlink():
        raise Rejected("a symlink, not a file", path=str(local))
    try:
        os.link(local, name)
    except FileNotFoundError:
        raise NotFound("there is no such file to publish", path=str(local)) from None
    except OSError:
        shutil.copy2(local, name)
