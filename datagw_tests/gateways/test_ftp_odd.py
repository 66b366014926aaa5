"""FTP servers that do less than others, do it differently, or say one thing and do another."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import part_name
from datagw.gateways.base import Gateway, Rename, Sent, Upload
from datagw.gateways.front.limits import Limiter
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.ftp import Ftp
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import QUICK
from datagw_tests.servers import vsftpd
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, Pyftpd

ONCE = RetryPolicy(max=0)
BIG = bytes(range(256)) * 12_000
Make = Callable[..., Pyftpd]


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Servers with the oddities that are asked for, started."""
    made: list[Pyftpd] = []

    def server(**options: Any) -> Pyftpd:
        made.append(Pyftpd(tmp_path / f"ftp{len(made)}", **options))
        made[-1].start()
        return made[-1]

    yield server
    for one in made:
        one.kill()


def on(server: Any, retries: RetryPolicy = QUICK, **changed: Any) -> Ftp:
    return Ftp(**server.fields(**changed)).using(name="institute", retries=retries)


def wish(content: bytes, final: str, *, resume: bool = False, **other: Any) -> Upload:
    return Upload(content, part_name(final, final), final, resume=resume, **other)


def sent(gateway: Gateway, *wishes: Upload) -> list[Sent]:
    with gateway:
        return list(gateway.send(wishes))


# ---- transfers that end in an odd way


class LosesTheEnd:
    """The control connection is closed when a file has been taken, before that is said."""

    times = 1
    lost = 0

    def respond(self, resp: str, logfun: Any = None) -> None:
        stored = self.data_channel is not None and self.data_channel.receive  # type: ignore[attr-defined]
        if resp.startswith("226") and stored and type(self).lost < self.times:
            type(self).lost += 1
            self.close()  # type: ignore[attr-defined]
            return
        super().respond(resp)  # type: ignore[misc]


@pytest.mark.parametrize("times", [1, 1000])
def test_a_large_file_whose_end_was_not_heard_of_is_looked_at_and_not_sent_again(make: Make, times: int) -> None:
    server = make(mixin=LosesTheEnd, handler={"times": times, "lost": 0})
    gateway = on(server)
    (one,) = sent(gateway, wish(BIG, "a"))
    assert one.error is None
    assert gateway.verify([one], "content") == ["readback"]
    assert len([line for line in server.asked if line.startswith("STOR")]) == 1


def test_a_small_file_whose_end_was_not_heard_of_is_sent_again(make: Make) -> None:
    server = make(mixin=LosesTheEnd, handler={"lost": 0})
    (one,) = sent(on(server), wish(b"small", "a"))
    assert (one.error, one.moved) == (None, 5)
    assert len([line for line in server.asked if line.startswith("STOR")]) == 2


def test_without_another_try_an_end_that_was_not_heard_of_is_no_success(make: Make) -> None:
    (one,) = sent(on(make(mixin=LosesTheEnd, handler={"lost": 0}), ONCE), wish(BIG, "a"))
    assert isinstance(one.error, Unavailable)


class SendsLess:
    """Files end after a thousand bytes; what is said of that is `reply`."""

    reply = "226 Transfer complete."

    def ftp_RETR(self, file: str) -> Any:  # noqa: N802
        content = Path(file).read_bytes()[:1000]
        self.push_dtp_data(content, cmd="RETR")  # type: ignore[attr-defined]
        return file

    def respond(self, resp: str, logfun: Any = None) -> None:
        last = ["", *self.asked][-1]  # type: ignore[attr-defined]
        super().respond(self.reply if resp.startswith("226") and last.startswith("RETR") else resp)  # type: ignore[misc]


@pytest.mark.parametrize("reply", ["226 Transfer complete.", "426 Connection closed.", "451 Read error."])
def test_a_file_that_comes_short_is_never_got(make: Make, tmp_path: Path, reply: str) -> None:
    server = make(mixin=SendsLess, handler={"reply": reply})
    (server.root / "a").write_bytes(BIG)
    gateway = on(server, ONCE)
    (tmp_path / "in").mkdir()
    (found,) = gateway.get_many([gateway.stat("a")], tmp_path / "in")
    assert isinstance(found, GatewayError)
    assert list((tmp_path / "in").iterdir()) == []


