"""data.gouv.fr as the docs and the examples show it, by the command, on a real udata."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw_tests.cli.conftest import Cli
from datagw_tests.cli.test_sirene import FILES, STOCK, UNITS, Depot, depot, sshd, twice
from datagw_tests.conftest import require_server
from datagw_tests.gateways.udata_places import udata
from datagw_tests.servers.http_misbehaving import Misbehaving, file
from datagw_tests.servers.nginx import Nginx, missing
from datagw_tests.servers.udata import Udata

__all__ = ["depot", "sshd", "udata"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "datagouv.md"


@pytest.fixture
def written(udata: Udata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a job file of the docs, with what is here in the place of what it names; its data set."""
    monkeypatch.setenv("DATAGOUV_TOKEN", udata.token)
    monkeypatch.chdir(tmp_path)

    def write(number: int, **here: str) -> str:
        blocks = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        text = next(block for at, block in enumerate(one for one in blocks if "source" in one) if at == number)
        text = text.replace('type = "datagouv"', f'type = "datagouv"\nurl = "{udata.url}"')
        data_set = udata.data_set()
        text = re.sub(r'^root = "(repertoire|base)[^"]*"', f'root = "{data_set}"', text, flags=re.MULTILINE)
        for said, real in here.items():
            assert said in text
            text = text.replace(said, real)
        Path("jobs.toml").write_text(text)
        return data_set

    return write


def pages(udata: Udata, data_set: str) -> dict[str, dict[str, Any]]:
    return {one["extras"].get("datagw:key", one["id"]): one for one in udata.resources(data_set)}


def test_the_first_job_of_the_page_publishes_and_replaces(written, udata: Udata, cli: Cli):
    with Misbehaving() as server:
        data_set = written(0, **{"https://media.example.org": server.url})
        server.both("/rna.zip", file(b"first", ETag='"1"'))
        assert cli("check", "--connect").code == 0
        said = cli("run", "rna")
        assert (said.code, "readback" in said.out) == (0, True), said.err
        first = pages(udata, data_set)["rna.zip"]
        server.both("/rna.zip", file(b"second", ETag='"2"'))
        assert cli("run", "rna").code == 0
    found = pages(udata, data_set)
    assert list(found) == ["rna.zip"]
    assert (found["rna.zip"]["id"], found["rna.zip"]["filesize"]) == (first["id"], 6)
    assert udata.token not in said.out + said.err
    assert cli("ls", "gouv:").out.split()[-1] == "rna.zip"


@pytest.mark.slow
def test_the_job_with_declared_resources_fills_them(written, udata: Udata, cli: Cli, tmp_path: Path):
    names = {
        "d2ac0f0e-1e4f-4f6b-9a52-2c5f0a4b6f3d": "StockEtablissement.zip",
        "0651fb76-bcf3-4f6a-a38d-bc04fa708576": "StockUniteLegale.zip",
    }
    data_set = written(1, **{"/srv/stocks": str(tmp_path)})
    text = Path("jobs.toml").read_text()
    for number, name in names.items():
        (tmp_path / name).write_bytes(name.encode())
        text = text.replace(number, udata.uploaded(data_set, "old.zip", b"old", title=f"Title of {name}"))
    Path("jobs.toml").write_text(text)
    said = cli("run", "stocks")
    assert said.code == 0, said.err
    assert {key: (one["title"], one["filesize"]) for key, one in pages(udata, data_set).items()} == {
        "StockEtablissement.zip": ("Title of StockEtablissement.zip", 22),
        "StockUniteLegale.zip": ("Unités légales", 20),
    }


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Nginx]:
    if lack := missing():
        require_server(*lack)
    with Nginx(tmp_path / "nginx") as server:
        yield server


@pytest.mark.slow
def test_the_job_with_links_publishes_the_file_then_its_page(written, udata: Udata, cli: Cli, web: Nginx):
    sftp = 'type = "sftp"\nhost = "files.example.org"\nusername = "sirene"\nroot = "/var/www/files"'
    with Misbehaving() as server:
        data_set = written(
            2,
            **{
                sftp: f'type = "local"\nroot = "{web.root}"',
                "https://files.example.org": web.url,
                "https://media.example.org": server.url,
            },
        )
        server.both("/stock.zip", file(b"stock", ETag='"1"'))
        said = cli("run", "stock")
    assert said.code == 0, said.err
    assert (web.root / "stocks" / "stock.zip").read_bytes() == b"stock"
    found = pages(udata, data_set)["stock.zip"]
    assert (found["filetype"], found["url"], found["filesize"]) == ("remote", f"{web.url}/stocks/stock.zip", 5)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["opendata.toml", "pipeline.toml"])
def test_the_sirene_files_are_told_of_on_their_page(
    form: str, depot: Depot, udata: Udata, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    if lack := missing():
        require_server(*lack)
    data_set = udata.data_set()
    number = udata.ask(
        "POST",
        f"datasets/{data_set}/resources/",
        json={"title": "Old", "url": "https://files.example.org/old.zip", "filetype": "remote", "type": "main"},
    )["id"]
    serving = f"location / {{ root {depot.root}; }}"
    with Nginx(tmp_path / "nginx", server=serving) as web:
        for name, value in {
            "DATAGOUV_URL": udata.url,
            "DATAGOUV_TOKEN": udata.token,
            "DATAGOUV_DATASET": data_set,
            "FILES_URL": web.url,
        }.items():
            monkeypatch.setenv(name, value)
        _with_page(form, number)
        said = cli("-c", form, "run", "sirene")
        assert said.code == 0, said.err
        first = pages(udata, data_set)
        depot.holds(UNITS, b"units, again", 2)
        assert cli("-c", form, "run", "sirene").code == 0
    assert depot.published() == twice({**FILES, UNITS: b"units, again"})
    found = pages(udata, data_set)
    assert {key: one["filesize"] for key, one in found.items()} == {
        key: len(content) for key, content in {**FILES, UNITS: b"units, again"}.items()
    }
    assert {key: one["id"] for key, one in found.items()} == {key: one["id"] for key, one in first.items()}
    assert found[STOCK]["id"] == number
    assert found[STOCK]["url"] == f"{web.url}/sirene/{STOCK}"
    assert re.fullmatch(r"Fichier StockUniteLegale_utf8 du \d\d \w+ 20\d\d", found[UNITS]["title"])
    assert udata.token not in said.out + said.err


def _with_page(form: str, number: str) -> None:
    """The stock's page is there already; and the class is told of the gateway that the job file has."""
    opendata = Path("opendata.toml").read_text()
    opendata = re.sub(r"^# Pages .*$", f'resources = {{ "{STOCK}" = "{number}" }}', opendata, flags=re.MULTILINE)
    Path("opendata.toml").write_text(opendata)
    if form == "pipeline.toml":
        gateway = opendata[opendata.index("[gateways.gouv]") : opendata.index("[sirene]")]
        text = Path(form).read_text().replace("[sirene.config]\n", '[sirene.config]\npage = "gouv:"\n')
        Path(form).write_text(f"{gateway}\n{text}")
