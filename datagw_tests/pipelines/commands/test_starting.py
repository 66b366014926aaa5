"""Starting a program: what it finds around it, and what is said where there is nothing to start."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from datagw.errors import ConfigError, Denied, GatewayError, Rejected
from datagw.gateways.front.reading import Published
from datagw_tests.pipelines.commands.desk import Desk

SAY = """
import json, os, sys
print(json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "stdin": sys.stdin.read(), "group": os.getpgid(0) == os.getpid(),
    "session": os.getsid(0) == os.getpid(), "env": {k: v for k, v in os.environ.items() if k.startswith("DATAGW_") or k == "ADDED"}}))
"""


def desk(folder: Path, run: str, when: str = 'source = "local:in/*"\nwhen = "new files"') -> Desk:
    return Desk(folder, f"{when}\nrun = {run}")


def said(desk: Desk) -> dict:
    return json.loads(next(line for line in desk.lines if "{" in line).partition(": ")[2])


def test_a_program_finds_its_folder_its_environment_and_an_empty_input(tmp_path: Path):
    one = desk(tmp_path, '{ command = ["./script.py", "{file}"], env = { ADDED = "yes" } }')
    one.script(SAY)
    path = one.drop("a b.csv")
    assert isinstance(one.start("a b.csv", day=date(2026, 1, 31), payload={"n": 1})["a b.csv"], Published)
    found = said(one)
    assert found["argv"] == [str(tmp_path / "script.py"), str(path)]
    assert found["cwd"] == str(tmp_path)
    assert found["stdin"] == ""
    assert found["group"]
    assert found["session"]
    run = found["env"].pop("DATAGW_RUN")
    found["env"].pop("DATAGW_REQUIRE_SERVERS", None)  # as these tests were started
    assert len(run) == 32
    assert found["env"] == {"ADDED": "yes", "DATAGW_JOB": "j", "DATAGW_DAY": "2026-01-31", "DATAGW_PAYLOAD": '{"n": 1}'}


def test_no_shell_sees_an_argument(tmp_path: Path):
    one = desk(tmp_path, '["./script.py", "$(touch x); echo *", "{name}"]')
    one.script(SAY)
    one.drop("$(touch y) `z`;\n'")
    assert all(isinstance(found, Published) for found in one.start("$(touch y) `z`;\n'").values())
    assert said(one)["argv"][1:] == ["$(touch x); echo *", "$(touch y) `z`;\n'"]
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "y").exists()


def test_a_program_is_looked_for_in_the_path_that_it_will_have(tmp_path: Path):
    one = desk(tmp_path, '{ command = ["mine"], env = { PATH = "bin:/usr/bin:/bin" } }')
    (tmp_path / "bin").mkdir()
    one.script("print('it was me')", "bin/mine")
    one.drop("a")
    assert isinstance(one.start("a")["a"], Published)
    assert "a: it was me" in one.lines


def refusal(one: Desk) -> str:
    """What is said where nothing can be started at all."""
    one.drop("a")
    with pytest.raises(GatewayError) as caught:
        one.start("a")
    assert not isinstance(caught.value, Rejected)  # no file is at fault, so none is set apart
    return str(caught.value)


def test_a_program_that_is_nowhere_is_named_with_the_places_that_were_searched(tmp_path: Path):
    one = desk(tmp_path, '{ command = ["script.py"], env = { PATH = "/usr/bin:/opt/x" } }')
    text = refusal(one)
    assert "no program `script.py` in PATH, which is /usr/bin:/opt/x" in text
    one.script("")
    assert 'one stands beside the job file: write "./script.py"' in refusal(one)


def test_a_program_that_is_not_there_is_named_with_its_whole_path(tmp_path: Path):
    assert f"{tmp_path}/absent: there is no program" in refusal(desk(tmp_path, '["./absent"]'))


def test_a_program_that_is_not_executable_says_chmod(tmp_path: Path):
    one = desk(tmp_path, '["./script.py"]')
    one.script("").chmod(0o644)
    assert "is not executable; try `chmod +x`" in refusal(one)


def test_a_folder_is_no_program(tmp_path: Path):
    assert "is a folder" in refusal(desk(tmp_path, '["./in"]'))


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("echo hello", "it begins with no `#!` line"),
        ("#!/no/such/shell\n", "its first line names /no/such/shell, which is not on this machine"),
        ("#!/bin/sh\r\n", "its first line ends as on Windows; try `dos2unix`"),
    ],
)
def test_a_script_whose_first_line_is_wrong_is_told_so(tmp_path: Path, first: str, told: str):
    one = desk(tmp_path, '["./script.sh"]')
    (tmp_path / "script.sh").write_bytes(first.encode())
    (tmp_path / "script.sh").chmod(0o755)
    assert told in refusal(one)


def test_more_arguments_than_the_kernel_takes_are_a_matter_of_smaller_batches(tmp_path: Path):
    one = desk(tmp_path, '{ command = ["true", "{files}"], per = "batch" }')
    folder = tmp_path / "in" / Path(*[f"{number:02}{'x' * 200}" for number in range(15)])
    folder.mkdir(parents=True)
    names = [str(one.drop(f"{folder.relative_to(one.inbox)}/{number}").relative_to(one.inbox)) for number in range(700)]
    outcomes = one.start(*names)
    assert len(outcomes) == 700
    assert all(isinstance(outcome, Denied) for outcome in outcomes.values())  # and so is no file set apart for it
    assert "smaller batches have fewer files" in str(outcomes[names[0]])


def test_a_secret_that_leads_nowhere_is_named(tmp_path: Path):
    one = desk(tmp_path, '{ command = ["true"], env = { KEY = { env = "NO_SUCH_VARIABLE" } } }')
    one.drop("a")
    with pytest.raises(ConfigError, match="NO_SUCH_VARIABLE"):
        one.start("a")


def test_a_staged_copy_has_the_name_of_its_source(tmp_path: Path):
    from datagw.files import RemoteFile, StagedFile
    from datagw.gateways.front.reading import Reading, Upload
    from datagw.pipelines.commands.running import Errand, run_command

    one = desk(tmp_path, '["./script.py", "{file}"]')
    one.script("import sys; print(sys.argv[1], open(sys.argv[1]).read())")
    (tmp_path / "17").write_text("what it holds")
    staged = StagedFile(tmp_path / "17", RemoteFile("sub/a b.csv", 13), "0" * 64, owned=True)
    world = one.world()
    errand = Errand(one.job, world, tmp_path, None, world.tmp_dir)
    ((_, outcome),) = run_command(errand, [Reading(Upload(staged, "p", "sub/a b.csv"), lambda _: None)])
    assert isinstance(outcome, Published)
    assert outcome.proof == "accepted"
    assert any(line.endswith("/sub/a b.csv what it holds") for line in one.lines)
    assert [path for path in world.tmp_dir.rglob("*") if not path.is_dir()] == []
