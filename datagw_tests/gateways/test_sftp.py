"""Files on a real OpenSSH server."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Aborted, Denied, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, StagedFile, part_name
from datagw.gateways.base import Rename, Sent, Upload
from datagw.gateways.front.reading import Reading
from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw.gateways.ssh import send
from datagw.gateways.ssh.packets import Answer, Attributes
from datagw.gateways.ssh.wire import Wire
from datagw_tests.gateways.conftest import ONCE, an_sshd
from datagw_tests.gateways.promise import NASTY
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.openssh import OpenSSH


def wish(content: bytes, final: str, mtime_ns: int | None = None, mode: int | None = None) -> Upload:
    return Upload(content, part_name(hashlib.sha256(content).hexdigest(), final), final, mtime_ns, mode)


def sent(gateway: Sftp, *uploads: Upload, sync: bool = False) -> list[Sent]:
    return list(gateway.send(uploads, sync=sync))


def from_disk(path: Path, final: str) -> Upload:
    claim = Local(root=str(path.parent)).stat(path.name)
    return Upload(StagedFile(path, claim), part_name(claim.content_version, final), final, claim.mtime_ns)


# ---- many files


def test_two_thousand_files_arrive_with_their_content_time_and_mode(gateway: Sftp, root: Path) -> None:
    contents = {f"d{n % 20}/f{n}": os.urandom(n % 700) for n in range(2000)}
    uploads = [
        wish(content, name, (1_600_000_000 + n) * 10**9, 0o640 if n % 2 else 0o604)
        for n, (name, content) in enumerate(contents.items())
    ]
    done = sent(gateway, *uploads)
    assert {one.error for one in done} == {None}
    assert [one.upload for one in done] == uploads
    assert set(gateway.verify(done, "content")) == {"hash"}
    assert gateway.rename_many([Rename(one.part, one.final, True) for one in uploads]) == [None] * 2000
    for n, (name, content) in enumerate(contents.items()):
        found = (root / name).stat()
        assert (root / name).read_bytes() == content
        assert int(found.st_mtime) == 1_600_000_000 + n
        assert stat.S_IMODE(found.st_mode) == (0o640 if n % 2 else 0o604)
    back = b"".join(
        block
        for _, block in gateway._read_many(
            gateway.session(), [RemoteFile(name, len(content)) for name, content in contents.items()]
        )
        if isinstance(block, bytes)
    )
    assert back == b"".join(contents.values())
    assert sum(1 for _ in gateway.ls(recursive=True)) == 2020
    assert gateway.rm_many(list(contents)) == [None] * 2000


def test_a_long_line_costs_its_length_once_not_for_every_file(sshd: OpenSSH, root: Path) -> None:
    with Chaos("127.0.0.1", sshd.port) as line:
        fields = sshd.fields(port=line.port, root=str(root), insecure=True)
        with Sftp(**fields).using(retries=ONCE) as gateway:
            gateway.stat("")
            line.latency = 0.02
            began = time.monotonic()
            done = sent(gateway, *(wish(b"x" * 1000, f"f{n}") for n in range(300)))
            names = [one.upload.part for one in done]
            assert {one.error for one in done} == {None}
            assert all(isinstance(found, RemoteFile) for found in gateway.stat_many(names))
            pieces = gateway._read_many(gateway.session(), [RemoteFile(name, 1000) for name in names])
            assert sum(len(block) for _, block in pieces if isinstance(block, bytes)) == 300_000
            assert gateway.rm_many(names) == [None] * 300
            took = time.monotonic() - began
            line.latency = 0
    one_after_the_other = 300 * 9 * 0.04
    assert took < one_after_the_other / 8


def test_one_failing_file_keeps_its_error_to_itself(gateway: Sftp, root: Path) -> None:
    (root / "b").mkdir()
    (root / wish(b"2", "b").part).mkdir()
    outcome = {one.upload.final: one.error for one in sent(gateway, wish(b"1", "a"), wish(b"2", "b"), wish(b"3", "c"))}
    assert isinstance(outcome["b"], Rejected)
    assert "folder" in str(outcome["b"])
    assert (outcome["a"], outcome["c"]) == (None, None)


def test_a_slow_limit_is_kept_in_small_steps(gateway: Sftp) -> None:
    steps: list[int] = []
    slow = gateway.using(retries=ONCE, bandwidth=200_000, moved=steps.append)
    with slow:
        (done,) = slow.send([wish(bytes(200_000), "f")])
    assert done.error is None
    assert max(steps) <= 50_000


def test_the_order_to_end_reaches_a_send_that_is_under_way(gateway: Sftp) -> None:
    blocks = []

    def fence() -> None:
        if len(blocks) > 3:
            raise Aborted("told to end")

    ending = gateway.using(retries=ONCE, fence=fence, moved=blocks.append)
    with ending, pytest.raises(Aborted):
        list(ending.send([wish(os.urandom(5_000_000), "big"), wish(b"x", "small")]))
    assert 3 < len(blocks) <= 6


# ---- parts


def test_a_part_goes_on_where_it_ends_and_is_not_cut_short(gateway: Sftp, root: Path, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "big").write_bytes(content)
    upload = from_disk(tmp_path / "big", "big")
    (root / upload.part).write_bytes(content[:2_000_000])
    inode = (root / upload.part).stat().st_ino
    reading = Reading(upload, lambda _count: None)
    reading.hash_prefix(2_000_000)
    ((_, error),) = gateway._send_many(gateway.session(), [reading], False)
    assert error is None
    assert (root / upload.part).read_bytes() == content
    assert (root / upload.part).stat().st_ino == inode
    assert reading.sha256 == hashlib.sha256(content).hexdigest()


def test_an_old_part_gives_way_to_a_new_one(gateway: Sftp, root: Path) -> None:
    upload = wish(b"new", "f")
    (root / upload.part).write_bytes(b"something longer")
    assert sent(gateway, upload)[0].error is None
    assert (root / upload.part).read_bytes() == b"new"


def test_a_link_at_the_name_of_a_part_is_not_written_through(gateway: Sftp, root: Path) -> None:
    (root / "precious").write_bytes(b"precious")
    upload = wish(b"new", "f")
    (root / upload.part).symlink_to(root / "precious")
    assert sent(gateway, upload)[0].error is None
    assert (root / "precious").read_bytes() == b"precious"
    assert not (root / upload.part).is_symlink()


def test_a_folder_that_goes_between_mkdir_and_send_is_made_again(gateway: Sftp, root: Path) -> None:
    gateway.mkdir("a/b")
    shutil.rmtree(root / "a")
    assert sent(gateway, wish(b"x", "a/b/f"))[0].error is None


def test_the_root_itself_is_never_made(sshd: OpenSSH, root: Path) -> None:
    with Sftp(**sshd.fields(root=str(root / "mounted"))).using(retries=ONCE) as gateway:
        with pytest.raises(Unavailable, match="root is not there"):
            list(gateway.ls())
        with pytest.raises(Unavailable, match="root is not there"):
            gateway.mkdir("below")
    assert list(root.iterdir()) == []


def test_a_root_that_goes_while_we_are_connected_is_not_made_again(gateway: Sftp, root: Path) -> None:
    gateway.stat("")
    root.rmdir()
    with pytest.raises(NotFound):
        gateway.mkdir("below/it")
    assert not root.exists()


def test_the_root_may_be_a_link_and_relative_to_the_login_folder(sshd: OpenSSH, root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(root)
    with Sftp(**sshd.fields(root=str(root / "link"))).using(retries=ONCE) as gateway:
        assert gateway.stat("").kind == "folder"
        gateway.check(write=True)
    home = Path(os.path.expanduser(f"~{sshd.username}"))
    relative = os.path.relpath(root, home)
    with Sftp(**sshd.fields(root=relative)).using(retries=ONCE) as gateway:
        gateway.put(b"x", "f")
        assert gateway.hashes([gateway.stat("f")]) == [(hashlib.sha256(b"x").hexdigest(), "hash")]
    assert (root / "f").read_bytes() == b"x"


# ---- looking


def test_entries_are_told_by_kind_and_links_are_not_followed(gateway: Sftp, root: Path) -> None:
    (root / "file").write_bytes(b"12345")
    os.utime(root / "file", (1_700_000_000, 1_700_000_000))
    (root / "folder").mkdir()
    (root / "link").symlink_to("folder")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    found = {entry.path: entry for entry in gateway.ls()}
    assert {path: entry.kind for path, entry in found.items()} == {
        "dangling": "symlink",
        "file": "file",
        "folder": "folder",
        "link": "symlink",
        "pipe": "special",
    }
    assert (found["file"].size, found["file"].mtime_ns, found["file"].clock) == (5, 1_700_000_000 * 10**9, 10**9)
    assert {path: gateway.stat(path) for path in found} == found


def test_a_file_is_no_folder_to_list(gateway: Sftp, root: Path) -> None:
    (root / "file").write_bytes(b"x")
    with pytest.raises((NotFound, Rejected)):
        list(gateway.ls("file"))
    with pytest.raises(Rejected, match="not a folder"):
        gateway._rmdir(gateway.session(), "file")


def test_a_listing_that_nobody_finishes_gives_its_handle_back(gateway: Sftp, root: Path) -> None:
    for n in range(500):
        (root / f"f{n}").touch()
    session = gateway.session()
    for _ in range(3):
        entries = gateway._ls(session, "")
        next(entries)
        entries.close()  # type: ignore[attr-defined]
    assert len(list(gateway.ls())) == 500


def test_a_server_that_lists_slashes_is_not_followed(
    gateway: Sftp, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "f").touch()
    usual = Answer.names

    def evil(answer: Answer) -> list[tuple[str, Attributes]] | None:
        found = usual(answer)
        return found and [*found, ("../../etc/passwd", found[0][1])]

    monkeypatch.setattr(Answer, "names", evil)
    with pytest.raises(Rejected, match="no file can have"):
        list(gateway.ls())


def test_what_a_listing_leaves_out_is_asked_for(gateway: Sftp, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "file").write_bytes(b"12345")
    (root / "folder").mkdir()
    usual = Answer.names

    def terse(answer: Answer) -> list[tuple[str, Attributes]] | None:
        found = usual(answer)
        return found and [*((name, Attributes()) for name, _ in found), ("gone", Attributes())]

    monkeypatch.setattr(Answer, "names", terse)
    found = [(entry.path, entry.kind) for entry in gateway.ls()]
    assert found == [("file", "file"), ("folder", "folder")]


# ---- reading


def test_a_file_is_read_from_any_offset(gateway: Sftp, root: Path) -> None:
    content = os.urandom(1_200_000)
    (root / "f").write_bytes(content)
    session = gateway.session()
    for offset in (0, 1, 261_120, 1_199_999, 1_200_000, 2_000_000):
        assert b"".join(gateway._read(session, "f", offset)) == content[offset:]


@pytest.mark.parametrize("told", [0, 1, 300_000, 700_000, 5_000_000])
def test_a_file_is_read_to_its_true_end_whatever_size_was_told(gateway: Sftp, root: Path, told: int) -> None:
    content = os.urandom(700_000)
    (root / "a").write_bytes(content)
    (root / "b").write_bytes(b"next")
    pieces = list(gateway._read_many(gateway.session(), [RemoteFile("a", told), RemoteFile("b", 4)]))
    assert b"".join(block for file, block in pieces if file.path == "a" and isinstance(block, bytes)) == content
    assert [file.path for file, block in pieces if block is None] == ["a", "b"]
    assert pieces[-2] == (RemoteFile("b", 4), b"next")


def test_a_missing_file_among_others_has_its_error_in_its_place(gateway: Sftp, root: Path) -> None:
    for n in (0, 2):
        (root / f"f{n}").write_bytes(b"x")
    ends = [
        (file.path, type(block))
        for file, block in gateway._read_many(gateway.session(), [RemoteFile(f"f{n}", 1) for n in range(3)])
        if not isinstance(block, bytes)
    ]
    assert ends == [("f0", type(None)), ("f1", NotFound), ("f2", type(None))]


def test_a_reading_that_nobody_finishes_leaves_the_session_in_order(gateway: Sftp, root: Path) -> None:
    for n in range(100):
        (root / f"f{n}").write_bytes(bytes(500_000))
    session = gateway.session()
    for _ in range(5):
        pieces = gateway._read_many(session, [RemoteFile(f"f{n}", 500_000) for n in range(100)])
        next(iter(pieces))
        pieces.close()  # type: ignore[attr-defined]
    assert len(gateway.read("f7")) == 500_000


# ---- names


def test_hostile_names_are_hashed_by_the_server_and_run_nothing(gateway: Sftp, root: Path) -> None:
    names = [*NASTY, "$(touch x)", "`touch y`", "--help", "-z", "\\", "\\n", "a\nb", " ", "é"]
    contents = {f"in {n}/{name}": os.urandom(50) for n, name in enumerate(names)}
    uploads = [wish(content, name) for name, content in contents.items()]
    done = sent(gateway, *uploads)
    assert {one.error for one in done} == {None}
    assert gateway.rename_many([Rename(one.part, one.final, True) for one in uploads]) == [None] * len(uploads)
    files = [gateway.stat(name) for name in contents]
    assert gateway._hash(gateway.session(), files) == [
        hashlib.sha256(content).hexdigest() for content in contents.values()
    ]
    assert sorted(os.listdir(root)) == sorted(f"in {n}" for n in range(len(names)))


def test_large_files_with_hostile_names_are_hashed_as_well(gateway: Sftp, root: Path) -> None:
    names = ["plain", "a\nb", "back\\slash", b"\xff".decode("utf-8", "surrogateescape"), "-sha1"]
    for n, name in enumerate(names):
        with open(os.fsencode(root) + b"/" + name.encode("utf-8", "surrogateescape"), "wb") as file:
            file.write(b"%d" % n)
            file.truncate(17_000_000)
    found = gateway._hash(gateway.session(), [RemoteFile(name, 17_000_000) for name in names])
    assert found == [hashlib.sha256((b"%d" % n).ljust(17_000_000, b"\0")).hexdigest() for n in range(len(names))]


def test_a_name_that_is_too_long_is_rejected(gateway: Sftp) -> None:
    (outcome,) = gateway.send([Upload(b"x", "n" * 256, "n" * 256)])
    assert isinstance(outcome.error, Rejected)


def test_a_rename_says_which_of_both_is_not_there(gateway: Sftp, root: Path) -> None:
    (root / "here").write_bytes(b"x")
    first, second = gateway.rename_many([Rename("gone", "x", True), Rename("here", "no/folder", True)])
    assert isinstance(first, NotFound)
    assert isinstance(second, NotFound)
    assert (first.path, second.path) == ("gone", "no")


def test_a_rename_onto_a_folder_says_so(gateway: Sftp, root: Path) -> None:
    (root / "folder" / "full").mkdir(parents=True)
    (root / "file").write_bytes(b"x")
    for replace in (True, False):
        (error,) = gateway.rename_many([Rename("file", "folder", replace)])
        assert isinstance(error, Rejected)
        assert "a folder stands in the way" in str(error)
    assert (root / "file").read_bytes() == b"x"


def test_renames_are_taken_one_by_one_so_that_a_lost_lease_stops_them(gateway: Sftp, root: Path) -> None:
    for n in range(3):
        (root / f"f{n}").write_bytes(b"x")

    def renames() -> Iterator[Rename]:
        yield Rename("f0", "g0", True)
        yield Rename("f1", "g1", True)
        raise Aborted("told to end")

    with pytest.raises(Aborted):
        list(gateway._rename_many(gateway.session(), renames()))
    gateway.stat("")
    assert (root / "f2").exists()


def test_what_stands_in_the_way_of_a_folder_is_named(gateway: Sftp, root: Path) -> None:
    (root / "a").mkdir()
    (root / "a" / "file").write_bytes(b"x")
    with pytest.raises(Rejected, match="a file stands in the way") as error:
        gateway.mkdir("a/file/below/it")
    assert error.value.path == "a/file"
    (root / "dangling").symlink_to("nowhere")
    with pytest.raises(Rejected, match="in the way"):
        gateway.mkdir("dangling/below")
    assert not (root / "nowhere").exists()


def test_a_linked_folder_counts_as_one(gateway: Sftp, root: Path) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    gateway.mkdir("link/below")
    assert (root / "real" / "below").is_dir()


def test_folders_are_removed_only_empty_and_files_only_as_files(gateway: Sftp, root: Path) -> None:
    (root / "full" / "sub").mkdir(parents=True)
    (error,) = gateway.rm_many(["full"])
    assert isinstance(error, Rejected)
    assert "a folder" in str(error)
    assert not gateway.rmdir("full")
    assert gateway.rmdir("full/sub")
    assert gateway.rmdir("full")
    assert gateway.rmdir("full")


def test_files_and_folders_go_to_stable_storage(gateway: Sftp) -> None:
    done = sent(gateway, *(wish(b"x", f"d/f{n}") for n in range(150)), sync=True)
    assert {one.error for one in done} == {None}
    assert gateway.sync([one.upload.part for one in done])
    with pytest.raises(NotFound):
        gateway.sync(["d/nothing"])


# ---- what a server may lack


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    folder = root / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("a small disk needs the right to mount one (root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_ends_the_reading_early(gateway: Sftp, small_disk: Path, tmp_path: Path) -> None:
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(300_000_000)
    read: list[int] = []
    place = gateway.using(retries=ONCE, moved=read.append)
    with place:
        big, small = place.send([from_disk(tmp_path / "huge", "small/huge"), wish(b"x" * 5000, "small/f")])
    assert isinstance(big.error, Rejected)
    assert "no space left" in str(big.error)
    assert sum(read) < 60_000_000
    assert isinstance(small.error, Rejected)
    os.unlink(small_disk / big.upload.part.removeprefix("small/"))
    assert sent(gateway, wish(b"x", "small/f"))[0].error is None


def test_a_disk_that_is_mounted_read_only_is_told(gateway: Sftp, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    (outcome,) = sent(gateway, wish(b"x", "small/f"))
    assert isinstance(outcome.error, Denied)
    assert "read-only" in str(outcome.error)


def test_a_folder_without_the_right_to_write_is_denied(tmp_path: Path) -> None:
    humble = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # a root that obeys
    with an_sshd(tmp_path / "humble", command=humble) as server:
        locked = server.root / "locked"
        locked.mkdir()
        (locked / "theirs").write_bytes(b"x")
        locked.chmod(0o555)
        with Sftp(**server.fields()).using(retries=ONCE) as gateway:
            outcomes = [
                sent(gateway, wish(b"x", "locked/f"))[0].error,
                *gateway.rm_many(["locked/theirs"]),
                *gateway.rename_many([Rename("locked/theirs", "mine", True), Rename("locked/theirs", "mine", False)]),
            ]
            assert [type(one) for one in outcomes] == [Denied] * 4
            with pytest.raises(Denied) as error:
                gateway.mkdir("locked/below/it")
            assert error.value.path == "locked/below"
        assert [path.name for path in locked.iterdir()] == ["theirs"]
        locked.chmod(0o755)


# ---- memory, crashes


@pytest.mark.parametrize("size", [400 << 20, pytest.param(5 << 30, marks=pytest.mark.slow)])
def test_memory_stays_flat_whatever_the_size_of_a_file(sshd: OpenSSH, root: Path, tmp_path: Path, size: int) -> None:
    script = textwrap.dedent("""
        import json, sys
        from pathlib import Path
        from datagw.files import RemoteFile
        from datagw.gateways.sftp import Sftp
        from datagw_tests.gateways.test_sftp import from_disk
        gateway = Sftp(**json.loads(sys.argv[1]))
        upload = from_disk(Path(sys.argv[2]), "sparse")
        (done,) = gateway.send([upload])
        assert done.error is None, done.error
        read = sum(len(block) for block in gateway._read(gateway.session(), upload.part))
        assert read == upload.size
        gateway.rm(upload.part)
        gateway.close()
        told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]  # ru_maxrss is that of the parent, too
        print(int(told.split()[0]) // 1024)
    """)
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(size)
    import json

    command = [sys.executable, "-c", script, json.dumps(sshd.fields(root=str(root))), str(tmp_path / "sparse")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200  # MiB, interpreter and test modules included


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8, 13, 21, 30, 34])
def test_wherever_a_run_dies_no_final_name_shows_a_part(
    sshd: OpenSSH, root: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    made = 0
    usual = Wire.request

    def counted(self: Wire, *args: Any, **kwargs: Any) -> Any:
        nonlocal made
        made += 1
        if made > calls:
            raise Killed
        return usual(self, *args, **kwargs)

    uploads = [wish(b"new %d" % n * 1000, f"f{n}") for n in range(3)]
    (root / "f1").write_bytes(b"old")
    with Sftp(**sshd.fields(root=str(root))).using(retries=ONCE) as dying:
        dying.stat("")
        monkeypatch.setattr(Wire, "request", counted)
        with pytest.raises(Killed):
            for _ in range(9):
                done = sent(dying, *uploads)
                dying.verify(done, "content")
                dying.rename_many([Rename(one.part, one.final, True) for one in uploads])
    monkeypatch.undo()
    allowed = {one.final: one.content for one in uploads}
    for path in root.iterdir():
        if not path.name.startswith(".datagw-"):
            assert path.read_bytes() in (allowed[path.name], b"old")
    with Sftp(**sshd.fields(root=str(root))).using(retries=ONCE) as next_run:
        done = sent(next_run, *uploads)
        assert set(next_run.verify(done, "content")) == {"hash"}
        assert next_run.rename_many([Rename(one.part, one.final, True) for one in uploads]) == [None] * 3
    assert {path.name: path.read_bytes() for path in root.iterdir()} == allowed


def test_times_outside_of_what_the_protocol_holds_are_left_out(gateway: Sftp, root: Path) -> None:
    done = sent(
        gateway,
        wish(b"x", "early", -(10**9)),
        wish(b"x", "late", 2**32 * 10**9),
        wish(b"x", "last", (2**32 - 1) * 10**9),
    )
    assert {one.error for one in done} == {None}
    assert (root / done[2].upload.part).stat().st_mtime > 4e9


def test_more_files_than_may_be_open_at_once(gateway: Sftp, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.session().wire.handles = 2
    done = sent(gateway, *(wish(b"x", f"f{n}") for n in range(20)))
    assert {one.error for one in done} == {None}
    assert send.AHEAD > 2
    pieces = gateway._read_many(gateway.session(), [RemoteFile(one.upload.part, 1) for one in done])
    assert sum(1 for _, block in pieces if block == b"x") == 20


def test_errors_carry_the_name_of_the_place_and_of_the_file(gateway: Sftp) -> None:
    with pytest.raises(GatewayError) as error:
        gateway.stat("no/such")
    assert str(error.value).startswith("institute:no/such: ")
