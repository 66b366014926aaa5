"""`datagw check`, `jobs`, `history`, `ls`, `init`: looking changes nothing."""

from __future__ import annotations

import json
import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from datagw.cli.history import moment_since
from datagw.files import RemoteFile, part_name
from datagw.library.listing import chosen
from datagw_tests.cli.conftest import JOBS, Cli, published_by_the_library, write

# ---- init and check


def test_the_file_that_init_writes_passes_check(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    said = cli("init")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("wrote jobs.toml")
    assert tomllib.loads((tmp_path / "jobs.toml").read_text())
    assert "#" in (tmp_path / "jobs.toml").read_text()
    said = cli("check")
    assert said.code == 0
    assert said.out.endswith("no errors\n")


def test_init_never_writes_over_a_file(station: Path, cli: Cli):
    said = cli("init")
    assert (said.code, said.out) == (2, "")
    assert (station / "jobs.toml").read_text() == JOBS
    assert cli("init", "-c", "other.toml").code == 0
    assert (station / "other.toml").exists()
    assert cli("init", "-c", "no/folder.toml").code == 2


def test_check_reports_every_error_in_the_order_of_the_file(station: Path, cli: Cli):
    text = JOBS.replace('root = "institute"', 'rooot = "institute"') + 'evry = "1m"\n\n[other]\nto = "nowhere:x/"\n'
    (station / "jobs.toml").write_text(text)
    said = cli("check")
    assert said.code == 2
    *problems, count = said.out.splitlines()
    lines = [int(problem.split(":")[1]) for problem in problems]
    assert lines == sorted(lines)
    assert {3, 10} <= set(lines)
    assert "did you mean root?" in said.out
    assert "did you mean every?" in said.out
    assert count.endswith(f"{len(problems)} errors")
    told = cli("check", "--json")
    assert told.code == 2
    assert [problem["line"] for problem in told.json["problems"]] == lines
    assert {"file", "line", "column", "where", "message", "hint"} == set(told.json["problems"][0])


def test_check_reports_missing_secrets_but_never_a_value(station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    server = '[gateways.far]\ntype = "sftp"\nhost = "127.0.0.1"\npassword = { env = "FAR_PASSWORD" }\n\n'
    (station / "jobs.toml").write_text(server + JOBS)
    said = cli("check")
    assert said.code == 2
    assert "FAR_PASSWORD" in said.out
    monkeypatch.setenv("FAR_PASSWORD", "hunter2")
    said = cli("check")
    assert said.code == 0
    assert "hunter2" not in said.out + said.err


def test_check_connect_proves_the_rights_and_leaves_nothing(station: Path, cli: Cli):
    said = cli("check", "--connect")
    assert said.code == 0
    assert "institute: reached, and written to in /\n" in said.out
    assert list((station / "institute").iterdir()) == []
    assert not (station / ".datagw").exists()


def test_check_connect_ends_with_1_where_a_gateway_or_a_source_is_not_there(station: Path, cli: Cli):
    os.rename(station / "institute", station / "elsewhere")
    said = cli("check", "--connect")
    assert said.code == 1
    assert "institute: not usable: " in said.out
    os.rename(station / "elsewhere", station / "institute")
    os.rename(station / "station", station / "unmounted")
    said = cli("check", "--connect")
    assert said.code == 1
    assert "readings: its source cannot be seen: " in said.out
    assert cli("check").code == 0


def test_check_connect_says_what_lies_before_the_start(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + "start = 2026-01-02\n")
    said = cli("check", "--connect", "--json")
    assert said.code == 0
    assert said.json["before_start"] == {"readings": ["2026-01-01"]}
    assert "readings: 1 day before its start, left alone: 2026-01-01" in cli("check", "--connect").out


# ---- jobs


def test_jobs_lists_right_and_broken_ones(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + '\n[broken]\nsource = "local:x/"\nto = ["nowhere:x/"]\n')
    said = cli("jobs")
    assert said.code == 0
    assert f"readings  local:{station}/station/%Y%m%d/  institute:readings/%Y%m%d/  daily" in said.out
    rows = {row["name"]: row for row in cli("jobs", "--json").json["jobs"]}
    assert rows["readings"]["to"] == [{"name": "institute", "at": "institute:readings/%Y%m%d/", "verify": "content"}]
    assert "nowhere" in rows["broken"]["problems"][0]


# ---- history


def test_history_has_the_shape_that_is_promised(station: Path, cli: Cli):
    (station / "institute" / "readings" / "20260101" / "a.csv").mkdir(parents=True)
    published_by_the_library(station)
    document = cli("history", "--json").json
    assert set(document) == {"runs", "receipts", "failures", "functions", "registered"}
    (run,) = document["runs"]
    assert set(run) == {"id", "job", "started", "ended", "state", "error"}
    assert (run["job"], run["state"], run["error"]) == ("readings", "partly", "failed: 2026-01-01")
    assert datetime.fromisoformat(run["started"]).utcoffset() == timedelta(0)
    assert [set(receipt) for receipt in document["receipts"]] == [
        {
            *("job", "day", "copy", "source", "destination", "version", "size", "sha256", "verification", "durable"),
            *("copy_size", "copy_mtime", "copy_etag", "copy_inode", "at", "run"),
        }
    ] * 3
    odd = next(receipt for receipt in document["receipts"] if receipt["destination"].endswith("caf\udce9.csv"))
    assert (odd["job"], odd["day"], odd["copy"], odd["size"], odd["run"]) == (
        "readings",
        "2026-01-01",
        "institute",
        4,
        run["id"],
    )
    (failure,) = document["failures"]
    assert set(failure) == {"job", "day", "copy", "file", "error", "at", "run"}
    assert failure["file"].endswith("a.csv")


def test_bytes_that_are_no_utf_8_are_escaped_for_people_and_for_programs(station: Path, cli: Cli):
    published_by_the_library(station)
    assert "caf\\udce9.csv" in cli("history").out
    text = cli("history", "--json").out
    assert text.isascii()
    assert r"caf\udce9.csv" in text
    assert any(os.fsencode(receipt["source"]).endswith(b"caf\xe9.csv") for receipt in json.loads(text)["receipts"])


def test_history_can_be_of_one_job_and_since_a_moment(station: Path, cli: Cli):
    assert cli("history").out == "nothing yet\n"
    assert cli("history", "--json").json == {
        "runs": [],
        "receipts": [],
        "failures": [],
        "functions": [],
        "registered": [],
    }
    published_by_the_library(station)
    assert len(cli("history", "readings", "--json", "--since", "1h").json["receipts"]) == 4
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
    assert cli("history", "--json", "--since", tomorrow).json == {
        "runs": [],
        "receipts": [],
        "failures": [],
        "functions": [],
        "registered": [],
    }
    assert cli("history", "--since", tomorrow).out == "nothing since then\n"
    assert cli("history", "--since", "whenever").code == 2


def test_the_text_of_history_is_the_latest(station: Path, cli: Cli):
    for number in range(30):
        write(station / "station" / "20260102", b"%02d.csv" % number)
    published_by_the_library(station)
    said = cli("history")
    assert "34 receipts, the latest 10\n" in said.out
    assert "1 run\n" in said.out
    assert "0 failures\n" in said.out


def test_a_job_that_is_configured_no_more_has_its_history(station: Path, cli: Cli):
    published_by_the_library(station)
    (station / "jobs.toml").write_text(JOBS.replace("[readings]", "[others]"))
    assert len(cli("history", "readings", "--json").json["receipts"]) == 4


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T12:30", "2026-01-31T12:30:00+00:00"),
        ("2026-01-31T12:30:00Z", "2026-01-31T12:30:00+00:00"),
        ("2026-01-31T12:30:00+02:00", "2026-01-31T12:30:00+02:00"),
        ("36h", "2026-02-08T12:00:00+00:00"),
        ("7d", "2026-02-03T00:00:00+00:00"),
    ],
)
def test_since_takes_a_day_a_moment_or_a_length_of_time(text: str, moment: str):
    assert moment_since(text, datetime(2026, 2, 10, tzinfo=UTC)).isoformat() == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7 years", "999999999d"])
