"""`datagw copy`: one file or tree between any two places, as a job would publish it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw import publish
from datagw.files import is_own_name
from datagw_tests.cli.conftest import Cli
from datagw_tests.gateways.s3_stores import minio
from datagw_tests.publishing.conftest import folder, sshd
from datagw_tests.servers.http_misbehaving import Misbehaving, file
from datagw_tests.servers.openssh import OpenSSH
from datagw_tests.servers.s3 import KEY, SECRET, S3Server

__all__ = ["folder", "minio", "sshd"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tree and without a job file; commands run in it."""
    for name in ("tree/a.csv", "tree/.hidden", "tree/sub/b.csv", "tree/sub/c.tmp", "tree/.do-not-touch"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def declared(name: str, kind: str, fields: dict[str, Any]) -> str:
    lines = [f"{key} = {str(value).lower() if value is True else repr(value)}" for key, value in fields.items()]
    return "\n".join([f"[gateways.{name}]", f'type = "{kind}"', *lines, ""])


# ---- what it does


def test_a_file_is_copied_once_and_has_a_receipt(here: Path, cli: Cli):
    said = cli("copy", "local:tree/a.csv", "local:out/b.csv")
    assert said.code == 0
    assert "1 file sent" in said.out
    assert (here / "out/b.csv").read_text() == "tree/a.csv"
    assert (here / "out/b.csv").stat().st_mtime_ns == (here / "tree/a.csv").stat().st_mtime_ns
    before = (here / "out/b.csv").stat().st_ino
    again = cli("copy", f"local:{here}/tree/a.csv", f"local:{here}/out/b.csv", "--json")
    assert (again.code, again.json["days"], again.json["runs"]) == (0, [], [])
    assert (here / "out/b.csv").stat().st_ino == before
    assert publish("tree/a.csv", "out/b.csv").run is None  # the library knows it under the same name


def test_a_tree_is_copied_whole_but_for_what_is_excluded_and_what_is_datagws_own(here: Path, cli: Cli):
    assert cli("copy", "local:tree/", "local:out/").code == 0
    assert tree(here / "out") == [".hidden", "a.csv", "sub/b.csv", "sub/c.tmp"]
    assert cli("copy", "local:tree/", "local:less", "--exclude", "*.tmp", "--exclude", ".*").code == 0
    assert tree(here / "less") == ["a.csv", "sub/b.csv"]


def test_what_changed_is_copied_again(here: Path, cli: Cli):
    assert cli("copy", "local:tree/", "local:out/").code == 0
    (here / "tree/a.csv").write_text("other")
    said = cli("copy", "local:tree/", "local:out/", "--json")
    (copy,) = said.json["days"][0]["copies"]
    assert (said.code, copy["sent_files"], copy["files"]) == (0, 1, 4)
    assert (here / "out/a.csv").read_text() == "other"


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(here: Path, cli: Cli):
    said = cli("copy", "local:tree/", "local:out/", "--dry-run", "--json")
    assert said.code == 0
    assert {action["kind"] for action in said.json["plans"][0]["actions"]} == {"send"}
    assert "to be sent: 4 files" in cli("copy", "local:tree/", "local:out/", "--dry-run").out
    assert not (here / "out").exists()


def test_another_file_is_kept_where_asked(here: Path, cli: Cli):
    (here / "out").mkdir()
    (here / "out/a.csv").write_text("of somebody else")
    said = cli("copy", "local:tree/a.csv", "local:out/", "--no-overwrite")
    assert said.code == 1
    assert (here / "out/a.csv").read_text() == "of somebody else"
    assert cli("copy", "local:tree/", "local:out/", "--no-overwrite").code == 3
    assert cli("copy", "local:tree/a.csv", "local:out/").code == 0
    assert (here / "out/a.csv").read_text() == "tree/a.csv"


def test_size_may_be_proof_enough(here: Path, cli: Cli):
    said = cli("copy", "local:tree/a.csv", "local:out/", "--verify", "size", "--json")
    assert said.json["days"][0]["copies"][0]["verification"] == "size"


def test_paths_are_taken_letter_by_letter(here: Path, cli: Cli):
    name = "50%Y {day} [x]* caf\udce9?.csv"
    (here / name).write_bytes(b"odd")
    said = cli("copy", f"local:{name}", f"local:out/{name} 2")
    assert said.code == 0, said.err
    assert os.listdir(here / "out") == [f"{name} 2"]


def test_a_link_that_is_named_is_followed_and_links_in_a_tree_are_told(here: Path, cli: Cli):
    (here / "tree/link").symlink_to("a.csv")
    assert cli("copy", "local:tree/link", "local:out/").code == 0
    assert (here / "out/link").read_text() == "tree/a.csv"
    said = cli("copy", "local:tree/", "local:all/")
    assert said.code == 0
    assert "link: not copied" in said.err
    assert "link" not in tree(here / "all")


# ---- what it does not take for done


@pytest.mark.parametrize(
    ("ends", "code", "words"),
    [
        (("local:tree", "local:out/"), 2, "local:tree is a folder: write `local:tree/` to copy all below it"),
        (("local:tree/a.csv", "local:there"), 2, "local:there is a folder: write `local:there/` to copy into it"),
        (("tree/a.csv", "local:out/"), 2, "a path of this machine is `local:tree/a.csv`"),
        (("local:tree/a.csv", "out/"), 2, "a path of this machine is `local:out/`"),
        (("local:tree/a.csv", "https://example.org/x"), 2, "Web addresses are only read"),
        (("https://example.org/x/", "local:out/"), 2, "cannot be listed"),
        (("https://me:hunter2@example.org/x", "local:out/"), 2, "credentials do not stand in a web address"),
        (("local:tree/", "local:tree/sub/copy/"), 2, "would land in its own source"),
        (("institute:x", "local:out/"), 2, "datagw init"),
        (("local:tree/zzz", "local:out/"), 1, "the source file is not there"),
        (("local:zzz/", "local:out/"), 1, "the source root is not there"),
    ],
)
def test_what_cannot_be_meant_is_told(here: Path, cli: Cli, ends: tuple[str, str], code: int, words: str):
    (here / "there").mkdir()
    said = cli("copy", *ends)
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    assert not (here / "out").exists()


def test_a_source_that_has_gone_since_is_no_success(here: Path, cli: Cli):
    assert cli("copy", "local:tree/a.csv", "local:out/").code == 0
    (here / "tree/a.csv").unlink()
    said = cli("copy", "local:tree/a.csv", "local:out/")
    assert (said.code, said.out) == (1, "")
    assert "not there" in said.err


def test_a_file_that_is_being_written_is_not_copied_and_that_is_no_success(here: Path, cli: Cli):
    with (here / "tree/a.csv").open("a"):
        said = cli("copy", "local:tree/a.csv", "local:out/")
        assert said.code == 1
        assert "not copied: somebody has it open for writing" in said.err
        assert cli("copy", "local:tree/", "local:out/").code == 3
    assert [name for name in tree(here / "out") if not is_own_name(name)] == [".hidden", "sub/b.csv", "sub/c.tmp"]
    assert cli("copy", "local:tree/", "local:out/").code == 0
    assert tree(here / "out") == [".hidden", "a.csv", "sub/b.csv", "sub/c.tmp"]


# ---- other places


def test_a_web_address_is_copied(here: Path, cli: Cli):
    with Misbehaving() as server:
        server.both("/a%20b*.csv", file(b"1,2\n", ETag='"1"'))
        server.both("/a%20b%2A.csv", file(b"1,2\n", ETag='"1"'))
        said = cli("copy", f"{server.url}/a%20b*.csv", "local:out/")
        assert said.code == 0, said.err
        assert (here / "out/a b*.csv").read_bytes() == b"1,2\n"
        assert "nothing to do" in cli("copy", f"{server.url}/a%20b*.csv", "local:out/").out
        assert cli("copy", f"{server.url}/none.csv", "local:out/").code == 1


@pytest.fixture
def both(here: Path, sshd: OpenSSH, folder: Path, minio: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A job file with an SSH server and a bucket, and no job."""
    monkeypatch.setenv("S3_SECRET", SECRET)
    lake = {"bucket": minio.bucket(), "endpoint_url": minio.url, "access_key_id": KEY, "region": "us-east-1"}
    text = declared("sftp", "sftp", sshd.fields(root=str(folder)))
    text += declared("lake", "s3", lake) + 'secret_access_key = { env = "S3_SECRET" }\n'
    (here / "jobs.toml").write_text(text)
    return folder


def test_a_tree_goes_round_by_ssh_and_a_bucket(both: Path, here: Path, cli: Cli):
    for ends in (("local:tree/", "sftp:"), ("sftp:", "lake:some/where/"), ("lake:some/where/", "local:back/")):
        said = cli("copy", *ends)
        assert said.code == 0, said.err
        assert "4 files sent" in said.out
        assert "nothing to do" in cli("copy", *ends).out
    assert tree(here / "back") == [".hidden", "a.csv", "sub/b.csv", "sub/c.tmp"]
    for name in tree(here / "back"):
        assert (here / "back" / name).read_bytes() == (here / "tree" / name).read_bytes()
    receipts = cli("history", "--json").json["receipts"]
    assert {receipt["copy"] for receipt in receipts} == {"sftp", "lake", "local"}
    assert {receipt["verification"] for receipt in receipts} <= {"hash", "readback"}
    assert cli("copy", "lake:none/", "local:back/").code == 1
    assert "did you mean `lake`" in cli("copy", "laek:x", "local:back/").err
    said = cli("copy", "lake:some", "local:back/")
    assert (said.code, "lake:some is a folder" in said.err) == (2, True)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130)])
def test_a_copy_that_was_ended_goes_on_and_meanwhile_nobody_else_makes_it(
    both: Path, here: Path, cli: Cli, how: signal.Signals, code: int
):
    content = os.urandom(8_000_000)
    (here / "big.raw").write_bytes(content)
    command = [sys.executable, "-m", "datagw", "copy", "local:big.raw", "sftp:"]
    with subprocess.Popen([*command, "--bandwidth", "2MB/s"], cwd=here, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 30
        while not (parts := [path for path in both.iterdir() if path.stat().st_size > 1_000_000]):
            assert process.poll() is None
            assert time.monotonic() < end
        said = cli("copy", "local:big.raw", "sftp:", "--no-wait")
        assert (said.code, f"(pid {process.pid} on" in said.err) == (1, True)
        os.kill(process.pid, how)
        process.communicate()
    assert process.returncode == code
    assert is_own_name(parts[0].name)
    arrived, inode = parts[0].stat().st_size, parts[0].stat().st_ino
    said = cli("copy", "local:big.raw", "sftp:", "--json")
    assert said.code == 0, said.err
    assert (both / "big.raw").read_bytes() == content
    assert (both / "big.raw").stat().st_ino == inode
    assert os.listdir(both) == ["big.raw"]
    assert 1_000_000 < arrived < len(content)


def test_nothing_of_dagster_is_loaded(here: Path):
    script = (
        "import sys; from datagw.cli.app import commands; from datagw.cli.endings import ended\n"
        "code = ended(commands, ['copy', 'local:tree/', 'local:out/'])\n"
        "print(code, {name.partition('.')[0] for name in sys.modules} & {'dagster', 'boto3', 'paramiko', 'httpx'})"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "0 set()"
    assert tree(here / "out")