class HasNoRoom:
    """STOR is answered with `reply`, at once or when `after` says so."""

    reply = "552 Disk quota exceeded."
    late = False

    def ftp_STOR(self, file: str, mode: str = "w") -> Any:  # noqa: N802
        if not self.late:
            self.respond(self.reply)  # type: ignore[attr-defined]
            return None
        return super().ftp_STOR(file, mode)  # type: ignore[misc]

    def respond(self, resp: str, logfun: Any = None) -> None:
        last = ["", *self.asked][-1]  # type: ignore[attr-defined]
        super().respond(self.reply if resp.startswith("226") and last.startswith("STOR") else resp)  # type: ignore[misc]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("reply", ["552 Disk quota exceeded.", "452 Insufficient storage space."])
def test_a_place_that_is_full_says_so_and_is_not_asked_again(make: Make, reply: str, late: bool) -> None:
    server = make(mixin=HasNoRoom, handler={"reply": reply, "late": late})
    one, two = sent(on(server), wish(b"content", "a"), wish(b"content", "b"))
    assert isinstance(one.error, Full)
    assert isinstance(two.error, Full)
    assert len([line for line in server.asked if line.startswith("STOR")]) == 2


# ---- going on


@pytest.mark.parametrize(
    ("without", "moved"), [((), 1_072_000), (("REST",), 1_072_000), (("REST", "APPE"), len(BIG))], ids=str
)
def test_a_part_is_gone_on_with_as_the_server_can(make: Make, without: tuple[str, ...], moved: int) -> None:
    server = make(without=without)
    gateway = on(server)
    part = wish(BIG, "a").part
    (server.root / part).write_bytes(BIG[:2_000_000])
    (one,) = sent(gateway, wish(BIG, "a", resume=True))
    assert (one.error, one.moved) == (None, moved)
    assert one.sha256 == hashlib.sha256(BIG).hexdigest()
    assert (server.root / part).read_bytes() == BIG


class ForgetsWhere:
    """REST is agreed to, and does nothing."""

    def ftp_REST(self, line: str) -> None:  # noqa: N802
        self.respond(f"350 Restarting at position {line}.")  # type: ignore[attr-defined]


def test_a_server_that_does_not_go_on_though_it_says_so_is_found_out(make: Make) -> None:
    server = make(mixin=ForgetsWhere)
    gateway = on(server)
    (server.root / wish(BIG, "a").part).write_bytes(BIG[:2_000_000])
    (one,) = sent(gateway, wish(BIG, "a", resume=True))
    assert (one.error, gateway.verify([one], "content")) == (None, ["readback"])
    assert (server.root / wish(BIG, "a").part).read_bytes() == BIG
    (server.root / "b").write_bytes(BIG)
    found = [b"", b""]
    with pytest.raises(Rejected, match="REST"):
        for block in gateway._read_on(gateway.session(), gateway.stat("b"), 2_000_000):
            found.append(block)
    assert sum(map(len, found)) <= len(BIG) - 2_000_000


def test_a_read_goes_on_where_the_server_knows_no_rest(make: Make) -> None:
    server = make(without=("REST",))
    (server.root / "a").write_bytes(BIG)
    gateway = on(server)
    assert b"".join(gateway._read(gateway.session(), "a", 2_000_001)) == BIG[2_000_001:]


# ---- refusals that may mean anything


class SaysNothing:
    """Every refusal is a bare 550."""

    def respond(self, resp: str, logfun: Any = None) -> None:
        super().respond("550 Failed." if resp.startswith("550") else resp)  # type: ignore[misc]


