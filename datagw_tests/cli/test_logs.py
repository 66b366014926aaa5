"""The log on stderr: what stands on a line, and what below it."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest

from datagw.cli.logs import start_log


@pytest.fixture
def log() -> Generator[logging.Logger]:
    yield start_log()
    logging.getLogger("datagw").handlers = []


def test_a_traceback_and_what_a_program_said_last_stand_below_their_line(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
):
    log.info("Mine: %s", "Traceback (most recent call last):\n  File \"mine.py\", line 3, in run\nKeyError: 'a\x1b'")
    log.error("a.csv: ended with exit status 1, and said last:\n    no bread\n    no milk")
    lines = capsys.readouterr().err.splitlines()
    assert [line[:4] == "    " for line in lines] == [False, True, True, False, True, True]
    assert lines[0].endswith("INFO Mine: Traceback (most recent call last):")
    assert lines[2] == "    KeyError: 'a\\x1b'"
    assert lines[4:] == ["    no bread", "    no milk"]


def test_a_name_with_a_newline_stays_on_its_line(log: logging.Logger, capsys: pytest.CaptureFixture[str]):
    log.info("%s: sent", "a\n2026-01-31T12:00:00Z INFO all is well")
    (line,) = capsys.readouterr().err.splitlines()
    assert "a\\n2026-01-31" in line
