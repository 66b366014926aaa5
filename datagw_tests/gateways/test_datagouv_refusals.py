"""What data.gouv.fr refuses, and how that is told: in its own words, with what to do, and never with the token."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from datagw.errors import Denied, GatewayError, Rejected, Unavailable
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.front.retries import RetryPolicy
from datagw_tests.gateways.promise import hold, publish, upload
from datagw_tests.gateways.udata_places import ONCE, also, gouv, udata

__all__ = ["also", "gouv", "udata"]


def test_an_extension_that_is_not_taken_is_told_with_those_that_are_before_a_byte_is_sent(udata, gouv, tmp_path):
    before = len(udata.asked())
    with pytest.raises(Rejected, match=r"takes no files that end with \.exe; it takes 7z, bz2, .*, csv, "):
        publish(gouv, hold(tmp_path, "a", b"x"), "a.exe")
    with pytest.raises(Rejected, match="without an extension"):
        publish(gouv, hold(tmp_path, "b", b"x"), "README")
    assert not [one for one in udata.asked()[before:] if one.startswith("POST")]
    assert udata.resources(gouv.root) == []


def test_one_file_that_is_refused_does_not_take_the_others_down(gouv, tmp_path):
    wishes = [upload(hold(tmp_path, name, b"x"), name) for name in ("a.csv", "b.exe", "c.csv")]
    assert {one.upload.final: type(one.error) for one in gouv.publish(wishes)} == {
        "a.csv": type(None),
        "b.exe": Rejected,
        "c.csv": type(None),
    }


def test_who_may_not_edit_a_data_set_is_told_so(gouv, also, tmp_path):
    stranger = also(token={"env": "UDATA_STRANGER"})
    with pytest.raises(Denied, match="403.*may the owner of this token edit this data set"):
        publish(stranger, hold(tmp_path, "a", b"x"), "a.csv")
    with pytest.raises(Denied, match=f"may not edit the data set {gouv.root}"):
        stranger.check(write=True)
    gouv.check(write=True)


def test_a_data_set_that_was_deleted_is_an_error_for_all_and_no_empty_folder(udata, gouv, also, tmp_path):
    udata.ask("DELETE", f"datasets/{gouv.root}/")
    for gateway in (gouv, Datagouv(url=udata.url, root=gouv.root)):
        with pytest.raises(Denied, match=f"{gouv.root}.*has been deleted"):
            list(gateway.ls())
    with pytest.raises(Denied, match="has been deleted"):
        publish(gouv, hold(tmp_path, "a", b"x"), "a.csv")


def test_a_data_set_that_is_not_there_or_private_is_an_error(udata, gouv, also):
    with pytest.raises(Denied, match="has no data set never-made, or a private one that this token may not see"):
        also(root="").stat("never-made/a.csv")
    private = udata.data_set(private=True)
    assert list(also(root=private).ls()) == []
    for other in (also(root=private, token={"env": "UDATA_STRANGER"}), Datagouv(url=udata.url, root=private)):
        with pytest.raises(Denied, match="or a private one"):
            list(other.ls())


def test_a_path_without_a_data_set_is_told_what_to_write(also, tmp_path):
    nowhere = also(root="")
    with pytest.raises(Rejected, match="name a data set, as in gouv:DATASET/"):
        list(nowhere.ls())
    with pytest.raises(Rejected, match="names a data set and no file in it, as gouv:DATASET/NAME does"):
        publish(nowhere, hold(tmp_path, "a", b"x"), "a.csv")


def test_a_wrong_token_is_told_in_the_words_of_the_place_and_not_shown(also, monkeypatch):
    monkeypatch.setenv("WRONG", "udata_wrong")
    with pytest.raises(Denied, match="401: Invalid API token; is the token right") as refused:
        also(token={"env": "WRONG"}).stat("a.csv")
    assert "udata_wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "https://user:pass@www.data.gouv.fr"}, "credentials do not stand"),
        ({"url": "https://udata.example.org", "demo": True}, "either demo or url"),
        ({"resources": {"a.csv": "mine"}}, "the id of a resource is written"),
        (
            {"resources": dict.fromkeys(["a", "b"], "d2ac0f0e-1e4f-4f6b-9a52-2c5f0a4b6f3d")},
            "two paths for one resource",
        ),
        ({"fields": {"title": "{nmae}"}}, "`{nmae}` is not known"),
        ({"fields": {"titel": "a"}}, "titel"),
        ({"remote": "https://files.example.org/stock.zip"}, "the same for every file"),
        ({"remote": "files/{name}"}, "is a web address"),
    ],
)
def test_settings_that_make_no_sense_are_refused_beforehand(fields, said):
    with pytest.raises(ValidationError, match=said):
        Datagouv(**fields)


# ---- answers that are not those of udata


class Canned(http.server.BaseHTTPRequestHandler):
    """Answers everything with what the test has put into `answer`."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def do_GET(self) -> None:
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Datagouv]:
    monkeypatch.setenv("TOKEN", "station7-token")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield Datagouv(url=url, token={"env": "TOKEN"}, timeout=5).using(name="gouv", retries=ONCE)
        server.shutdown()
        thread.join()


def said(gateway: Datagouv, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, **headers: str) -> GatewayError:
    """The error that an answer becomes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    monkeypatch.setattr(Canned, "answer", (status, named, body))
    with pytest.raises(GatewayError) as refused:
        gateway.stat("stock/a.csv")
    assert "station7-token" not in str(refused.value)
    return refused.value


def test_what_a_place_says_when_it_is_busy_is_heeded(canned, monkeypatch):
    error = said(canned, monkeypatch, 429, b'{"message": "Doucement"}', Retry_After="17")
    assert isinstance(error, Unavailable)
    assert (error.retry_after, "429: Doucement" in str(error)) == (17.0, True)
    assert isinstance(said(canned, monkeypatch, 503, b"<html><title>Maintenance</title>"), Unavailable)


def test_a_page_of_a_proxy_is_not_taken_for_an_answer(canned, monkeypatch):
    page = b"<html><head><title>Please log in</title></head></html>"
    error = said(canned, monkeypatch, 200, page, Content_Type="text/html")
    assert isinstance(error, Unavailable)
    assert "no answer of udata (Please log in); is `url` right, or a proxy in between?" in str(error)


def test_a_server_that_is_no_udata_is_told_so(canned, monkeypatch):
    error = said(canned, monkeypatch, 404, b"<h1>not here</h1>")
    assert isinstance(error, Denied)
    assert "is no udata" in str(error)


def test_a_token_that_comes_back_in_a_message_is_not_shown(canned, monkeypatch):
    error = said(canned, monkeypatch, 401, b'{"errors": {"token": ["station7-token est inconnu"]}}')
    assert "token: \u2026 est inconnu" in str(error)


def test_an_answer_in_another_form_is_an_outage_and_no_empty_data_set(canned, monkeypatch):
    for body in (b"[]", b'{"id": "1"}', b"3", b'"text"', b"null"):
        assert isinstance(said(canned, monkeypatch, 200, body), Unavailable)


def test_a_place_out_of_reach_takes_nothing_and_the_file_goes_when_it_is_back(udata, gouv, tmp_path):
    udata.line.refuse = True
    gateway = gouv.using(retries=RetryPolicy(max=1, backoff=0.01))
    heard: list[float] = []

    def moved(_count: int) -> None:
        heard.append(1)

    with pytest.raises(Unavailable):
        publish(gateway.using(moved=moved), hold(tmp_path, "a", b"x"), "a.csv")
    udata.line.refuse = False
    assert heard == []
    publish(gateway, hold(tmp_path, "b", b"x"), "a.csv")
