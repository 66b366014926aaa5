"""Dagster Pipes: what a program that uses the real package is told, and what of its reports arrives where."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path

import pytest

from datagw.gateways.front.reading import Published
from datagw.pipelines.commands.pipes import Pipe
from datagw_tests.pipelines.commands.desk import Desk, Heard

FILES = 'source = "local:in/*"\nwhen = "new files"\n'
REPORT = """
import json, os, sys
from dagster_pipes import PipesContext, open_dagster_pipes
with open_dagster_pipes() as pipes:
    pipes.log.info("hello from %s", pipes.asset_key)
    pipes.log.warning("careful")
    pipes.report_asset_check("has rows", passed=False, severity="WARN", metadata={"rows": 0})
    pipes.report_custom_message({"any": "thing"})
    print(json.dumps({
        "keys": list(pipes.asset_keys), "run": pipes.run_id, "job": pipes.job_name, "extras": dict(pipes.extras),
        "day": pipes.partition_key if pipes.is_partition_step else None, "retry": pipes.retry_number,
        "provenance": pipes.provenance, "code": pipes.code_version,
    }))
    pipes.report_asset_materialization(
        metadata={
            "rows": len(open(sys.argv[1]).read()) if len(sys.argv) > 1 else 0, "share": float("nan"), "none": None,
            "page": {"raw_value": "https://example.org/", "type": "url"}, "list": [1, {"a": "b"}],
        },
        data_version="v1",
    )
"""


def said(desk: Desk) -> dict:
    return json.loads(next(line for line in desk.lines if '"keys"' in line).partition(": ")[2])


def test_a_program_reports_metadata_checks_and_log_lines(tmp_path: Path):
    desk = Desk(tmp_path, 'source = "local:in/a"\nwhen = "change"\nrun = ["./script.py", "{file}"]')
    desk.script(REPORT)
    desk.drop("a", b"12345")
    heard: list[tuple[int, str]] = []
    desk.heard.emit = lambda record: heard.append((record.levelno, record.getMessage()))
    assert isinstance(desk.start("a")["a"], Published)
    assert desk.report.metadata == {
        "rows": 5,
        "share": "nan",
        "none": None,
        "page": "https://example.org/",
        "list": [1, {"a": "b"}],
        "data_version": "v1",
        "checks": [{"check": "has rows", "passed": False, "severity": "WARN", "rows": 0}],
    }
    assert json.loads(json.dumps(desk.report.metadata, allow_nan=False)) == desk.report.metadata
    assert (logging.INFO, "a: hello from j/work") in heard
    assert (logging.WARNING, "a: careful") in heard
    assert (logging.WARNING, "a: check has rows failed") in heard
    assert (logging.INFO, 'a: {"any": "thing"}') in heard


def test_a_program_is_told_its_job_its_day_and_its_files(tmp_path: Path):
    desk = Desk(tmp_path, 'source = "local:in/%Y%m%d/*"\nwhen = "daily"\nrun = ["./script.py", "{file}"]')
    desk.script(REPORT)
    desk.drop("a")
    desk.start("a", day=date(2026, 1, 31), payload={"full": True}, run="run-7")
    assert said(desk) == {
        "keys": ["j/work"],
        "run": "run-7",
        "job": "j",
        "day": "2026-01-31",
        "retry": 0,
        "extras": {"payload": {"full": True}, "files": ["a"]},
        "provenance": None,
        "code": None,
    }


def test_of_many_files_each_has_its_own_metadata(tmp_path: Path):
    desk = Desk(tmp_path, FILES + 'run = ["./script.py", "{file}"]')
    desk.script(REPORT)
    desk.drop("a", b"1")
    desk.drop("b", b"22")
    desk.start("a", "b")
    assert desk.report.metadata["rows"] == {"a": 1, "b": 2}
    assert desk.report.metadata["checks"] == [
        {"file": name, "check": "has rows", "passed": False, "severity": "WARN", "rows": 0} for name in ("a", "b")
    ]


def test_what_a_program_reported_before_it_failed_is_kept(tmp_path: Path):
    desk = Desk(tmp_path, FILES + 'run = { command = ["./script.py"], per = "batch" }')
    desk.script(
        "from dagster_pipes import open_dagster_pipes\nwith open_dagster_pipes() as pipes:\n"
        "    pipes.report_asset_materialization({'seen': 3})\n    raise ValueError('no good')"
    )
    desk.drop("a")
    assert "exit status 1" in str(desk.start("a")["a"])
    assert desk.report.metadata == {"seen": 3}
    assert "j: ValueError: no good" in desk.lines


def test_no_secret_is_in_what_a_program_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN_OF_TEST", "pass-word-1234")
    desk = Desk(
        tmp_path,
        'source = "local:in/a"\nwhen = "change"\nrun = { command = ["./script.py"], env = { T = { env = "TOKEN_OF_TEST" } } }',
    )
    desk.script(
        "import os\nfrom dagster_pipes import open_dagster_pipes\nt = os.environ['T']\nwith open_dagster_pipes() as pipes:\n"
        "    pipes.log.info(t)\n    pipes.report_asset_check(t, True, metadata={t: t})\n"
        "    pipes.report_asset_materialization({'a': {'raw_value': [{t: t}], 'type': 'json'}, t: t}, data_version=t)"
    )
    desk.drop("a")
    assert isinstance(desk.start("a")["a"], Published)
    assert desk.report.metadata["a"] == [{"**********": "**********"}]
    assert "pass-word-1234" not in json.dumps(desk.report.metadata) + "".join(desk.lines)


def piped(tmp_path: Path) -> tuple[Pipe, Heard]:
    log, heard = logging.Logger("test"), Heard()  # noqa: LOG001 - this test alone hears it
    log.addHandler(heard)
    pipe = Pipe(tmp_path, "a", log, lambda value: value)
    pipe.open("j", "r", None, {})
    return pipe, heard


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"method": "log"}', '{"method": "log", "params": {"level": 3}}', "7", "\xff"]
)
def test_what_is_no_message_is_told_and_harms_nothing(tmp_path: Path, line: str):
    pipe, heard = piped(tmp_path)
    good = json.dumps({"method": "log", "params": {"level": "INFO", "message": "good"}})
    (tmp_path / "messages.jsonl").write_text(f"{line}\n{good}\n", "latin-1")
    pipe.look()
    assert heard.lines[0].startswith("a: no message of Dagster Pipes: ")
    assert heard.lines[1] == "a: good"


def test_messages_are_heard_once_and_only_when_whole(tmp_path: Path):
    pipe, heard = piped(tmp_path)
    line = json.dumps({"method": "log", "params": {"level": "INFO", "message": "é" * 10}}).encode() + b"\n"
    with (tmp_path / "messages.jsonl").open("ab", buffering=0) as file:
        for byte in line * 3:
            file.write(bytes([byte]))
            pipe.look()
    assert heard.lines == ["a: " + "é" * 10] * 3


def test_a_message_without_end_is_left_out_and_needs_no_memory(tmp_path: Path):
    pipe, heard = piped(tmp_path)
    good = json.dumps({"method": "log", "params": {"level": "INFO", "message": "good"}}).encode()
    with (tmp_path / "messages.jsonl").open("ab") as file:
        for _ in range(5):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + good + b"\n")
    pipe.look()
    assert heard.lines == ["a: a message of more than 1048576 bytes is left out", "a: good"]
