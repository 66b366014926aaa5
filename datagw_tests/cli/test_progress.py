"""Progress: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import logging
import os
import pty
import select
import subprocess
import sys

import pytest

from datagw.cli.progress import Bar, Lines, shown
from datagw.publishing.world import NoProgress


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_a_short_run_has_no_line(heard: pytest.LogCaptureFixture):
    clock = FakeClock()
    lines = Lines(logging.getLogger("heard"), clock)
    lines.plan("readings 2026-01-01 institute", 2, 100)
    clock.now += 59.9
    lines.moved(100)
    lines.file_done()
    assert heard.messages == []


def test_there_is_at_most_a_line_a_minute(heard: pytest.LogCaptureFixture):
    clock = FakeClock()
    lines = Lines(logging.getLogger("heard"), clock)
    lines.plan("readings 2026-01-01 institute", 100, 100_000_000)
    for _ in range(180):
        clock.now += 1
        lines.moved(100_000)
    assert heard.messages == [
        "readings 2026-01-01 institute: 0 of 100 files, 6.0 MB of 100.0 MB, 100.0 kB/s, 16 min left",
        "readings 2026-01-01 institute: 0 of 100 files, 12.0 MB of 100.0 MB, 100.0 kB/s, 15 min left",
        "readings 2026-01-01 institute: 0 of 100 files, 18.0 MB of 100.0 MB, 100.0 kB/s, 14 min left",
    ]


def test_a_stalled_run_does_not_divide_by_nothing(heard: pytest.LogCaptureFixture):
    clock = FakeClock()
    lines = Lines(logging.getLogger("heard"), clock)
    lines.plan("a", 1, 10)
    clock.now += 60
    lines.plan("b", 1, 10)
    assert heard.messages == ["b: 0 of 2 files, 0 B of 20 B, 0 B/s"]


def test_without_a_terminal_there_are_lines_and_when_quiet_nothing(capsys: pytest.CaptureFixture[str]):
    with shown(quiet=False) as progress:
        assert isinstance(progress, Lines)
    with shown(quiet=True) as progress:
        assert isinstance(progress, NoProgress)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_there_is_a_bar_and_it_goes_away():
    code = (
        "from datagw.cli.progress import shown, Bar\n"
        "with shown(quiet=False) as progress:\n"
        "    assert isinstance(progress, Bar)\n"
        "    progress.plan('readings \\udce9 2026-01-01', 2, 1000)\n"
        "    progress.moved(500); progress.file_done(); progress.bar.refresh()\n"
        "print('result')\n"
    )
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=slave,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(slave)
    seen = b""
    while select.select([master], [], [], 30)[0]:
        try:
            block = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        seen += block
    os.close(master)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out == b"result\n"
    assert b"1/2 files" in seen
    assert b"readings \\udce9 2026-01-01" in seen


def test_a_bar_without_files_never_appears():
    bar = Bar()
    bar.plan("readings", 0, 0)
    assert bar.task is None
