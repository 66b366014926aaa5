"""Commands on a job whose source is a web address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datagw_tests.cli.conftest import Cli
from datagw_tests.servers.http_misbehaving import Misbehaving, file, status


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    """A web server, and a job file that mirrors its file; commands run beside it."""
    monkeypatch.chdir(tmp_path)
    with Misbehaving() as server:
        server.both("/a%20b.csv", file(b"1,2\n", ETag='"1"'))
        (tmp_path / "jobs.toml").write_text(
            f'[mirror]\nsource = "{server.url}/a%20b.csv?id=5"\nto = {{ at = "local:mirror/", name = "disk" }}\nwhen = "change"\n'
        )
        yield server


def test_an_address_is_planned_and_published(server: Misbehaving, cli: Cli, tmp_path: Path):
    said = cli("plan", "--json")
    assert said.code == 0
    assert "a%20b.csv" in said.out
    said = cli("run", "mirror")
    assert said.code == 0, said.err
    assert (tmp_path / "mirror" / "a b.csv").read_bytes() == b"1,2\n"
    (receipt,) = cli("history", "--json").json["receipts"]
    assert (receipt["version"], receipt["destination"]) == ('etag:"1"', str(tmp_path / "mirror" / "a b.csv")[1:])


def test_check_connect_looks_at_the_address(server: Misbehaving, cli: Cli):
    said = cli("check", "--connect")
    assert said.code == 0
    assert "1 job, 0 gateways, no errors" in said.out
    assert server.count("HEAD") == 1
    server.both("/a%20b.csv", status(404))
    said = cli("check", "--connect")
    assert said.code == 1
    assert f"mirror: its source cannot be seen: {server.url}/a%20b.csv?id=…: no such file" in said.out


def test_ls_of_an_address_tells_its_size_and_time(server: Misbehaving, cli: Cli):
    server.both("/a%20b.csv", file(b"1,2\n", ETag='"1"', Last_Modified="Sat, 03 Jan 2026 10:00:00 GMT"))
    said = cli("ls", f"{server.url}/a%20b.csv?token=1")
    assert (said.code, said.out) == (2, "")
    said = cli("ls", f"{server.url}/a%20b.csv")
    assert said.code == 0, said.err
    assert said.out.splitlines()[1].split()[:4] == ["file", "4", "B", "2026-01-03T10:00:00Z"]
    assert cli("ls", f"{server.url}/none.csv").code == 1


def test_several_addresses_are_checked_planned_and_published_each_alone(server: Misbehaving, cli: Cli, tmp_path: Path):
    with Misbehaving() as other:
        other.both("/export", file(b"2\n", ETag='"1"'))
        urls = (
            f'{{ "a.csv" = "{server.url}/a%20b.csv", "b.csv" = "{other.url}/export?id=5", "c.csv" = "{other.url}/c" }}'
        )
        text = (
            f'[mirror]\nsource = {{ urls = {urls} }}\nto = {{ at = "local:mirror/", name = "disk" }}\nwhen = "change"\n'
        )
        (tmp_path / "jobs.toml").write_text(text)
        assert cli("check", "--connect").code == 0
        said = cli("run", "mirror")
        assert said.code == 3, said.err
        assert f"{other.url}/c: the list names it, but no such file" in said.err
        assert {path.name: path.read_bytes() for path in (tmp_path / "mirror").iterdir()} == {
            "a.csv": b"1,2\n",
            "b.csv": b"2\n",
        }
        other.both("/c", file(b"3\n", ETag='"1"'))
        before = other.count("GET", "/export?id=5")
        assert cli("run", "mirror").code == 0
        assert (tmp_path / "mirror" / "c.csv").read_bytes() == b"3\n"
        assert other.count("GET", "/export?id=5") == before
