"""Resources that are links: nothing is uploaded, and the page never tells of a file that is not there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Rejected, Unavailable
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.udata.api import Api
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import hold, publish, upload
from datagw_tests.gateways.udata_places import TWICE, also, gouv, udata
from datagw_tests.servers.nginx import Nginx, missing
from datagw_tests.servers.udata import Udata

__all__ = ["also", "gouv", "udata"]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Nginx]:
    """Where the files stand already, for everybody."""
    if lack := missing():
        require_server(*lack)
    with Nginx(tmp_path / "nginx") as server:
        yield server


@pytest.fixture
def linking(also: Callable[..., Datagouv], web: Nginx) -> Datagouv:
    return also(remote=f"{web.url}/stocks/{{name}}", fields={"title": "Fichier {stem}"})


def there(web: Nginx, name: str, content: bytes) -> None:
    (web.root / "stocks").mkdir(exist_ok=True)
    (web.root / "stocks" / name).write_bytes(content)


def the_one(udata: Udata, gateway: Datagouv) -> dict[str, Any]:
    (found,) = udata.resources(gateway.root)
    return found


def test_a_page_leads_to_the_file_with_its_size_and_checksum(udata, web, linking, tmp_path):
    there(web, "Stock 1.zip", b"content")
    assert publish(linking, hold(tmp_path, "a", b"content"), "Stock 1.zip") == "readback"
    found = the_one(udata, linking)
    assert (found["filetype"], found["url"]) == ("remote", f"{web.url}/stocks/Stock%201.zip")
    assert (found["title"], found["filesize"], found["format"]) == ("Fichier Stock 1", 7, "zip")
    assert found["checksum"] == {"type": "sha1", "value": hashlib.sha1(b"content").hexdigest()}
    assert linking.stat("Stock 1.zip").size == 7
    assert linking.read("Stock 1.zip") == b"content"
    assert not [one for one in udata.asked() if f"{linking.root}" in one and "upload" in one]


def test_a_link_is_led_elsewhere_and_stays_one_resource(udata, web, linking, also, tmp_path):
    there(web, "a.zip", b"first")
    publish(linking, hold(tmp_path, "a", b"first"), "a.zip")
    number = the_one(udata, linking)["id"]
    there(web, "a.zip", b"second one")
    publish(linking, hold(tmp_path, "b", b"second one"), "a.zip")
    there(web, "2026-a.zip", b"third")
    elsewhere = also(remote=f"{web.url}/stocks/2026-{{name}}")
    publish(elsewhere, hold(tmp_path, "c", b"third"), "a.zip")
    found = the_one(udata, linking)
    assert (found["id"], found["filesize"], found["title"]) == (number, 5, "Fichier a")
    assert found["url"].endswith("/2026-a.zip")


@pytest.mark.parametrize("content", [None, b"older!!", b"other size"])
def test_a_page_tells_of_no_file_that_is_not_there(udata, web, linking, tmp_path, content):
    if content is not None:
        there(web, "a.zip", content)
    (one,) = linking.publish([upload(hold(tmp_path, "a", b"content"), "a.zip")])
    assert isinstance(one.error, Unavailable)
    assert "published there" in str(one.error)
    assert udata.resources(linking.root) == []


def test_a_file_that_nobody_can_fetch_from_here_is_believed_where_that_is_asked_for(udata, also, tmp_path):
    believing = also(remote="https://files.example.org/{path}", readback=False)
    assert publish(believing, hold(tmp_path, "a", b"content"), "2026/a.zip") == "accepted"
    assert the_one(udata, believing)["url"] == "https://files.example.org/2026/a.zip"


def test_an_uploaded_file_and_a_link_do_not_become_each_other(udata, gouv, also, web, linking, tmp_path):
    there(web, "a.csv", b"x")
    hosted = udata.uploaded(gouv.root, "old.csv", b"old")
    with pytest.raises(Rejected, match="holds an uploaded file"):
        publish(linking, hold(tmp_path, "a", b"x"), hosted)
    publish(also(readback=False, remote=f"{web.url}/{{path}}"), hold(tmp_path, "b", b"x"), "link.csv")
    with pytest.raises(Rejected, match="is a link"):
        publish(gouv, hold(tmp_path, "c", b"x"), "link.csv")


def test_a_link_whose_answer_is_lost_is_made_once(udata, web, linking, tmp_path, monkeypatch):
    there(web, "a.zip", b"content")
    real = Api.send
    lost: list[str] = []

    def send(self: Api, method: str, path: str, said: Any = None) -> Any:
        answer = real(self, method, path, said)
        if method == "POST" and not lost:
            lost.append(path)
            raise Unavailable("no answer")
        return answer

    monkeypatch.setattr(Api, "send", send)
    publish(linking.using(retries=TWICE), hold(tmp_path, "a", b"content"), "a.zip")
    assert lost
    assert the_one(udata, linking)["filesize"] == 7
