"""What shells are told when they ask, in a process of its own as they start it; and their scripts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datagw_tests.cli.conftest import Cli

PROJECT = Path(__file__).resolve().parents[2]
JOBS = """\
[main]
timezone = "UTC"
[defaults]
verify = "size"
[gateways.institute]
type = "sftp"
[gateways.lake]
type = "nothing that there is"
[readings]
source = 5
[nightly]
["not a name; true"]
"""
ASK = (
    "import sys\n"
    "from datagw.cli import main\n"
    "try:\n"
    "    main()\n"
    "finally:\n"
    "    heavy = {'dagster', 'pydantic', 'sqlalchemy', 'paramiko', 'rich', 'asyncio'} & {*sys.modules}\n"
    "    sys.stderr.write(','.join(sorted(heavy)))\n"
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "jobs.toml").write_text(JOBS, encoding="utf-8")
    return tmp_path


def asked(shell: str, line: str, cwd: Path, **env: str) -> list[str]:
    """The values that a shell is told for a line that is typed so far; nothing else is said, and nothing imported."""
    begun = "" if line.endswith(" ") else line.rsplit(maxsplit=1)[-1]
    position = len(line.split()) - (1 if begun else 0)
    word = begun if shell == "fish" else str(position)
    known = {key: value for key, value in os.environ.items() if key not in ("DATAGW_JOBS", "COMP_WORDS", "COMP_CWORD")}
    said = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=cwd,
        env={
            **known,
            "PYTHONPATH": str(PROJECT),
            "_DATAGW_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": word,
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    if shell == "zsh":  # type, value, meaning
        return lines[1::3]
    return [one.partition(",")[2].partition("\t")[0].partition(",")[0] for one in lines if one]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_jobs_gateways_and_places_are_completed(shell: str, here: Path):
    assert asked(shell, "datagw run ", here) == ["nightly", "readings"]
    assert asked(shell, "datagw --quiet history re", here) == ["readings"]
    assert asked(shell, "datagw trust l", here) == ["lake"]
    assert asked(shell, "datagw copy institute:a/ l", here) == ["lake:", "local:"]


def test_commands_options_and_files_are_completed(here: Path):
    assert "completion" in asked("bash", "datagw ", here)
    assert asked("bash", "datagw run --no", here) == ["--no-wait"]
    assert asked("bash", "datagw completion ", here) == ["bash", "zsh", "fish"]
    assert asked("bash", "datagw check -c jo", here) == ["jo"]  # a file: the shell looks itself


def test_what_begins_otherwise_is_not_offered_and_no_path_on_a_gateway(here: Path):
    assert asked("bash", "datagw plan x", here) == []
    assert asked("bash", "datagw ls institute:", here) == []
    assert asked("bash", "datagw run readings ", here) == []


def test_names_are_those_of_the_job_file_that_is_meant(here: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.toml").write_text("[first]\n[gateways.x]\n", encoding="utf-8")
    (other / "b.toml").write_text("[second]\n", encoding="utf-8")
    assert asked("bash", "datagw -c other run ", here) == ["first", "second"]
    assert asked("bash", "datagw days -c other/b.toml ", here) == ["second"]
    assert asked("bash", "datagw run ", here, DATAGW_JOBS="other/a.toml") == ["first"]
    assert asked("bash", "datagw trust ", here, DATAGW_JOBS="other") == ["x"]


@pytest.mark.parametrize(
    "content",
    [b"[readings\n", b"\xff\xfe[a]", b'gateways = 5\nreadings = "x"', None],
    ids=["toml", "utf8", "flat", "none"],
)
def test_a_broken_job_file_has_no_names_and_nothing_is_said_of_it(content: bytes | None, tmp_path: Path):
    if content is not None:
        (tmp_path / "jobs.toml").write_bytes(content)
    assert asked("bash", "datagw run ", tmp_path) == []
    assert asked("bash", "datagw ls l", tmp_path) == ["local:"]


BASH = """\
compopt() {{ echo "compopt $*"; }}
eval "$(datagw completion bash)"
COMP_LINE={line} COMP_POINT={length}
COMP_WORDBREAKS={breaks}
_datagw_completion datagw
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("datagw run re", ["readings"]),
        ("datagw ls inst", ["compopt -o nospace", "institute:"]),
        ("datagw copy institute:a/ loc", ["compopt -o nospace", "local:"]),
        ("datagw check -c jo", ["compopt -o default", ""]),
    ],
)
def test_bash_replies_with_what_takes_the_place_of_its_word(line: str, replies: list[str], here: Path):
    (here / "bin").mkdir()
    command = here / "bin/datagw"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m datagw "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    script = BASH.format(line=f"'{line}'", length=len(line), breaks="$' \\t\\n:='")
    env = {"PATH": f"{here / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(PROJECT), "HOME": str(here)}
    said = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=here, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert said.stdout.splitlines() == replies, said.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_asks_by_the_variable_and_is_right_to_its_shell(shell: str, cli: Cli):
    said = cli("completion", shell)
    assert (said.code, said.err) == (0, "")
    assert f"_DATAGW_COMPLETE={shell}_complete" in said.out
    if (here := shutil.which(shell)) is not None:
        checked = subprocess.run([here, "-n"], input=said.out, capture_output=True, text=True, timeout=60, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_another_shell_is_a_wrong_call(cli: Cli):
    said = cli("completion", "tcsh")
    assert said.code == 2
    assert "'bash', 'zsh', 'fish'" in said.err


def test_the_schema_is_printed(cli: Cli):
    said = cli("schema")
    assert said.code == 0
    assert said.out == (PROJECT / "docs/jobs.schema.json").read_text(encoding="utf-8")


def test_init_writes_the_schema_that_its_first_line_names_and_spares_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    assert cli("init", "-c", "sub/my.toml").code == 0
    first = (tmp_path / "sub/my.toml").read_text(encoding="utf-8").splitlines()[0]
    named = tmp_path / "sub" / first.removeprefix("#:schema ")
    assert json.loads(named.read_text(encoding="utf-8"))["title"] == "A job file of datagw"
    named.write_text("mine", encoding="utf-8")
    assert cli("init", "-c", "sub/second.toml").code == 0
    assert named.read_text(encoding="utf-8") == "mine"