@pytest.mark.parametrize("without", [(), ("MLSD", "MLST")], ids=["MLSD", "LIST"])
def test_a_bare_550_is_looked_into(make: Make, without: tuple[str, ...]) -> None:
    server = make(mixin=SaysNothing, without=without)
    (server.root / "folder/sub").mkdir(parents=True)
    (server.root / "file").write_bytes(b"x")
    gateway = on(server)
    for call in (gateway.stat, gateway.read, gateway.rm, lambda path: list(gateway.ls(path))):
        for path in ("nothing", "nothing/below", "folder/nothing"):
            with pytest.raises(NotFound):
                call(path)
    for call in (gateway.read, gateway.rm):
        with pytest.raises(Rejected, match="a folder"):
            call("folder")
    with pytest.raises(Rejected, match="a file"):
        list(gateway.ls("file"))
    assert isinstance(gateway.rename_many([Rename("nothing", "there", True)])[0], NotFound)
    assert isinstance(gateway.rename_many([Rename("file", "folder", True)])[0], Rejected)
    assert isinstance(gateway.rename_many([Rename("file", "no/such", True)])[0], NotFound)


@pytest.mark.parametrize("without", [(), ("MLSD", "MLST")], ids=["MLSD", "LIST"])
def test_what_is_there_and_refused_is_not_taken_for_absent(make: Make, without: tuple[str, ...]) -> None:
    server = make(mixin=SaysNothing, without=without)
    (server.root / "file").write_bytes(b"x")
    gateway = on(server)
    assert gateway.read("file") == b"x"
    server.authorizer.user_table["station7"]["perm"] = "el"
    for call in (gateway.read, gateway.rm):
        with pytest.raises(Denied, match="may this user"):
            call("file")
    assert isinstance(gateway.rename_many([Rename("file", "other", False)])[0], Denied)
    with pytest.raises(Rejected):
        gateway.mkdir("new")


class ListsRubbish:
    def push_dtp_data(self, data: Any, isproducer: bool = False, file: Any = None, cmd: Any = None) -> None:
        if cmd in ("LIST", "MLSD"):
            data, isproducer = b"<html>\r\n", False
        super().push_dtp_data(data, isproducer, file, cmd)  # type: ignore[misc]


@pytest.mark.parametrize("without", [(), ("MLSD", "MLST")], ids=["MLSD", "LIST"])
def test_a_listing_that_cannot_be_read_is_an_error(make: Make, without: tuple[str, ...]) -> None:
    with pytest.raises(Rejected, match="cannot be read"):
        list(on(make(mixin=ListsRubbish, without=without)).ls())


class RepeatsSecrets:
    def ftp_PASS(self, line: str) -> None:  # noqa: N802
        self.respond(f"530 {line} is not the password.")  # type: ignore[attr-defined]


def test_a_password_that_the_server_repeats_is_not_told(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Denied) as refused:
        on(make(mixin=RepeatsSecrets)).stat("a")
    chain = [refused.value, refused.value.__cause__, refused.value.__context__]
    assert "***" in str(refused.value)
    assert PASSWORD not in caplog.text + "".join(f"{one} {one!r}" for one in chain)


class AsksForAnAccount:
    def ftp_PASS(self, line: str) -> None:  # noqa: N802
        self.respond("332 Need account for login.")  # type: ignore[attr-defined]


def test_a_server_that_asks_for_more_than_there_is_is_told_of(make: Make) -> None:
    with pytest.raises(Denied, match="set `account`"):
        on(make(mixin=AsksForAnAccount)).stat("a")
    with pytest.raises(Denied, match="there is none"):
        on(make(), password=None).stat("a")


# ---- data connections


def test_the_address_of_another_host_is_not_followed_unless_asked_for(make: Make) -> None:
    server = make(without=("EPSV",), handler={"masquerade_address": "127.0.0.2"})
    (server.root / "a").write_bytes(b"x")
    assert on(server).read("a") == b"x"
    with pytest.raises(Unavailable):
        on(server, ONCE, follow_pasv=True).read("a")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_server_may_make_the_data_connections(make: Make, host: str) -> None:
    gateway = on(make(host=host), passive=False)
    gateway.put(BIG, "a")
    assert gateway.read("a") == BIG
    assert [entry.path for entry in gateway.ls()] == ["a"]


