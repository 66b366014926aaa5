"""How a command ends: the exit codes, in one place.

0 done, also when there was nothing to do; 1 failed; 2 the call or the job file is wrong; 3 partly done: some files or
days failed, others were published or adopted by this run; 130 interrupted, and the next run goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from datagw.cli.logs import start_log
from datagw.errors import Aborted, ConfigError, DatagwError, printable

if TYPE_CHECKING:
    from datagw.pipelines.report import Report
    from datagw.publishing.results import DayResult

DONE, FAILED, WRONG, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130


def of_results(results: Iterable[DayResult], reports: Iterable[Report] = ()) -> int:
    """The code of a run that went to its end; `reports` are those of own code, which may have done a part.

    A day that is unfinished or waiting has not failed.
    """
    days = list(results)
    if not any(day.state == "failed" or day.error or day.failures for day in days):
        return DONE
    done = any(day.published_something for day in days) or any(report.did_something for report in reports)
    return PARTLY if done else FAILED


def ended(command: click.Command, arguments: Sequence[str]) -> int:
    """The code that the process is to end with, after `command` has done what the arguments say.

    An error that was to be expected is one line on stderr (`--debug` adds where it came from), never a traceback.
    """
    debug, as_json = "--debug" in arguments, "--log-json" in arguments
    try:
        with _sigterm_like_ctrl_c(), command.make_context("datagw", list(arguments)) as context:
            code = command.invoke(context)
            sys.stdout.flush()
            return code if isinstance(code, int) else DONE
    except click.exceptions.Exit as error:  # after --help and --version
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, Aborted):
        _say("interrupted; the next run goes on from here", debug=debug, as_json=as_json)
        return INTERRUPTED
    except ConfigError as error:
        _say("\n".join([str(error), *(f"  {problem}" for problem in error.problems)]), debug=debug, as_json=as_json)
        return WRONG
    except DatagwError as error:
        _say(str(error), debug=debug, as_json=as_json)
        return FAILED
    except BrokenPipeError:  # whoever read our output has gone: nothing can be said to them any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _say(message: str, *, debug: bool, as_json: bool) -> None:
    if debug:
        traceback.print_exc()
    if as_json:
        start_log(as_json=True).error("%s", message)
        return
    first, *rest = [printable(line) for line in message.splitlines()] or [""]
    sys.stderr.write("\n".join([f"datagw: {first}", *rest]) + "\n")


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt in the main thread, as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread: signals are not ours
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
