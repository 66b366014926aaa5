"""Placeholders: what a program finds in its arguments, whatever its file is called."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.jobs import load
from datagw.pipelines.commands.placeholders import Values, fill

NASTY = ["-rf", "a b", "a\nb", "$(touch x)", "`x`", "'\"", "{file}", "{{", "%Y", "*", "é", "\udcff\udcfe", "..."]


@pytest.mark.parametrize("name", NASTY)
def test_a_name_reaches_a_program_byte_by_byte(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(b"")
    code = "import os, sys; sys.stdout.buffer.write(b'|'.join(map(os.fsencode, sys.argv[1:])))"
    command = [sys.executable, "-c", code, *fill(["{file}", "[{name}]"], Values([path], f"sub/{name}"))]
    ended = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert ended.stdout == os.fsencode(path) + b"|[" + os.fsencode(name) + b"]"


def test_the_name_the_stem_and_the_suffix_are_those_of_destinations():
    values = Values([Path("/x/a.tar.gz")], "b/a.tar.gz")
    assert fill(["{name}", "{stem}", "{suffix}"], values) == ["a.tar.gz", "a.tar", ".gz"]
    assert fill(["{stem}{suffix}"], Values([Path("/x/.hidden")], ".hidden")) == [".hidden"]


def test_files_become_an_argument_each():
    files = [Path("/a b"), Path("/c")]
    assert fill(["cat", "{files}", "--", "{out}"], Values(files, out=Path("/o"))) == ["cat", "/a b", "/c", "--", "/o"]
    assert fill(["cat", "{files}"], Values()) == ["cat"]


def test_days_and_braces_are_filled_in():
    values = Values(day=date(2026, 1, 31))
    assert fill(["--day={day:%d.%m.%Y}", "{day:%j}", "{{{day:%Y/%m}}}", "100%", "%Y"], values) == [
        *("--day=31.01.2026", "031", "{2026/01}", "100%", "%Y")
    ]


@given(st.text().filter(lambda text: "\0" not in text))
def test_a_text_with_doubled_braces_stands_for_itself(text: str):
    assert fill([text.replace("{", "{{").replace("}", "}}")], Values()) == [text]


@given(st.text(min_size=1).filter(lambda text: "\0" not in text and "/" not in text))
def test_what_stands_in_a_name_is_never_a_placeholder(name: str):
    assert fill(["{name}"], Values(path=name)) == [name]


MISTAKES = [
    ('["a", "x{files}"], per = "batch"', "{files} stands alone: it becomes one argument for each file"),
    ('["a", "{day:%H}"]', "`%H` is not known here"),
    ('["a", "{day:}"]', "holds no date"),
    ('["a", "{file", "b"]', "`{` is not known"),
]


@pytest.mark.parametrize(("command", "told"), MISTAKES)
def test_what_cannot_be_filled_in_is_refused_when_the_file_is_loaded(tmp_path: Path, command: str, told: str):
    text = f'[j]\nsource = "local:in/%Y%m%d/"\nwhen = "daily"\nrun = {{ command = {command} }}\n'
    (tmp_path / "jobs.toml").write_text(text, encoding="utf-8")
    problems = [str(problem) for problem in load(tmp_path / "jobs.toml").problems]
    assert any("run.command" in problem and told in problem for problem in problems), problems
