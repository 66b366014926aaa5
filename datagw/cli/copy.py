"""`datagw copy`: one file or tree between any two places, now, with all guarantees of a job."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Literal

import click
from typing_extensions import override

from datagw.cli.completing import complete_place
from datagw.cli.endings import DONE, FAILED, PARTLY, of_results
from datagw.cli.opening import gateway_and_path, job_file_if_any
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.errors import NotFound, Rejected, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datagw.gateways.base import Gateway
    from datagw.jobs import JobFile
    from datagw.library.calling import Call
    from datagw.library.options import Options
    from datagw.library.places import Where
    from datagw.library.results import Result
    from datagw.publishing.asking import Found

_log = logging.getLogger("datagw")

_LOOKS = 4  # at files that change again and again
_A_BIT = 0.05  # seconds


class Rate(click.ParamType):
    """Bytes a second: `2MB/s`."""

    name = "rate"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes a second."""
        from datagw.gateways.front.amounts import rate

        try:
            return rate(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(cls=Command)
@click.argument("source", metavar="A", shell_complete=complete_place)
@click.argument("target", metavar="B", shell_complete=complete_place)
@click.option("--dry-run", is_flag=True, help="Only the plan; changes nothing.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Without names, or paths below A, that match; may be repeated."
)
@click.option("--no-overwrite", is_flag=True, help="Fail where another file stands under a final name.")
@click.option(
    "--verify",
    type=click.Choice(["content", "size"]),
    default="content",
    show_default=True,
    help="What proves a copy: its content, by hash or read back, or its size alone.",
)
@click.option("--bandwidth", type=Rate(), metavar="RATE", help="At most so much a second: 2MB/s, 500KiB/s.")
@click.option(
    "--no-wait",
    is_flag=True,
    help="Wait neither for another run of the same copy, nor for files that changed a moment ago.",
)
@pass_settings
def command(
    settings: Settings,
    source: str,
    target: str,
    dry_run: bool,
    exclude: tuple[str, ...],
    no_overwrite: bool,
    verify: Literal["content", "size"],
    bandwidth: int | None,
    no_wait: bool,
) -> int:
    """Copies one file, or all below a folder, from A to B, and proves it.

    A and B are GATEWAY:PATH, or local:PATH; A may be a web address. A slash at the end of A means all below that
    folder. B with a slash is a folder and keeps the names; without one it is the name of the one file. Paths are
    taken letter by letter. What is proven already is skipped, and an interrupted copy goes on.
    """
    from datagw.cli.progress import shown
    from datagw.files import MARKER
    from datagw.library.calling import opened

    ends = _Ends(settings)
    of, to = ends.source(source), ends.target(target, tree=_is_tree(source))
    options: Options = {"exclude": [MARKER, *exclude], "overwrite": not no_overwrite, "verify": verify}
    if bandwidth is not None:
        options["bandwidth"] = bandwidth
    if not _is_tree(source) and source.startswith("local:"):
        options["symlinks"] = "follow"
    where = _state_of(ends.file)
    with (
        shown(quiet=settings.quiet or dry_run) as progress,
        opened(of, to, options, gateways=ends.gateways, progress=progress, **where) as call,
    ):
        try:
            found = call.look() if dry_run or no_wait else _patient_look(call)
        except NotFound:
            _refuse_folder(call, source)
            raise
        _check(call, found, source, target)
        if dry_run:
            return _show_plan(settings, ends.file_of(call), call, found)
        result = call.publish(found, wait=not no_wait)
        return _told(settings, ends.file_of(call), call, found, result)


class _Ends:
    """A and B as the library has them, and the job file that declares their gateways, if there is one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.file = job_file_if_any(settings)
        self.gateways: Mapping[str, Gateway] = {} if self.file is None else self.file.gateways

    def source(self, text: str) -> Where:
        if re.match(r"https?://", text, re.IGNORECASE):
            for char in "*{}":  # in a job file a glob, and a date
                text = text.replace(char, f"%{ord(char):02X}")
            return text
        return self._place(text, folder=_is_tree(text))

    def target(self, text: str, *, tree: bool) -> Where:
        if re.match(r"https?://", text, re.IGNORECASE):
            raise click.UsageError("Web addresses are only read: B is GATEWAY:PATH or local:PATH.")
        return self._place(text, folder=tree or _is_tree(text))

    def _place(self, text: str, *, folder: bool) -> Where:
        from datagw.gateways.paths.notation import escape

        gateway, path = gateway_and_path(self.settings, text, self.file)
        path = escape(path.rstrip("/")) + ("/" if folder else "")
        return f"local:/{path.lstrip('/')}" if gateway.name == "local" else gateway / path

    def file_of(self, call: Call) -> JobFile:
        """A job file of this one job, for what prints plans and results."""
        from pathlib import Path

        from datagw.jobs.loading import JobFile
        from datagw.jobs.models import Main
        from datagw.jobs.report import Report

        gateways, jobs = dict(call.world.gateways), {call.job.name: call.job}
        return JobFile((), Path.cwd(), Path.cwd(), Main(tmp_dir=Path.cwd()), gateways, jobs, (), {}, Report())


def _is_tree(text: str) -> bool:
    """Whether a place is written as a folder: with a slash at its end, or as a gateway without a path."""
    return text.endswith(("/", ":", "/.", ":."))


def _state_of(file: JobFile | None) -> dict[str, Any]:
    if file is None:
        return {}
    from datagw.jobs.state import ledger_url

    return {"ledger": ledger_url(file), "tmp_dir": file.main.tmp_dir}


def _patient_look(call: Call) -> Found:
    """What is due, once the files that changed a moment ago are older than what the clock of their place can tell."""
    from datagw.gateways.front.retries import wait

    for _ in range(_LOOKS):
        found = call.look()
        moments = [plan.again for plan in found.plans if plan.again is not None and any(plan.of("wait"))]
        if not moments:
            return found
        left = max((min(moments) - call.world.now()).total_seconds(), 0.0) + _A_BIT
        _log.info("waiting for %.1f s: there are files that changed a moment ago", left)
        wait(left, call.world.fence)
    return call.look()


def _check(call: Call, found: Found, source: str, target: str) -> None:
    """Refuses what a copier would not take for done: nothing there, a folder for a file."""
    actions = [action for plan in found.plans for action in plan.actions]
    exact = call.job.source.pattern.exact
    gateway = call.world.gateways[call.job.source.gateway]
    if exact is not None and not any(action.source.path == exact and action.kind != "ignore" for action in actions):
        _refuse_folder(call, source)
        if any(action.kind == "ignore" for action in actions):
            raise gateway.placed(Rejected("no regular file: it is not copied", path=exact))
        raise gateway.placed(NotFound("the source file is not there", path=exact))
    if exact is None and not actions and not gateway.keeps_folders:
        raise gateway.placed(NotFound("no such folder, or nothing in it", path=call.job.source.pattern.root))
    if not _is_tree(target) and any(a.kind == "refuse" and a.reason.startswith("a folder stands") for a in actions):
        raise click.UsageError(printable(f"{target} is a folder: write `{target}/` to copy into it."))


def _refuse_folder(call: Call, source: str) -> None:
    gateway, exact = call.world.gateways[call.job.source.gateway], call.job.source.pattern.exact
    if exact is None or not gateway.can("ls"):
        return
    try:
        with gateway.using() as place:
            kind = place.stat(exact).kind
    except NotFound:
        return
    if kind == "folder":
        raise click.UsageError(printable(f"{source} is a folder: write `{source}/` to copy all below it."))


def _show_plan(settings: Settings, file: JobFile, call: Call, found: Found) -> int:
    from datagw.cli.plan import print_plans, show_document

    if settings.json:
        show_document(found.plans, {}, {}, to_stdout=True)
    else:
        print_plans(file, call.job.name, found.plans)
    return DONE


def _told(settings: Settings, file: JobFile, call: Call, found: Found, result: Result) -> int:
    """The exit code, once all is said: what was left for later was not copied, and is no success here."""
    from datagw.cli import results
    from datagw.cli.paths import at_source

    job = call.job
    left = {
        at_source(file, job.name, action.source.path): action.reason
        for plan in found.plans
        for action in plan.of("wait")
    }
    for path, reason in left.items():
        _log.warning("%s", printable(f"{path}: not copied: {reason}"))
    for plan in found.plans:
        for action in plan.of("ignore"):
            path = at_source(file, job.name, action.source.path)
            _log.warning("%s", printable(f"{path}: not copied: {action.reason}"))
    if settings.json:
        results.print_document(job, result.days, (), (), [] if result.run is None else [result.run])
    elif result.days:
        results.print_summary(file, job, result.days)
    else:
        results.print_nothing(job.name, [(plan.day, plan.state) for plan in found.plans])
    code = of_results(result.days)
    if code == DONE and (left or any(day.late for day in result.days)):
        return PARTLY if result.files else FAILED
    return code
