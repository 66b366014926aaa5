"""How a command ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date

import click
import pytest

from datagw.cli.endings import DONE, FAILED, INTERRUPTED, PARTLY, WRONG, ended, of_results
from datagw.errors import Aborted, ConfigError, DatagwError, LeaseLost, NotFound
from datagw.publishing.results import CopyResult, DayResult, FileFailure

DAY = date(2026, 1, 1)


def day(
    state: str, *, sent: int = 0, adopted: int = 0, failures: tuple[FileFailure, ...] = (), error: str | None = None
):
    copy = CopyResult("institute", state, sent_files=sent, adopted=adopted, failures=failures)  # type: ignore[arg-type]
    return DayResult("readings", DAY, state, {"institute": copy}, error=error)  # type: ignore[arg-type]


FAILURE = (FileFailure("institute", "a.csv", "refused"),)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], DONE),
        ([day("published", sent=2)], DONE),
        ([day("empty")], DONE),
        ([day("missing")], DONE),
        ([day("waiting")], DONE),
        ([day("unfinished", sent=1)], DONE),
        ([day("failed", failures=FAILURE)], FAILED),
        ([day("failed", error="outage")], FAILED),
        ([day("failed", sent=1, failures=FAILURE)], PARTLY),
        ([day("failed", adopted=1, failures=FAILURE)], PARTLY),
        ([day("published", sent=1), day("failed", error="outage")], PARTLY),
        ([day("published"), day("failed", error="outage")], FAILED),
    ],
)
def test_the_code_of_a_run_is_that_of_its_days(results: list[DayResult], code: int):
    assert of_results(results) == code


def command_that(raises: BaseException | None = None, returns: object = None) -> click.Command:
    def callback() -> object:
        if raises is not None:
            raise raises
        return returns

    return click.Command(
        "test", callback=callback, params=[click.Option(["--debug"], is_flag=True, expose_value=False)]
    )


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, DONE, ""),
        (click.UsageError("no such thing"), WRONG, "no such thing"),
        (
            ConfigError("the job file is wrong", ("line 1", "line 2")),
            WRONG,
            "datagw: the job file is wrong\n  line 1\n  line 2\n",
        ),
        (DatagwError("no"), FAILED, "datagw: no\n"),
        (LeaseLost("gone"), FAILED, "datagw: gone\n"),
        (NotFound("nothing", path="a\udce9", gateway="g"), FAILED, "datagw: g:a\\udce9: nothing\n"),
        (Aborted("asked"), INTERRUPTED, "the next run goes on"),
        (KeyboardInterrupt(), INTERRUPTED, "the next run goes on"),
        (click.Abort(), INTERRUPTED, "the next run goes on"),
    ],
)
def test_each_error_has_its_code_and_is_no_traceback(
    error: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
):
    assert ended(command_that(error), []) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_debug_shows_where_an_error_came_from(capsys: pytest.CaptureFixture[str]):
    assert ended(command_that(DatagwError("no")), ["--debug"]) == FAILED
    assert "Traceback" in capsys.readouterr().err


def test_what_a_command_returns_is_its_code():
    assert ended(command_that(returns=PARTLY), []) == PARTLY


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        ended(command_that(ZeroDivisionError()), [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_with_130(number: signal.Signals):
    code = (
        "import sys, time, click\n"
        "from datagw.cli.endings import ended\n"
        "def wait():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.exit(ended(click.Command('test', callback=wait), []))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == INTERRUPTED
    assert err == "datagw: interrupted; the next run goes on from here\n"


def test_a_reader_that_has_gone_is_no_traceback():
    code = (
        "import sys, click\n"
        "from datagw.cli.endings import ended\n"
        "sys.exit(ended(click.Command('test', callback=lambda: [sys.stdout.write('x' * 100000 + '\\n') for _ in range(100)]), []))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=10) == FAILED
    assert said == ""
