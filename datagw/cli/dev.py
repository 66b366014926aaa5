"""`datagw dev`: the Dagster UI, its daemon and sensors, on this job file."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from datagw.cli.endings import DONE, FAILED
from datagw.cli.opening import job_file, job_file_path, open_world, right_jobs, tell_errors
from datagw.cli.settings import Settings, SilentCommand, pass_settings
from datagw.errors import DatagwError

HOST = "127.0.0.1"
PORT = 3000
_START = 120.0  # seconds that the UI may take to answer
_STOP = 20.0  # seconds that Dagster has to end by itself
_PR_SET_PDEATHSIG = 1

_QUIET = ("-W", "ignore:Function `dev_command` is superseded")  # of interest to us, and not to who reads the log

_WORKSPACE = """\
# Written by `datagw dev`.
load_from:
  - python_module:
      module_name: datagw.definitions
      location_name: datagw
"""


@click.command(cls=SilentCommand)
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help=f"Of the UI.  [default: {PORT}, or the next free one]"
)
@pass_settings
def command(settings: Settings, port: int | None) -> int:
    """The Dagster UI, its daemon and sensors, on this job file, until Ctrl-C.

    Only this machine can reach it.
    """
    file = job_file(settings)
    tell_errors(file)
    note_first_days(settings)
    from datagw.assets.instance import prepare

    state = prepare(file)
    return serve(job_file_path(file), state, port, quiet=settings.quiet, say=lambda line: click.echo(line, err=True))


def note_first_days(settings: Settings) -> None:
    """The first day of each job, looked up for the definitions to read; a place out of reach is only told."""
    from datagw.publishing import first_day

    file = job_file(settings)
    with open_world(file) as world:
        for job in right_jobs(file):
            try:
                first_day(job, world)
            except DatagwError as error:
                click.echo(f"datagw: {job.name}: its first day is not known yet: {error}", err=True)


def serve(
    jobs: Path,
    state: Path,
    port: int | None,
    *,
    quiet: bool,
    say: Callable[[str], None],
    env: Mapping[str, str] = os.environ,
) -> int:
    """Dagster on the job file, until it is asked to end (KeyboardInterrupt) or ends by itself (exit code 1)."""
    port = free_port(port)
    workspace = state / "workspace.yaml"
    workspace.write_text(_WORKSPACE, encoding="utf-8")
    address = f"http://{HOST}:{port}"
    level = ["--log-level", "warning"] if quiet else []
    # Processes of Dagster that are ended in the middle leave temporary folders behind: they get one that is ours.
    with tempfile.TemporaryDirectory(prefix="datagw-", ignore_cleanup_errors=True) as temporary:
        process = subprocess.Popen(
            [sys.executable, *_QUIET, "-m", "dagster", "dev", "-w", workspace, "-h", HOST, "-p", str(port), *level],
            cwd=jobs.parent if jobs.is_file() else jobs,
            env={**env, "DATAGW_JOBS": str(jobs), "DAGSTER_HOME": str(state), "TMPDIR": temporary},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # signals of the terminal come to us, and we pass them on once
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - before any thread of ours
        )
        try:
            _wait_until_it_answers(process, address)
            say(f"Dagster UI: {address}   (Ctrl-C ends it)")
            code = process.wait()
        except KeyboardInterrupt:
            say("ending …")
            return DONE
        finally:
            end(process)
    say(f"Dagster ended by itself, with {code}")
    return FAILED


def free_port(wanted: int | None) -> int:
    """The port asked for, if nobody has it; else the first free one from 3000 on."""
    for port in [wanted] if wanted else range(PORT, PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise DatagwError(f"port {wanted or f'{PORT} and the next hundred'} is in use: say another with --port")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends Dagster and every process that it started: by SIGINT, then by force."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        until = time.monotonic() + _STOP
        while process.poll() is None and time.monotonic() < until:
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:  # asked twice: at once, then
                break
    try:
        os.killpg(process.pid, signal.SIGKILL)  # what is left of its group, if anything
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str) -> None:
    until = time.monotonic() + _START
    while process.poll() is None:
        if time.monotonic() > until:
            raise DatagwError(f"the Dagster UI did not answer at {address} within {_START:.0f} s")
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=2) as answer:  # noqa: S310 - our own
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise DatagwError(f"Dagster ended with {process.returncode} before its UI answered")


def _end_with_parent() -> None:
    """In the child: SIGINT once its parent is gone, however that went; a shell's `&` may have had it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
