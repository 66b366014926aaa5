"""Servers that are not OpenSSH: without its extensions, with faults, with habits of their own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from asyncssh import constants as sftp

from datagw.errors import Denied, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, part_name
from datagw.gateways.base import Rename, Sent, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.sftp import Sftp
from datagw_tests.gateways.conftest import ONCE
from datagw_tests.servers.asyncssh_server import PASSWORD, AsyncSSH, FilesOf


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncSSH]:
    monkeypatch.setenv("ANNA_PASSWORD", PASSWORD)
    with AsyncSSH(tmp_path / "files") as place:
        yield place


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncSSH]:
    """A server without a single extension."""
    monkeypatch.setenv("ANNA_PASSWORD", PASSWORD)
    with AsyncSSH(tmp_path / "files", extensions=()) as place:
        yield place


def gateway_on(server: AsyncSSH, retries: RetryPolicy = ONCE) -> Sftp:
    return Sftp(**server.fields(server.root.parent)).using(name="odd", retries=retries)


def wish(content: bytes, final: str, mode: int | None = None) -> Upload:
    return Upload(content, part_name(final, final), final, 1_600_000_000 * 10**9, mode)


def sent(gateway: Sftp, *uploads: Upload) -> list[Sent]:
    return list(gateway.send(uploads))


def failing(operation: str, code: int, after: int = 0) -> object:
    """A fault that refuses an operation from its nth call on."""
    calls = 0

    def fault(_server: FilesOf, happening: str) -> None:
        nonlocal calls
        calls += happening == operation
        if happening == operation and calls > after:
            raise asyncssh.SFTPError(code, "the words of the server")

    return fault


def test_everything_works_without_a_single_extension(bare: AsyncSSH) -> None:
    with gateway_on(bare) as gateway:
        content = os.urandom(1_000_000)
        uploads = [wish(content, "a/big"), *(wish(b"%d" % n, f"a/f{n}") for n in range(100))]
        done = sent(gateway, *uploads)
        assert {one.error for one in done} == {None}
        assert set(gateway.verify(done, "content")) == {"readback"}
        for again in range(2):
            if again:
                done = sent(gateway, *uploads)
            assert gateway.rename_many([Rename(one.part, one.final, True) for one in uploads]) == [None] * 101
        assert (bare.root / "a" / "big").read_bytes() == content
        assert (bare.root / "a" / "f7").stat().st_mtime == 1_600_000_000
        assert gateway.live.gaps == {one.final for one in uploads}
        assert {path.name for path in (bare.root / "a").iterdir()} == {"big", *(f"f{n}" for n in range(100))}
        assert not gateway.sync(["a/big"])
        session = gateway.session()
        assert (session.wire.read_size, session.wire.handles) == (32 * 1024, 0)


def test_without_posix_rename_the_driver_says_that_it_cannot_replace(bare: AsyncSSH) -> None:
    (bare.root / "one").write_bytes(b"1")
    (bare.root / "two").write_bytes(b"2")
    with gateway_on(bare) as gateway:
        (error,) = gateway._rename_many(gateway.session(), [Rename("one", "two", True)])
        assert isinstance(error, Unsupported)
    assert (bare.root / "two").read_bytes() == b"2"


def test_a_folder_at_the_final_name_is_not_put_aside(bare: AsyncSSH) -> None:
    (bare.root / "f").mkdir()
    (bare.root / "f" / "theirs").write_bytes(b"theirs")
    (bare.root / "part").write_bytes(b"ours")
    with gateway_on(bare) as gateway:
        (error,) = gateway.rename_many([Rename("part", "f", True)])
    assert isinstance(error, Rejected)
    assert sorted(path.name for path in bare.root.rglob("*")) == ["f", "part", "theirs"]


@pytest.mark.parametrize("extensions", [(), ("hardlink@openssh.com",)], ids=["looked at", "hard link"])
def test_a_server_whose_rename_overwrites_is_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extensions: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ANNA_PASSWORD", PASSWORD)
    with AsyncSSH(tmp_path / "files", extensions=extensions) as server, gateway_on(server) as gateway:
        server.rename_overwrites = True
        for name in ("one", "two"):
            (server.root / name).write_bytes(name.encode())
        refused, done = gateway.rename_many([Rename("one", "two", False), Rename("one", "three", False)])
        assert isinstance(refused, Rejected)
        assert "stands there already" in str(refused)
        assert done is None
        assert {path.name: path.read_bytes() for path in server.root.iterdir()} == {"two": b"two", "three": b"one"}
        assert ("rename" in server.calls) is (extensions == ())


def test_times_are_set_only_after_the_content_has_arrived(server: AsyncSSH) -> None:
    with gateway_on(server) as gateway:
        done = sent(gateway, wish(os.urandom(2_000_000), "big"), wish(b"small", "small"))
        assert {one.error for one in done} == {None}
    content = [call for call in server.calls if call in ("write", "fsetstat", "close")]
    assert content.count("write") >= 9
    first = content.index("fsetstat")
    assert "write" not in content[first:] or content[first:].count("fsetstat") == 2
    for upload in done:
        assert (server.root / upload.upload.part).stat().st_mtime == 1_600_000_000


def test_a_place_that_takes_no_times_takes_the_file(server: AsyncSSH, caplog: pytest.LogCaptureFixture) -> None:
    server.fault = failing("fsetstat", sftp.FX_OP_UNSUPPORTED)  # type: ignore[assignment]
    with gateway_on(server) as gateway:
        done = [*sent(gateway, wish(b"a", "a"), wish(b"b", "b")), *sent(gateway, wish(b"c", "c"))]
    assert {one.error for one in done} == {None}
    assert [r.levelno for r in caplog.records if "modification times" in r.getMessage()] == [logging.WARNING]


def test_a_mode_that_was_asked_for_and_refused_is_an_error(server: AsyncSSH) -> None:
    server.fault = failing("fsetstat", sftp.FX_PERMISSION_DENIED)  # type: ignore[assignment]
    with gateway_on(server) as gateway:
        assert isinstance(sent(gateway, wish(b"a", "a", 0o600))[0].error, Denied)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sftp.FX_FAILURE, Rejected, "no space left, or a quota"),
        (sftp.FX_NO_SPACE_ON_FILESYSTEM, Rejected, "no space left"),
        (sftp.FX_QUOTA_EXCEEDED, Rejected, "quota"),
        (sftp.FX_PERMISSION_DENIED, Denied, "permission"),
    ],
)
def test_a_write_that_fails_is_told_and_the_other_files_arrive(
    server: AsyncSSH, code: int, kind: type[Exception], words: str
) -> None:
    server.fault = failing("write", code, after=1)  # type: ignore[assignment]
    with gateway_on(server) as gateway:
        first, second = sent(gateway, wish(b"1", "first"), wish(b"2" * 3_000_000, "second"))
    assert first.error is None
    assert isinstance(second.error, kind)
    assert words in str(second.error)
    assert server.calls.count("close") == server.calls.count("open")


def test_a_server_that_has_lost_its_own_disk_is_asked_again(server: AsyncSSH) -> None:
    usual = server.fault
    server.fault = failing("write", sftp.FX_CONNECTION_LOST)  # type: ignore[assignment]
    with gateway_on(server) as gateway:
        assert isinstance(sent(gateway, wish(b"1", "f"))[0].error, Unavailable)
    with gateway_on(server, RetryPolicy(max=1, backoff=0.01)) as gateway:
        calls = server.calls.count("write")
        server.fault = failing("write", sftp.FX_CONNECTION_LOST)  # type: ignore[assignment]
        failed = server.fault
        server.fault = lambda place, happening: (
            failed(place, happening) if server.calls.count("write") == calls + 1 else usual(place, happening)
        )
        assert sent(gateway, wish(b"1", "f"))[0].error is None


def test_a_failure_only_at_the_end_is_a_failure(server: AsyncSSH) -> None:
    server.fault = failing("close", sftp.FX_FAILURE)  # type: ignore[assignment]
    with gateway_on(server) as gateway:
        assert isinstance(sent(gateway, wish(b"1", "f"))[0].error, Rejected)


def test_a_line_dropped_at_any_write_is_gone_on_with(server: AsyncSSH) -> None:
    drops = []

    def drop(place: FilesOf, operation: str) -> None:
        if operation == "write" and server.calls.count("write") in (3, 20, 60):
            drops.append(place.drop())

    server.fault = drop
    content = os.urandom(5_000_000)
    with gateway_on(server, RetryPolicy(max=5, backoff=0.01)) as gateway:
        (done,) = sent(gateway, wish(content, "f"))
        assert done.error is None
        assert gateway.verify([done], "content") == ["readback"]
    assert len(drops) >= 2
    assert (server.root / done.upload.part).read_bytes() == content


def test_short_answers_are_asked_for_again(server: AsyncSSH) -> None:
    server.short_reads = True
    content = os.urandom(700_000)
    (server.root / "f").write_bytes(content)
    (server.root / "g").write_bytes(b"g")
    with gateway_on(server) as gateway:
        assert gateway.read("f") == content
        pieces = gateway._read_many(gateway.session(), [RemoteFile("f", 700_000), RemoteFile("g", 1)])
        assert b"".join(block for _, block in pieces if isinstance(block, bytes)) == content + b"g"


def test_a_read_that_fails_is_that_files_error(server: AsyncSSH) -> None:
    (server.root / "f").write_bytes(b"f" * 10)
    server.fault = failing("read", sftp.FX_FAILURE)  # type: ignore[assignment]
    with gateway_on(server) as gateway:
        ((file, error),) = gateway._read_many(gateway.session(), [RemoteFile("f", 10)])
    assert file.path == "f"
    assert isinstance(error, Rejected)
    assert "the words of the server" in str(error)
