"""The SIRENE files, as the examples publish them: a list behind a password, an SFTP server, and what goes wrong between."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from datagw_tests.cli.conftest import Cli
from datagw_tests.gateways.conftest import an_sshd
from datagw_tests.servers.http_misbehaving import Asked, Line, Misbehaving, Reply, file, raw, status, told
from datagw_tests.servers.openssh import OpenSSH

T = TypeVar("T")

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "sirene"
STOCK, UNITS, DOUBLES = "StockEtablissement_utf8.zip", "StockUniteLegale_utf8.zip", "StockDoublons_utf8.zip"
FILES = {STOCK: b"stock " * 100, UNITS: b"units", DOUBLES: b"doubles"}
LOGIN = "Basic " + base64.b64encode(b"station7:s3cret").decode()


def guarded(reply: Reply) -> Reply:
    """The reply to those who know the password."""

    def answer(asked: Asked, line: Line) -> None:
        (reply if asked.headers.get("authorization") == LOGIN else status(401))(asked, line)

    return answer


@dataclass
class Depot:
    """The server of the list and of its files."""

    server: Misbehaving
    root: Path

    def lists(self, *names: str) -> None:
        items = "".join(f"<Fichiers><id>{name}</id><URI>{self.server.url}/{name}</URI></Fichiers>" for name in names)
        text = f'<?xml version="1.0"?><ns2:ServiceDepotRetrait xmlns:ns2="urn:depot">{items}</ns2:ServiceDepotRetrait>'
        self.server.get("/list.xml", guarded(file(text.encode())))

    def holds(self, name: str, content: bytes, version: int) -> None:
        self.server.both(f"/{name}", guarded(file(content, ETag=f'"{version}"')))

    def published(self) -> dict[str, bytes]:
        """What stands at the SFTP server, the date in its names written as DATE."""
        return {_dateless(path.name): path.read_bytes() for path in (self.root / "sirene").iterdir()}


def _dateless(name: str) -> str:
    return f"DATE-{name[11:]}" if name[:2] == "20" else name


def twice(files: dict[str, T]) -> dict[str, T]:
    return files | {f"DATE-{name}": content for name, content in files.items()}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    with an_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def depot(sshd: OpenSSH, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depot]:
    root = sshd.root / tmp_path.name
    root.mkdir()
    (home / ".ssh").mkdir()
    shutil.copy(sshd.known_hosts, home / ".ssh/known_hosts")
    shutil.copy(sshd.user_key, home / ".ssh/id_ed25519")
    for one in EXAMPLES.iterdir():
        if one.is_file():
            shutil.copy(one, tmp_path / one.name)
    monkeypatch.chdir(tmp_path)
    with Misbehaving() as server:
        told_by = {"SIRENE_URL": server.url, "SIRENE_USER": "station7", "SIRENE_PASSWORD": "s3cret"}
        sent_to = {"SFTP_HOST": "127.0.0.1", "SFTP_PORT": str(sshd.port), "SFTP_USER": sshd.username}
        for name, value in {**told_by, **sent_to, "SFTP_ROOT": str(root)}.items():
            monkeypatch.setenv(name, value)
        found = Depot(server, root)
        found.lists(*FILES, "Unknown_utf8.zip")
        for name, content in FILES.items():
            found.holds(name, content, 1)
        yield found


@pytest.mark.parametrize("form", ["jobs.toml", "pipeline.toml"])
def test_all_is_published_then_nothing_then_what_changed(form: str, depot: Depot, cli: Cli, tmp_path: Path):
    said = cli("-c", form, "run", "sirene")
    assert said.code == 0, said.err
    assert "Unknown_utf8.zip" in said.err
    assert depot.published() == twice(FILES)
    before = len(depot.server.asked)
    assert cli("-c", form, "run", "sirene").code == 0
    assert [one.target for one in depot.server.asked[before:] if one.method == "GET"].count("/list.xml") >= 1
    assert not [one for one in depot.server.asked[before:] if one.method == "GET" and one.target != "/list.xml"]
    depot.holds(UNITS, b"units, again", 2)
    before = len(depot.server.asked)
    assert cli("-c", form, "run", "sirene").code == 0
    asked = {one.target for one in depot.server.asked[before:] if one.method == "GET"}
    assert asked == {"/list.xml", f"/{UNITS}"}
    assert depot.published() == twice({**FILES, UNITS: b"units, again"})
    assert [*tmp_path.rglob(".datagw/tmp/**/*.zip")] == []


@pytest.mark.parametrize("form", ["jobs.toml", "pipeline.toml"])
def test_what_goes_wrong_with_one_file_stops_no_other(form: str, depot: Depot, cli: Cli):
    """Two files have failed, and one is published."""
    depot.server.both(f"/{STOCK}", status(401))
    depot.server.get(f"/{UNITS}", guarded(raw(told(200, {"Content-Length": 5, "ETag": '"1"'}), b"un")))
    Path(form).write_text(Path(form).read_text().replace("[sirene]\n", "[sirene]\nretries = { max = 0 }\n"))
    said = cli("-c", form, "run", "sirene")
    assert said.code == 3, said.err
    assert "s3cret" not in said.out + said.err
    assert depot.published() == twice({DOUBLES: FILES[DOUBLES]})
    failures = " ".join(str(one["error"]) for one in cli("-c", form, "history", "--json").json["failures"])
    assert re.search(f"{STOCK}: [^;]*401 Unauthorized", failures)
    assert re.search(f"{UNITS}: [^;]*ended the (file|connection)", failures)
    assert DOUBLES not in failures
    depot.holds(STOCK, FILES[STOCK], 1)
    depot.holds(UNITS, FILES[UNITS], 1)
    before = len(depot.server.asked)
    assert cli("-c", form, "run", "sirene").code == 0
    assert depot.published() == twice(FILES)
    assert f"/{DOUBLES}" not in {one.target for one in depot.server.asked[before:] if one.method == "GET"}


@pytest.mark.parametrize("form", ["jobs.toml", "pipeline.toml"])
def test_a_list_that_cannot_be_had_fails_the_run(form: str, depot: Depot, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    depot.server.get("/list.xml", guarded(file(b"<html>down for maintenance</html>")))
    said = cli("-c", form, "run", "sirene")
    words = {"jobs.toml": "the list has no `ns2:ServiceDepotRetrait.Fichiers`: it begins with html"}
    assert (said.code, words.get(form, "the list names no file at all") in said.err) == (1, True)
    monkeypatch.setenv("SIRENE_PASSWORD", "sesame")
    depot.lists(*FILES)
    said = cli("-c", form, "run", "sirene")
    assert (said.code, "401" in said.err, "sesame" in said.out + said.err) == (1, True, False)


def test_the_job_in_the_docs_does_what_they_say(depot: Depot, cli: Cli, tmp_path: Path):
    page = (EXAMPLES.parent.parent / "docs" / "lists.md").read_text()
    text = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "srv").mkdir()
    for written, here in (
        ("https://depot.example.org/sirene", depot.server.url),
        ("/srv/files", str(tmp_path / "srv")),
    ):
        assert written in text
        text = text.replace(written, here)
    Path("docs.toml").write_text(text)
    for name in ("Stock_utf8.zip", "Units_utf8.zip"):
        depot.holds(name, name.encode(), 1)
    depot.lists("Stock_utf8.zip", "Units_utf8.zip", "Doubles_utf8.zip")
    said = cli("-c", "docs.toml", "run", "sirene")
    assert said.code == 0, said.err
    assert "1 item of the list is not in `names`, and skipped: Doubles_utf8.zip" in said.err
    there = {_dateless(path.name): path.read_text() for path in (tmp_path / "srv/sirene").iterdir()}
    assert there == twice({"stock.zip": "Stock_utf8.zip", "units.zip": "Units_utf8.zip"})


def test_check_connect_says_whether_the_list_can_be_read(depot: Depot, cli: Cli):
    assert cli("check", "--connect").code == 0
    depot.server.get("/list.xml", guarded(file(b"<html/>")))
    said = cli("check", "--connect")
    assert said.code == 1
    assert "sirene: its source cannot be seen: depot:list.xml: the list has no" in said.out
