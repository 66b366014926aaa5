"""What a program says: streamed, cut, readable, without secrets, and never held in memory."""

from __future__ import annotations

import itertools
import logging
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.gateways.front.reading import Published
from datagw.pipelines.commands.output import LONGEST, MOST, Lines, Output
from datagw.pipelines.secrets import Masker
from datagw_tests.pipelines.commands.desk import Desk, Heard

SECRET = "pass-word-1234"


def lines_of(blocks: list[bytes], secret: str = "") -> list[str]:
    lines = Lines(Masker([secret]) if secret else lambda text: text, len(secret) * 6)
    return [line for block in blocks for line in lines.feed(block)] + lines.end()


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_lines_are_the_same_in_whatever_blocks_they_come(content: bytes, cuts: list[int]):
    at = sorted({0, *(min(cut, len(content)) for cut in cuts), len(content)})
    blocks = [content[a:b] for a, b in itertools.pairwise(at)]
    assert lines_of(blocks) == lines_of([content])


def test_what_cannot_be_shown_is_shown_as_escapes():
    assert lines_of([b"caf\xc3\xa9 \xff\x1b[31m\x00\ta\n", b"\n", "…".encode()]) == [
        "café \\xff\\x1b[31m\\x00    a",
        "",
        "…",
    ]


def test_a_carriage_return_hides_what_stands_before_it():
    assert lines_of([b"10 %\r20 %\r", b"30 %\r", b"\n", b"windows\r\n"]) == ["30 %", "windows"]
    assert lines_of([b"x" * 9000 + b"\rshort\n"]) == ["short"]


def test_a_long_line_is_cut_and_says_how_much_is_missing():
    (line,) = lines_of([b"y" * 5_000_000, b"y" * 5_000_000])
    assert line == "y" * LONGEST + f"… ({10_000_000 - LONGEST:,} more)"


@given(st.integers(0, 200), st.lists(st.integers(1, 40), max_size=30))
def test_no_part_of_a_secret_shows_where_a_long_line_is_cut(shift: int, cuts: list[int]):
    content = (b"-" * (4 * LONGEST - shift) + SECRET.encode() * 20 + b"\n") * 2
    blocks: list[bytes] = []
    for cut in cuts:
        blocks.append(content[:cut])
        content = content[cut:]
    for line in lines_of([*blocks, content], SECRET):
        assert not any(SECRET[:length] in line for length in range(4, len(SECRET) + 1))


@given(st.integers(-60, 60))
def test_no_part_of_a_secret_shows_at_the_edge_of_what_is_shown(shift: int):
    (line,) = lines_of([b"-" * (LONGEST + shift) + SECRET.encode() + b"-" * 9000], SECRET)
    assert SECRET[:4] not in line


def test_after_many_lines_only_the_last_ones_are_kept():
    log, heard = logging.Logger("test"), Heard()  # noqa: LOG001 - this test alone hears it
    log.addHandler(heard)
    output = Output("a", log, lambda text: text, 0)
    for number in range(MOST + 500):
        output.feed(number % 2, f"{number}\n".encode())
    output.end()
    assert len(heard.lines) == MOST + 22
    assert heard.lines[MOST] == "a: 10,000 lines are enough for a log; the rest is left out"
    assert heard.lines[-21:-19] == ["a: 10,500 lines in all; the last ones:", "a: 10480"]
    assert output.last == [str(number) for number in range(MOST + 480, MOST + 500)]


def test_lines_reach_the_log_while_the_program_runs(tmp_path: Path):
    """The program ends only when its first line has been heard."""
    desk = Desk(
        tmp_path, 'source = "local:in/*"\nwhen = "new files"\nrun = { command = ["./script.py"], timeout = "20s" }'
    )
    desk.script(
        "import os, sys, time\nprint('first', flush=True)\nprint('second', file=sys.stderr)\n"
        "while not os.path.exists('heard'): time.sleep(0.01)"
    )
    desk.drop("a")

    def hear() -> bool:
        if {"a: first", "a: second"} <= set(desk.lines):
            (tmp_path / "heard").touch()
        return False

    assert isinstance(desk.start("a", should_abort=hear)["a"], Published)


@pytest.mark.parametrize("stream", ["out", pytest.param("err", marks=pytest.mark.slow)])
def test_output_without_end_needs_no_memory(tmp_path: Path, stream: str):
    desk = Desk(tmp_path, 'source = "local:in/*"\nwhen = "new files"\nrun = ["./script.py"]')
    desk.script(f"import sys\nfor n in range(100): sys.std{stream}.buffer.write(b'z' * 1_000_000 + b'\\n' * (n % 2))")
    desk.drop("a")
    desk.start("a")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    desk.start("a")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000  # kB, for 100 MB of output
    assert max(map(len, desk.lines)) < LONGEST + 100


def test_no_secret_of_the_environment_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN_OF_TEST", SECRET)
    desk = Desk(
        tmp_path,
        'source = "local:in/*"\nwhen = "new files"\n'
        'run = { command = ["./script.py"], env = { TOKEN = { env = "TOKEN_OF_TEST" } } }',
    )
    desk.script(
        "import os, sys, base64\nt = os.environ['TOKEN']\nprint(t, base64.b64encode(t.encode()).decode())\nsys.exit(f'wrong: {t}')"
    )
    desk.drop("a")
    outcome = desk.start("a")["a"]
    assert str(outcome).endswith("wrong: **********")
    assert "a: ********** **********" in desk.lines
    assert SECRET not in "".join(desk.lines)