def test_since_refuses_what_is_no_moment(text: str):
    with pytest.raises(click.BadParameter):
        moment_since(text, datetime(2026, 2, 10, tzinfo=UTC))


# ---- ls


def test_ls_is_in_name_order_and_hides_what_is_hidden(station: Path, cli: Cli):
    folder = station / "institute"
    for name in (b"b.csv", b"a.csv", b".hidden", b".do-not-touch", b"Z.csv", b"sub/x.csv", b".git/config"):
        write(folder, name)
    write(folder, part_name("v", "a.csv").encode())
    assert cli("ls", "institute:").out == "Z.csv\na.csv\nb.csv\nsub/\n"
    assert cli("ls", "institute:", "-r").out == "Z.csv\na.csv\nb.csv\nsub/\nsub/x.csv\n"
    assert cli("ls", "institute:sub").out == "x.csv\n"
    assert cli("ls", "institute:sub/", "--full-path").out == "institute:sub/x.csv\n"
    assert cli("ls", "institute:sub/x.csv").out == "x.csv\n"
    everything = cli("ls", "institute:", "--all", "--recursive").out.splitlines()
    assert {".hidden", ".git/", ".git/config", ".do-not-touch"} < set(everything)
    assert len(everything) == 10


def test_ls_tells_more_where_asked(station: Path, cli: Cli):
    write(station / "institute", b"a.csv", b"x" * 1234)
    os.utime(station / "institute" / "a.csv", (1_000_000_000, 1_000_000_000))
    lines = cli("ls", "institute:", "--long").out.splitlines()
    assert lines[1].split() == ["file", "1.2", "kB", "2001-09-09T01:46:40Z", "a.csv"]
    assert cli("ls", "institute:", "--json").json == {
        "files": [{"path": "a.csv", "kind": "file", "size": 1234, "mtime": "2001-09-09T01:46:40Z"}]
    }