def test_a_server_on_ipv6_is_served(make: Make) -> None:
    gateway = on(make(host="::1"))
    gateway.put(b"x", "a")
    assert gateway.read("a") == b"x"


@pytest.mark.parametrize("kind", ["pyftpdlib", "vsftpd"])
def test_signs_of_life_are_given_during_a_long_transfer(make: Make, tmp_path: Path, kind: str) -> None:
    """pyftpdlib answers each at once, vsftpd all of them when the transfer is over."""
    if kind == "vsftpd" and (lack := vsftpd.missing()):
        require_server(*lack)
    with make() if kind == "pyftpdlib" else vsftpd.Vsftpd(tmp_path / "vsftpd") as server:
        gateway = on(server, ONCE, keepalive=0.05)
        gateway.live.limiters = (Limiter(4_000_000),)
        (one,) = sent(gateway, wish(BIG, "a"))
        assert one.error is None
        assert gateway.verify([one], "content") == ["readback"]
        assert gateway.stat(one.upload.part).size == len(BIG)
        said = server.asked if kind == "pyftpdlib" else server.log.read_text().splitlines()
        assert len([line for line in said if "NOOP" in line and "response" not in line]) > 3


# ---- settings


def test_names_are_written_in_the_servers_encoding(make: Make) -> None:
    server = make(handler={"encoding": "cp1252"})
    gateway = on(server, encoding="cp1252")
    gateway.put(b"x", "caf\u00e9 \u20ac/\u00fc.txt")
    assert [entry.path for entry in gateway.ls(recursive=True)] == ["caf\u00e9 \u20ac", "caf\u00e9 \u20ac/\u00fc.txt"]
    assert os.listdir(server.root) == ["caf\u00e9 \u20ac"], "it has understood"
    with pytest.raises(Rejected, match="cp1252"):
        gateway.stat("\u4e16\u754c")


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("encoding", "klingon", "no encoding"),
        ("encoding", "utf-16", "ASCII"),
        ("port", 0, "port"),
        ("host", "", "host"),
    ],
)
def test_settings_that_cannot_be_are_refused(field: str, value: object, word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        Ftp(**{"host": "h", field: value})


def test_permissions_are_set_where_the_server_can_and_else_it_is_said(make: Make) -> None:
    server = make()
    (one,) = sent(on(server), wish(b"x", "a", mode=0o640))
    assert (one.error, (server.root / one.upload.part).stat().st_mode & 0o777) == (None, 0o640)
    (two,) = sent(on(make(without=("SITE CHMOD",))), wish(b"x", "a", mode=0o640))
    assert isinstance(two.error, Unsupported)
    assert "`mode`" in str(two.error)


def test_what_has_no_line_of_its_own_is_no_password(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "x\r\nDELE a")
    server = make()
    with pytest.raises(Denied, match="line break"):
        on(server).stat("a")
    assert server.asked == []


@pytest.mark.parametrize("without", [(), ("MLSD", "MLST")], ids=["MLSD", "LIST"])
def test_what_lies_above_the_root_need_not_be_seen(make: Make, without: tuple[str, ...]) -> None:
    server = make(without=without)
    (server.root / "mine").mkdir()
    server.authorizer.user_table["station7"]["perm"] = ""
    server.authorizer.override_perm("station7", str(server.root / "mine"), "elradfmwMT", recursive=True)
    gateway = on(server, ONCE, root="/mine")
    gateway.check(write=True)
    gateway.put(b"x", "folder/a")
    assert [entry.path for entry in gateway.ls(recursive=True)] == ["folder", "folder/a"]
    with pytest.raises(Unavailable, match="root is not there"):
        on(server, ONCE, root="/mine/nothing").stat("a")
