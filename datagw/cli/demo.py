"""`datagw demo`: a self-contained try-out, with the proof. Nothing of the user's is read or changed."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

import datagw
from datagw.cli.endings import DONE
from datagw.cli.printing import print_line, print_table
from datagw.cli.settings import Settings, SilentCommand, pass_settings
from datagw.cli.telling import check, expect, fact, step
from datagw.cli.units import files_of, seconds_of, size_of

if TYPE_CHECKING:
    from datagw.demo.compare import Comparison
    from datagw.demo.place import Place
    from datagw.demo.running import Ended, Workplace

_SERVERS = Path(datagw.__file__).resolve().parents[1] / ".servers"
_ENOUGH = 8_000_000  # bytes of the big file that are there when the run is killed


@click.command(cls=SilentCommand)
@click.argument("job", type=click.Choice(["readings", "mirror"]), default="readings")
@click.option(
    "--once/--stay", default=None, help="End after the proof (the default without a terminal), or leave the UI running."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Of the UI.  [default: 3000, or the next free one]"
)
@click.option("--keep", is_flag=True, help="Leave the folder of the demo where it is.")
@click.option("--builtin-server", "builtin", is_flag=True, help="Do not use sshd, even if it is installed.")
@click.option(
    "--servers",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    default=_SERVERS,
    help="For mirror: where udata and an S3 store are installed.  [default: .servers of the source tree]",
)
@pass_settings
def command(
    settings: Settings, job: str, once: bool | None, port: int | None, keep: bool, builtin: bool, servers: Path
) -> int:
    """A self-contained try-out: a server, a week of data, kill -9, the proof, the UI.

    Starts an SFTP server of its own on loopback, publishes to it, and compares both sides byte for byte.

    `datagw demo mirror` takes a file from an HTTP server to SFTP, S3 and udata, the application that data.gouv.fr is,
    changes it, and shows the three updated once. `make demo JOB=mirror` installs the servers for it.
    """
    started = time.monotonic()
    stay = sys.stdout.isatty() if once is None else not once
    with _folder(keep=keep) as folder, ExitStack() as running:
        place: Workplace
        if job == "mirror":
            from datagw.cli.mirrored import show_mirror
            from datagw.demo.mirror import Mirror

            fact("starting four servers on loopback …")
            mirror = place = running.enter_context(Mirror(folder, servers, builtin=builtin))
            show_mirror(mirror)
        else:
            from datagw.demo.place import Place

            week = place = running.enter_context(Place(folder, builtin=builtin))
            show(week)
        print_line(f"\nAll of it in {seconds_of(time.monotonic() - started)}.")
        if stay:
            return _ui(place, port, quiet=settings.quiet)
    return DONE


def show(place: Place) -> None:
    """The whole story; raises DemoFailed where something did not go as told."""
    from datagw.demo.place import JOB
    from datagw.demo.week import BIG, BIG_NAME, make_late_file, make_week, week_before

    days = week_before(datetime.now(UTC))
    step("A server and a week of data")
    make_week(place.source, days)
    fact(f"SFTP server on 127.0.0.1:{place.sftp.port}: {place.sftp.kind}, its key pinned")
    fact(f"{days[0]} to {days[-1]}: nested folders, odd names, an empty day, one file of {size_of(BIG)}")
    fact(f"job file {place.jobs}")

    step("datagw run readings, killed with -9 in the middle")
    at = _kill(place)
    fact(f"killed when {size_of(at)} of `{BIG_NAME}` were there, under a hidden name")

    step("datagw run readings, again")
    ended = _published(place.run(JOB))
    _proof(place, days, ended)
    _went_on(place, ended)

    step("Source and destination compared, byte for byte, by other code")
    _compared(place)

    step("A file that comes late, into a day that is published")
    make_late_file(place.source, days[0])
    late = _published(place.run(JOB))
    expect(_sent(late) == [(str(days[0]), 1)], f"one file of {days[0]} should have been sent, not {_sent(late)}")
    check(f"{days[0]}: 1 file sent, the others left in peace")
    _compared(place)

    step("Once more, with nothing new")
    again = _published(place.run(JOB))
    expect(_sent(again) == [], f"nothing should have been sent, not {_sent(again)}")
    check(f"nothing to do, found out in {seconds_of(again.seconds)}")
    _mirror(place)


def _mirror(place: Place) -> None:
    from datagw.demo.place import MIRROR, MIRRORED
    from datagw.demo.week import rates

    step("datagw run rates: a file on a web server, mirrored when it changes")
    fact(f"web server with {place.web.address(MIRRORED)}")
    copy = place.served / MIRROR / MIRRORED
    hour_ago = time.time() - 3600
    for number, wanted in enumerate((1, 0, 1)):
        version = number // 2  # the second look finds what the first one found
        place.web.put(MIRRORED, rates(version), hour_ago + version)
        sent = sum(count for _, count in _sent(_published(place.run(MIRROR))))
        expect(sent == wanted, f"look {number + 1} should have sent {wanted} files, not {sent}")
        expect(copy.read_bytes() == rates(version), f"{copy} is not what the web server has")
    check("a new file is sent, an unchanged one is not, a changed one is; each compared byte for byte")


def _kill(place: Place) -> int:
    """Bytes of the big file that had arrived when its run was killed."""
    from datagw.demo.place import JOB

    seen = 0

    def enough() -> bool:
        nonlocal seen
        seen = max([seen, *(size for _, size in place.parts())])
        return seen >= _ENOUGH

    ended = place.run(JOB, kill_when=enough)
    expect(ended.code == -9, f"the run was to be killed, but ended with {ended.code}\n{ended.log}")
    left = max([size for _, size in place.parts()], default=0)
    expect(left >= _ENOUGH, "no part was left behind")
    return left


def _published(ended: Ended) -> Ended:
    expect(ended.code == DONE, f"the run ended with {ended.code}\n{ended.log}")
    expect(not any(day["state"] == "failed" for day in ended.document["days"]), f"a day failed\n{ended.log}")
    return ended


def _proof(place: Place, days: list[date], ended: Ended) -> None:
    """The table of the days, from the ledger; the time is that of the second run."""
    proven = place.proven()
    expect(sorted(proven) == days, f"published are {', '.join(map(str, proven))}, not the whole week")
    took = {day["day"]: sum(copy["seconds"] for copy in day["copies"]) for day in ended.document["days"]}
    rows = [
        (
            str(day),
            proven[day].state,
            f"{proven[day].files:,}",
            size_of(proven[day].bytes),
            proven[day].verified,
            seconds_of(took[str(day)]) if str(day) in took else "before the kill",
            proven[day].manifest[:12],
        )
        for day in days
    ]
    columns = [("day", "left"), ("state", "left"), ("files", "right"), ("size", "right")]
    columns += [("verified by", "left"), ("time", "right"), ("sha256 of the manifest", "left")]
    print_table(columns, rows, indent="  ")  # type: ignore[arg-type]
    files, size = sum(one.files for one in proven.values()), sum(one.bytes for one in proven.values())
    check(f"{len(proven)} days proven: {files_of(files)}, {size_of(size)}")


def _went_on(place: Place, ended: Ended) -> None:
    copies = [copy for day in ended.document["days"] for copy in day["copies"]]
    sent, proven = sum(copy["sent_bytes"] for copy in copies), sum(copy["bytes"] for copy in copies)
    expect(not place.parts(), "parts were left behind")
    expect(sent < proven, f"all {size_of(proven)} of these days were sent, though a part was there")
    check(f"it went on: {size_of(sent)} sent, {size_of(proven - sent)} that were there already not again")


def _sent(ended: Ended) -> list[tuple[str, int]]:
    """Days of which something was sent, and how many files."""
    counts = [(day["day"], sum(copy["sent_files"] for copy in day["copies"])) for day in ended.document["days"]]
    return [(day, count) for day, count in counts if count]


def _compared(place: Place) -> None:
    from datagw.demo.compare import compare

    found: Comparison = compare(place.source, place.published)
    expect(found.equal, "the two sides differ:\n" + "\n".join(found.differences[:20]))
    expect(not list(place.folder.rglob("pwned")), "a file name was run as a command")
    check(f"{files_of(found.files)}, {size_of(found.bytes)}: equal, nothing missing, nothing left over")


def _ui(place: Workplace, port: int | None, *, quiet: bool) -> int:
    from datagw.assets.instance import prepare
    from datagw.cli.dev import serve
    from datagw.jobs import load

    step("The same in Dagster")
    fact(place.hint)
    state = prepare(load(place.jobs, place.environment))
    return serve(place.jobs, state, port, quiet=quiet, say=fact, env=place.environment)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="datagw-demo-"))
    try:
        yield folder
    finally:
        if keep:
            print_line(f"left in {folder}")
        else:
            shutil.rmtree(folder)