def test_ls_of_this_machine_needs_no_job_file(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, b"two\nlines caf\xe9 50% [x] {day}.csv")
    monkeypatch.chdir(tmp_path)
    assert cli("ls", "local:.").out == "two\\nlines caf\\udce9 50% [x] {day}.csv\n"
    assert (
        cli("ls", f"local:{tmp_path}", "--full-path").out
        == f"local:{tmp_path}/two\\nlines caf\\udce9 50% [x] {{day}}.csv\n"
    )
    assert cli("ls", "local:two\nlines caf\udce9 50% [x] {day}.csv").code == 0
    said = cli("ls", "somewhere")
    assert said.code == 2
    assert "local:somewhere" in said.err


def test_ls_of_what_is_not_there_is_exit_1(station: Path, cli: Cli):
    said = cli("ls", "institute:nothing")
    assert (said.code, said.out) == (1, "")
    assert "institute:nothing" in said.err
    assert cli("ls", "institute:../station").code == 1


FILES = [RemoteFile("a", 1), RemoteFile("b", 5000), RemoteFile("c", 3), RemoteFile("d", 4), RemoteFile("e", 9000)]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, "abcde"),
        ({"offset": 2}, "cde"),
        ({"limit": 2}, "ab"),
        ({"offset": 1, "limit": 2}, "bc"),
        ({"size_limit": 100}, "acd"),
        ({"size_limit": 100, "limit": 2}, "ac"),
        ({"size_limit": 100, "offset": 1, "limit": 1}, "c"),
        ({"size_limit": 100, "offset": 2}, "cd"),
        ({"offset": 9}, ""),
        ({"limit": 0}, "abcde"),
    ],
)
def test_a_file_over_the_size_limit_counts_for_the_offset_but_not_for_the_limit(options: dict[str, int], names: str):
    assert "".join(entry.path for entry in chosen(FILES, **options)) == names


def test_ls_takes_sizes_with_units(station: Path, cli: Cli):
    write(station / "institute", b"big.raw", b"x" * 2001)
    write(station / "institute", b"small.raw", b"x" * 2000)
    assert cli("ls", "institute:", "--size-limit", "2kB").out == "small.raw\n"
    assert cli("ls", "institute:", "--size-limit", "2001").out == "big.raw\nsmall.raw\n"
    assert cli("ls", "institute:", "--size-limit", "lots").code == 2
    assert cli("ls", "institute:", "--offset", "-1").code == 2
