"""What every gateway promises, sentence by sentence; run against each of them, on real servers.

A gateway's line in `test_promise.py` gives a `Place`: an empty root, and ways to look at it and to disturb it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from datagw.errors import Aborted, Changed, Denied, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, StagedFile, is_own_name, part_name
from datagw.gateways.base import Gateway, Rename, Sent, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.local import Local
from datagw_tests.gateways.proofs import proves

QUICK = RetryPolicy(max=2, backoff=0.01, cap=0.02)
NASTY = [
    " leading and trailing ",
    "quotes ' \" `",
    "$(touch pwned)",
    "; rm -rf x",
    "new\nline",
    "back\\slash",
    "-rf",
    "--",
    "*?[a]{b}",
    "caf\u00e9 cafe\u0301 \u4e16\u754c",
    b"not utf-8 \xff\xfe".decode("utf-8", "surrogateescape"),
    "%Y{day}",
    "~",
    "#hash\ttab",
    "n" * 255,
]


@dataclass
class Place:
    """A gateway on an empty root, and what a test may do to it behind its back.

    `filler` puts files there where the gateway itself only reads.
    """

    gateway: Gateway
    again: Callable[[], Gateway]
    secret: str | None = None
    wrong: Callable[[], Gateway] | None = None
    logins: Callable[[], int] | None = None
    cut: Callable[[], None] | None = None
    stop: Callable[[], None] | None = None
    filler: Gateway | None = None
    refuses: Callable[[str], bool] = lambda _name: False
    """Which names the place cannot hold: these it says, before it takes anything."""
    keeps_time: bool = True
    """Whether a file has the time of its source, and not that of its arrival."""
    goes_on: bool = True
    """Whether a part that an earlier run left is gone on with, and not sent from its first byte again."""


writes = pytest.mark.usefixtures("it_writes")
"""Sentences about writing: nothing of that is promised by a place that is only read, and the reason says so."""
parts = pytest.mark.usefixtures("it_has_parts")
"""Sentences about parts and renames, which a place that publishes in one request does not need."""
folders = pytest.mark.usefixtures("it_has_folders")
"""Sentences about folders, where names with slashes in them are not all that there is."""


def hold(folder: Path, name: str, content: bytes) -> StagedFile:
    """A file in hand with this content."""
    (folder / name).write_bytes(content)
    return StagedFile(folder / name, Local(root=str(folder)).stat(name))


def _hooks(name: str) -> list[str]:
    return [hook for hook in (f"_{name}", f"_{name}_many") if hasattr(Gateway, hook)]


def calls(gateway: Gateway) -> list[Callable[[str], object]]:
    """The verbs that it knows of those that need a path to be there."""
    known: list[Callable[[str], object]] = [gateway.stat, gateway.read]
    if gateway.can("ls"):
        known.append(lambda path: list(gateway.ls(path)))
    return [*known, gateway.rm] if gateway.can("rm") else known


def upload(staged: StagedFile, final: str, *, resume: bool = False) -> Upload:
    """The wish to publish it."""
    part = part_name(staged.origin.content_version, final)
    return Upload(staged, part, final, staged.origin.mtime_ns, resume=resume)


def handed(gateway: Gateway, wishes: list[Upload]) -> list[Sent]:
    """What becomes of uploads on their way to parts, or to where they belong in one request."""
    return list(gateway.publish(wishes) if gateway.in_one_request else gateway.send(wishes))


def publish(gateway: Gateway, staged: StagedFile, final: str, *, replace: bool = True) -> str:
    """Part, verify, rename; or request, verify; how it was verified."""
    (sent,) = handed(gateway, [dataclasses.replace(upload(staged, final), replace=replace)])
    if sent.error is not None:
        raise sent.error
    (proof,) = gateway.verify([sent], "content")
    assert isinstance(proof, str), proof
    if gateway.in_one_request:
        return proof
    (error,) = gateway.rename_many([Rename(sent.upload.part, final, replace)])
    if error is not None:
        raise error
    return proof


class Promise:
    """The sentences. `place` is the fixture that each gateway provides.

    What a sentence proves goes to the page on compatibility; `stand_in` says what is not the real product there.
    """

    stand_in: ClassVar[str] = ""
    shows: Callable[[str, str], None]
    """Says what was seen, more exactly than "yes": `self.shows("verification", "hash")`."""

    @pytest.fixture(autouse=True)
    def _says_what_it_shows(self, record_property: Callable[[str, object], None]) -> None:
        self.shows = lambda column, text: record_property("shows", (column, text))

    @pytest.fixture
    def gateway(self, place: Place) -> Gateway:
        return place.gateway.using(retries=QUICK)

    @pytest.fixture
    def filler(self, place: Place, gateway: Gateway) -> Gateway:
        """What puts files there: the gateway itself, unless it only reads."""
        return gateway if place.filler is None else place.filler.using(retries=QUICK)

    @pytest.fixture
    def it_writes(self, gateway: Gateway) -> None:
        if not (gateway.can("write") or gateway.can("publish")):
            pytest.skip(f"a place of type {gateway.type} is only read")

    @pytest.fixture
    def it_has_parts(self, gateway: Gateway, it_writes: None) -> None:
        if gateway.in_one_request:
            pytest.skip(f"a place of type {gateway.type} publishes in one request")

    @pytest.fixture
    def it_has_folders(self, gateway: Gateway, it_writes: None) -> None:
        if not gateway.can("mkdir"):
            pytest.skip(f"a place of type {gateway.type} has no folders, only names")

    @pytest.fixture
    def it_takes_requests(self, gateway: Gateway) -> None:
        if not gateway.in_one_request:
            pytest.skip(f"a place of type {gateway.type} knows parts and renames")

    @proves("verification")
    @writes
    def test_what_was_put_is_there_whole_with_its_time(self, place: Place, gateway: Gateway, tmp_path: Path) -> None:
        staged = hold(tmp_path, "a", b"x" * 300_000)
        proof = publish(gateway, staged, "folder/b.txt")
        assert proof in ("hash", "readback")
        self.shows("verification", proof)
        found = gateway.stat("folder/b.txt")
        assert (found.kind, found.size) == ("file", 300_000)
        assert gateway.read("folder/b.txt") == b"x" * 300_000
        if found.mtime_ns is not None and place.keeps_time:
            assert found.mtime_ns // found.clock == (staged.origin.mtime_ns or 0) // found.clock

    def test_an_empty_file_is_a_file(self, gateway: Gateway, filler: Gateway, tmp_path: Path) -> None:
        publish(filler, hold(tmp_path, "a", b""), "empty")
        assert gateway.stat("empty").size == 0
        assert gateway.read("empty") == b""

    @proves("atomic")
    @parts
    def test_nothing_is_visible_before_the_rename(self, gateway: Gateway, tmp_path: Path) -> None:
        (sent,) = gateway.send([upload(hold(tmp_path, "a", b"content"), "final")])
        assert sent.error is None
        assert [entry.path for entry in gateway.ls() if not is_own_name(entry.path)] == []

    @proves("atomic", "replaces")
    def test_a_reader_sees_the_old_or_the_new_file_never_a_part(
        self, place: Place, filler: Gateway, tmp_path: Path
    ) -> None:
        """Or none, for a moment, where the place replaces in two steps: this the gateway tells (`gaps`)."""
        reader = place.again().using(retries=QUICK)
        old, new = b"o" * 400_000, b"n" * 500_000
        publish(filler, hold(tmp_path, "old", old), "f")
        seen: set[bytes] = set()
        done = threading.Event()
        problems: list[BaseException] = []
        absent: list[NotFound] = []

        def look() -> None:
            try:
                while not done.is_set():
                    try:
                        seen.add(reader.read("f"))
                    except NotFound as error:
                        absent.append(error)
            except BaseException as error:  # noqa: BLE001 - told to the test
                problems.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            for turn in range(10):
                publish(filler, hold(tmp_path, f"t{turn}", new if turn % 2 == 0 else old), "f")
        finally:
            done.set()
            thread.join()
        assert not problems
        assert seen <= {old, new}
        assert not absent or filler.live.gaps == {"f"}, absent
        writes = place.gateway.can("write") or place.gateway.can("publish")
        if not writes:
            self.shows("atomic", "–")
        self.shows(
            "replaces", "–" if not writes else "in two steps, the gap told" if filler.live.gaps else "in one step"
        )

    @writes
    def test_a_failed_put_leaves_the_old_file(self, gateway: Gateway, tmp_path: Path) -> None:
        publish(gateway, hold(tmp_path, "old", b"old"), "f")
        staged = hold(tmp_path, "new", b"n" * 3_000_000)
        staged.local.write_bytes(b"n" * 100)
        (sent,) = handed(gateway, [upload(staged, "f")])
        assert isinstance(sent.error, Changed)
        assert gateway.read("f") == b"old"

    @pytest.mark.usefixtures("it_takes_requests")
    def test_what_was_taken_in_one_request_is_what_stands_there(self, gateway: Gateway, tmp_path: Path) -> None:
        (sent,) = gateway.publish([upload(hold(tmp_path, "a", b"content"), "f")])
        assert sent.published is not None
        assert (sent.sha256, sent.moved) == (hashlib.sha256(b"content").hexdigest(), 7)
        assert sent.published.file.version == gateway.stat("f").version

    @proves("keeps")
    @pytest.mark.usefixtures("it_takes_requests")
    def test_what_is_there_is_kept_where_it_is_not_to_be_replaced(self, gateway: Gateway, tmp_path: Path) -> None:
        gateway.put(b"old", "f")
        with pytest.raises(Rejected):
            gateway.put(b"new", "f", replace=False)
        with pytest.raises(Rejected):
            publish(gateway, hold(tmp_path, "a", b"new"), "f", replace=False)
        assert gateway.read("f") == b"old"

    @writes
    def test_one_failing_file_does_not_take_the_others_down(self, gateway: Gateway, tmp_path: Path) -> None:
        wishes = [upload(hold(tmp_path, f"f{n}", b"%d" % n * 1000), f"f{n}") for n in range(6)]
        (tmp_path / "f3").unlink()
        outcome = {sent.upload.final: sent.error for sent in handed(gateway, wishes)}
        assert isinstance(outcome.pop("f3"), NotFound)
        assert set(outcome.values()) == {None}

    @writes
    def test_a_source_that_changes_while_it_is_sent_is_noticed(self, gateway: Gateway, tmp_path: Path) -> None:
        staged = hold(tmp_path, "a", b"a" * 2_000_000)
        touched = []

        def touch(_count: int) -> None:
            if not touched:
                touched.append((tmp_path / "a").write_bytes(b"b" * 2_000_000))

        (sent,) = handed(gateway.using(moved=touch), [upload(staged, "a")])
        assert isinstance(sent.error, Changed)

    @parts
    def test_a_part_that_arrived_differing_is_found_out(self, gateway: Gateway, place: Place, tmp_path: Path) -> None:
        (sent,) = gateway.send([upload(hold(tmp_path, "a", b"right" * 10), "a")])
        other = place.again().using(retries=QUICK)
        other.rm(sent.upload.part)
        publish(other, hold(tmp_path, "b", b"wrong" * 10), sent.upload.part)
        (proof,) = gateway.verify([sent], "content")
        assert isinstance(proof, Unavailable)
        assert "differs" in str(proof)

    @proves("upload")
    @parts
    def test_a_large_part_is_continued(self, place: Place, gateway: Gateway, tmp_path: Path) -> None:
        content = bytes(range(256)) * 16_000
        staged = hold(tmp_path, "a", content)
        wish = upload(staged, "a", resume=True)
        half = hold(tmp_path, "half", content[:2_000_000])
        list(gateway.send([Upload(half, wish.part, "a")]))
        (sent,) = gateway.send([wish])
        assert sent.error is None
        assert sent.moved == len(content) - (2_000_000 if place.goes_on else 0)
        self.shows("upload", "yes" if place.goes_on else "no: starts again")
        assert sent.sha256 == hashlib.sha256(content).hexdigest()
        assert gateway.verify([sent], "content")[0] in ("hash", "readback")

    @parts
    def test_a_large_part_with_other_bytes_starts_again(self, gateway: Gateway, tmp_path: Path) -> None:
        content = bytes(range(256)) * 16_000
        wish = upload(hold(tmp_path, "a", content), "a", resume=True)
        list(gateway.send([Upload(hold(tmp_path, "half", b"z" * 2_000_000), wish.part, "a")]))
        (sent,) = gateway.send([wish])
        assert sent.moved == len(content)
        assert gateway.verify([sent], "content")[0] in ("hash", "readback")

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_hostile_names_travel_safely(
        self, place: Place, gateway: Gateway, filler: Gateway, tmp_path: Path, name: str
    ) -> None:
        if place.refuses(name):
            with pytest.raises(Rejected):
                publish(filler, hold(tmp_path, "a", b"x"), f"dir/{name}")
            assert list(filler.ls()) == []
            return
        publish(filler, hold(tmp_path, "a", name.encode("utf-8", "surrogateescape")), f"dir {name[:100]}/{name}")
        (entry,) = filler.ls(f"dir {name[:100]}")
        assert entry.path == gateway.stat(entry.path).path == f"dir {name[:100]}/{name}"
        assert gateway.read(entry.path) == name.encode("utf-8", "surrogateescape")
        assert isinstance(gateway.hashes([gateway.stat(entry.path)])[0], tuple)
        filler.rm(entry.path)
        if filler.can("mkdir"):
            assert list(filler.ls(f"dir {name[:100]}")) == []
            assert {top.path for top in filler.ls()} == {f"dir {name[:100]}"}
        else:
            assert list(filler.ls()) == []

    def test_nothing_leaves_the_root(self, gateway: Gateway) -> None:
        for path in ("../x", "a/../../x", ".."):
            with pytest.raises(Rejected, match="root"):
                gateway.stat(path)
            if gateway.can("write") or gateway.can("publish"):
                with pytest.raises(Rejected):
                    gateway.put(b"x", path)

    @writes
    def test_a_long_listing_is_complete_and_in_order(self, gateway: Gateway, tmp_path: Path) -> None:
        staged = hold(tmp_path, "a", b"1")
        names = [f"many/{n:04}" for n in range(1200)]
        sent = handed(gateway, [Upload(staged, name, name) for name in names])
        assert {one.error for one in sent} == {None}
        assert [entry.path for entry in gateway.ls("many")] == names
        assert sum(1 for _ in gateway.ls(recursive=True)) == 1201

    def test_what_is_absent_is_not_found(self, gateway: Gateway) -> None:
        for call in calls(gateway):
            with pytest.raises(NotFound):
                call("nothing/here")
        assert isinstance(gateway.stat_many(["no"])[0], NotFound)

    @proves("keeps")
    @parts
    def test_a_rename_without_replacing_refuses_and_keeps_both(self, gateway: Gateway) -> None:
        gateway.put(b"one", "one")
        gateway.put(b"two", "two")
        (error,) = gateway.rename_many([Rename("one", "two", False)])
        assert isinstance(error, Rejected)
        assert (gateway.read("one"), gateway.read("two")) == (b"one", b"two")

    @folders
    def test_a_folder_in_the_way_is_refused(self, gateway: Gateway, tmp_path: Path) -> None:
        gateway.mkdir("there/sub")
        with pytest.raises(Rejected):
            publish(gateway, hold(tmp_path, "a", b"a"), "there")
        assert gateway.stat("there/sub").kind == "folder"

    @folders
    def test_a_file_in_the_way_of_a_folder_is_refused(self, gateway: Gateway, tmp_path: Path) -> None:
        gateway.put(b"file", "file")
        with pytest.raises(Rejected):
            publish(gateway, hold(tmp_path, "a", b"a"), "file/below")
        assert gateway.read("file") == b"file"

    @folders
    def test_only_an_empty_folder_is_removed(self, gateway: Gateway) -> None:
        gateway.put(b"x", "full/x")
        gateway.mkdir("empty")
        assert not gateway.rmdir("full")
        assert gateway.rmdir("empty")
        assert [entry.path for entry in gateway.ls()] == ["full"]

    def test_what_is_got_is_whole_and_hashed(self, gateway: Gateway, filler: Gateway, tmp_path: Path) -> None:
        contents = {f"f{n}": b"%d" % n * (n * 50_000) for n in range(5)}
        for name, content in contents.items():
            publish(filler, hold(tmp_path, name, content), name)
        (tmp_path / "in").mkdir()
        claims = [gateway.stat(name) for name in contents]
        for claim, staged in zip(claims, gateway.get_many(claims, tmp_path / "in"), strict=True):
            assert isinstance(staged, StagedFile)
            assert staged.local.read_bytes() == contents[claim.path]
            assert staged.sha256 == hashlib.sha256(contents[claim.path]).hexdigest()

    def test_a_file_that_is_not_the_listed_one_is_not_got(
        self, gateway: Gateway, filler: Gateway, tmp_path: Path
    ) -> None:
        filler.put(b"first", "f")
        claim = gateway.stat("f")
        filler.put(b"second one", "f")
        folder = tmp_path / "in"
        folder.mkdir()
        (found,) = gateway.get_many([claim], folder)
        assert isinstance(found, Changed)
        (gone,) = gateway.get_many([RemoteFile("gone", 3)], folder)
        assert isinstance(gone, NotFound)
        assert list(folder.iterdir()) == []

    @writes
    def test_a_run_that_is_told_to_end_stops_before_the_next_block(self, gateway: Gateway, tmp_path: Path) -> None:
        def fence() -> None:
            raise Aborted("told to end")

        with pytest.raises(Aborted):
            handed(gateway.using(fence=fence), [upload(hold(tmp_path, "a", b"a" * 10), "a")])

    @writes
    def test_check_proves_the_rights_and_leaves_nothing(self, gateway: Gateway) -> None:
        gateway.check(write=True)
        assert list(gateway.ls()) == []

    @proves("durable")
    @writes
    def test_stable_storage_is_promised_only_where_it_is_given(self, gateway: Gateway) -> None:
        gateway.put(b"x", "x")
        assert gateway.sync(["x"]) is (gateway.can("sync") and gateway.type != "memory") or not gateway.sync(["x"])
        self.shows("durable", "yes" if gateway.sync(["x"]) else "no")

    def test_wrong_credentials_are_refused_and_not_tried_again(self, place: Place) -> None:
        if place.wrong is None:
            pytest.skip("this gateway has no credentials")
        before = place.logins() if place.logins else 0
        with pytest.raises(Denied) as refused:
            place.wrong().using(retries=QUICK).stat("x")
        assert place.logins is None or place.logins() == before + 1
        assert place.secret is None or place.secret not in str(refused.value)

    def test_no_secret_is_told(self, place: Place, caplog: pytest.LogCaptureFixture) -> None:
        if place.secret is None:
            pytest.skip("this gateway has no secret")
        caplog.set_level(logging.DEBUG)
        stream = io.StringIO()
        with place.gateway.using(retries=QUICK) as gateway:
            gateway.check(write=gateway.can("write") or gateway.can("publish"))
            print(gateway, repr(gateway), gateway.model_dump(), gateway.model_dump_json(), file=stream)
        assert place.secret not in stream.getvalue() + caplog.text

    @writes
    def test_a_cut_connection_leaves_no_file_and_the_send_goes_on(self, place: Place, tmp_path: Path) -> None:
        if place.cut is None:
            pytest.skip("this gateway has no connection to cut")
        cuts = []

        def cut(_count: int) -> None:
            if not cuts:
                cuts.append(place.cut() if place.cut else None)

        content = b"c" * 8_000_000
        gateway = place.gateway.using(retries=QUICK, moved=cut)
        publish(gateway, hold(tmp_path, "a", content), "a")
        assert cuts
        assert hashlib.sha256(gateway.read("a")).digest() == hashlib.sha256(content).digest()

    @proves("hashes", "copies")
    def test_the_hash_of_what_stands_there_is_known_and_how(
        self, gateway: Gateway, filler: Gateway, tmp_path: Path
    ) -> None:
        publish(filler, hold(tmp_path, "a", b"content"), "f")
        (known,) = gateway.hashes([gateway.stat("f")])
        assert isinstance(known, tuple), known
        found, how = known
        assert (found, how in ("hash", "readback")) == (hashlib.sha256(b"content").hexdigest(), True)
        self.shows("hashes", "SHA-256" if how == "hash" else "no: read back")
        self.shows("copies", "yes" if gateway.can("copy") else "no")

    @proves("download")
    def test_a_cut_connection_does_not_keep_a_file_from_being_got(
        self, place: Place, filler: Gateway, tmp_path: Path
    ) -> None:
        if place.cut is None:
            pytest.skip("this gateway has no connection to cut")
        content = bytes(range(256)) * 60_000
        publish(filler, hold(tmp_path, "a", content), "a")
        filler.close()
        seen: list[int] = []

        def cut(count: int) -> None:
            seen.append(count)
            if sum(seen[:-1]) < 2_000_000 <= sum(seen) and place.cut is not None:
                place.cut()

        gateway = place.gateway.using(retries=QUICK, moved=cut)
        folder = tmp_path / "in"
        folder.mkdir()
        staged = gateway.get(gateway.stat("a"), folder)
        assert staged.local.read_bytes() == content
        assert staged.sha256 == hashlib.sha256(content).hexdigest()
        assert sum(seen) == len(content), "what was in hand is not got again"
        assert [path.name for path in folder.iterdir()] == [staged.local.name]

    def test_an_outage_is_never_an_absence(self, place: Place) -> None:
        if place.stop is None:
            pytest.skip("this gateway cannot be away")
        place.stop()
        gateway = place.gateway.using(retries=RetryPolicy(max=0))
        for call in calls(gateway):
            with pytest.raises(Unavailable):
                call("x")

    def test_what_it_cannot_do_it_says_beforehand(self, gateway: Gateway) -> None:
        for hook in ("ls", "write", "rename", "hash", "sync", "publish"):
            written = [getattr(type(gateway), name) is not getattr(Gateway, name) for name in _hooks(hook)]
            assert gateway.can(hook) is any(written)
        if not (gateway.can("write") or gateway.can("publish")):
            with pytest.raises(Unsupported, match=f"of type {gateway.type} cannot"):
                gateway.put(b"x", "x")

    def test_errors_name_the_place(self, gateway: Gateway) -> None:
        with pytest.raises(GatewayError) as error:
            gateway.using(name="institute").stat("no/such file")
        assert str(error.value).startswith("institute:no/such file: ")
