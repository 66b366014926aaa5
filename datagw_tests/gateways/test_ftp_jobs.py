"""Jobs from and to FTP servers: the job file of the page, days that are freed, new files, cuts in the middle."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.front.sending import RESUME_FROM
from datagw.gateways.ftp import Ftp
from datagw.gateways.local import Local
from datagw.jobs import load
from datagw.publishing import publish
from datagw_tests.conftest import require_server
from datagw_tests.publishing.disturbing import Meanwhile
from datagw_tests.publishing.station import Station
from datagw_tests.servers import vsftpd
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, USERNAME, Pyftpd

BIG = bytes(range(256)) * 30_000
OLD = 1_760_000_000
FILES = {"a.csv": b"1;2;3\n", "deep/er/b c.txt": b"b" * 5000, "empty": b"", "large": BIG}


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)


@pytest.fixture(params=["pyftpdlib", "vsftpd"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "vsftpd" and (lack := vsftpd.missing()):
        require_server(*lack)
    with Pyftpd(tmp_path / "ftp") if request.param == "pyftpdlib" else vsftpd.Vsftpd(tmp_path / "ftp") as server:
        yield server


@pytest.fixture
def station(server: Any, tmp_path: Path) -> Station:
    """To an FTP server."""
    made = Station(tmp_path, Ftp(**server.fields()))
    for name, content in FILES.items():
        made.write(f"20260201/{name}", content)
    return made


def test_a_day_is_published_with_its_proofs_and_freed(station: Station) -> None:
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted, result.failures) == ("published", 4, ())
    assert station.there() == {f"days/20260201/{name}": content for name, content in FILES.items()}
    assert {(one.verification, one.durable) for one in station.receipts()} == {("readback", False)}
    assert station.left() == {}


def test_a_second_run_moves_nothing_and_what_changed_is_sent(station: Station) -> None:
    station.run()
    (again,) = station.run()
    assert (again.copies["archive"].sent_files, again.copies["archive"].sent_bytes) == (0, 0)
    station.write("20260201/a.csv", b"4;5;6;7\n", mtime=OLD + 100)
    (changed,) = station.run()
    assert (changed.state, changed.copies["archive"].sent_files) == ("published", 1)
    assert station.there()["days/20260201/a.csv"] == b"4;5;6;7\n"


def test_equal_files_are_adopted_after_the_ledger_was_lost(station: Station, tmp_path: Path) -> None:
    station.run()
    station.ledger.close()
    for path in tmp_path.glob("jobs.db*"):
        path.unlink()
    late = Station(tmp_path, station.archive)
    (result,) = late.run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (4, 0)


def test_a_server_that_is_cut_off_in_the_middle_is_gone_on_with(station: Station, server: Any) -> None:
    cut = Meanwhile(server.cut, after=4_000_000)
    (result,) = station.run(world={"progress": cut})
    assert cut.acted
    assert (result.state, result.failures) == ("published", ())
    assert station.there()["days/20260201/large"] == BIG


def test_a_server_that_went_away_is_gone_on_with_in_a_later_run(station: Station, server: Any) -> None:
    def kill() -> None:
        """Not before some of what the kernel took for sent has arrived."""
        until = time.monotonic() + 20
        while max((part.stat().st_size for part in server.root.rglob(".datagw-*.part")), default=0) <= RESUME_FROM:
            assert time.monotonic() < until
            time.sleep(0.005)
        server.kill()

    (result,) = station.run(world={"progress": Meanwhile(kill, after=4_000_000)})
    assert result.state == "failed"
    server.start()
    (result,) = station.run(delete_source=True)
    assert (result.state, station.left()) == ("published", {})
    assert station.there()["days/20260201/large"] == BIG
    assert result.copies["archive"].sent_bytes < len(BIG), "what had arrived is not sent again"


def test_a_file_of_an_ftp_server_is_mirrored_once_and_again_when_it_changed(server: Any, tmp_path: Path) -> None:
    source = Ftp(**server.fields())
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=source)
    station.data = server.root
    job: dict[str, Any] = {"source": "data/file.csv", "to": ["mirror/"], "marker": None}
    station.write("data/file.csv", b"one")
    (result,) = station.run(None, **job)
    assert (result.state, station.there()) == ("published", {"mirror/file.csv": b"one"})
    assert station.plan(None, **job).state == "done"
    station.write("data/file.csv", b"two!", mtime=OLD + 100)
    station.run(None, **job)
    assert station.there() == {"mirror/file.csv": b"two!"}


def test_the_jobs_of_the_page_run(project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The block of docs/ftp.md, on servers of this machine, and with folders of this test."""
    (page,) = re.findall(r"```toml\n(.*?)```", (project / "docs/ftp.md").read_text(encoding="utf-8"), re.DOTALL)
    caplog.set_level(logging.DEBUG)
    authority = Authority(tmp_path)
    with (
        Pyftpd(tmp_path / "plain") as plain,
        Pyftpd(tmp_path / "veiled", certificate=authority.signed()) as veiled,
    ):
        login = f'username = "{USERNAME}"\npassword = {{ env = "PASSWORD" }}'
        for old, new in {
            'host = "ftp.example.net"': f'host = "127.0.0.1"\nport = {plain.port}\n{login}',
            'host = "ftp.example.org"': f'host = "127.0.0.1"\nport = {veiled.port}\nca_file = "{authority.file}"',
            "CUSTOMER_PASSWORD": "PASSWORD",
            "local:/data/": f"local:{tmp_path}/data/",
        }.items():
            assert old in page
            page = page.replace(old, new)
        (tmp_path / "jobs.toml").write_text(page, encoding="utf-8")
        found = load(tmp_path / "jobs.toml")
        assert found.problems == ()
        (plain.root / "pub/forecast").mkdir(parents=True)
        (plain.root / "pub/forecast/latest.grib2").write_bytes(BIG)
        os.utime(plain.root / "pub/forecast/latest.grib2", (OLD, OLD))
        (veiled.root / "upload").mkdir()
        (tmp_path / "data/readings/20260201").mkdir(parents=True)
        (tmp_path / "data/readings/20260201/a.csv").write_bytes(b"1;2;3\n")
        (tmp_path / "data/forecast").mkdir()

        station = Station(tmp_path, found.gateways["customer"])
        world = replace(station.world(), gateways=found.gateways)
        (forecast,) = publish(found.jobs["forecast"], [None], world)
        (readings,) = publish(found.jobs["readings"], [date(2026, 2, 1)], replace(world, run="second"))

        assert (forecast.state, readings.state) == ("published", "published")
        local = tmp_path / "data/forecast/latest.grib2"
        assert (local.read_bytes(), int(local.stat().st_mtime)) == (BIG, OLD)
        assert (veiled.root / "upload/readings/20260201/a.csv").read_bytes() == b"1;2;3\n"
        assert "AUTH TLS" in veiled.asked
    assert PASSWORD not in caplog.text
