"""One day to two places, of which one does not do its part: the other is served, and the source waits for both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Unavailable
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw.jobs import Job
from datagw_tests.conftest import require_server
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import DAY, Station
from datagw_tests.publishing.test_accidents import BIG, lay_out
from datagw_tests.servers.openssh import OpenSSH, missing

WHOLE = {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}
KEPT = {"20260201/a", "20260201/b", "20260201/c"}


class Two(Station):
    """A station with a second place, `mirror`, for a copy of the same name; a disk, unless something else is set."""

    mirror: Gateway | None = None

    @property
    def gateways(self) -> dict[str, Gateway]:
        return {**super().gateways, "mirror": self.mirror or Local(root=str(self.mirrored))}

    @property
    def mirrored(self) -> Path:
        folder = self.folder / "mirror"
        folder.mkdir(exist_ok=True)
        return folder

    def job(self, **changed: Any) -> Job:
        job = super().job(**changed)
        second = job.to[0].model_copy(update={"name": "mirror", "gateway": "mirror"})
        return job.model_copy(update={"to": (*job.to, second)})

    def at_mirror(self) -> dict[str, bytes]:
        day = self.mirrored / "days/20260201"
        return {str(path.relative_to(day)): path.read_bytes() for path in day.rglob("*") if path.is_file()}


@pytest.fixture
def two(far: Station) -> Two:
    return Two(far.folder, far.archive)


def states(result: Any) -> dict[str, str]:
    return {name: copy.state for name, copy in result.copies.items()}


def test_a_place_that_is_down_does_not_keep_the_other_from_its_copy(tmp_path: Path) -> None:
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path / "sshd") as server:
        station = Two(tmp_path, Sftp(**server.fields()))
        lay_out(station)
        server.kill()
        plan = station.plan(delete_source=True)
        assert plan.due
        assert "archive: out of reach" in plan.notes[-1]
        (result,) = station.run(delete_source=True)
        assert (result.state, states(result)) == ("failed", {"archive": "failed", "mirror": "published"})
        assert {name for name in station.at_mirror() if not name.startswith(".")} == set(WHOLE)
        assert {path for path in station.left() if "touch" not in path} == KEPT
        assert [run.state for run in station.ledger.runs()] == ["partly"]
        server.start()
        (result,) = station.run(delete_source=True)
        assert result.state == "published"
        assert (result.copies["mirror"].sent_files, result.copies["archive"].sent_files) == (0, 3)
        assert (published(station), station.at_mirror(), station.left()) == (WHOLE, WHOLE, {})


def test_a_place_that_goes_down_meanwhile_does_not_keep_the_other_from_its_copy(tmp_path: Path) -> None:
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path / "sshd") as server:
        station = Two(tmp_path, Sftp(**server.fields()))
        lay_out(station)
        (result,) = station.run(delete_source=True, world={"progress": Meanwhile(server.kill, after=1_000_000)})
        assert states(result) == {"archive": "failed", "mirror": "published"}
        assert {path for path in station.left() if "touch" not in path} == KEPT
        server.start()
        (result,) = station.run(delete_source=True)
        assert result.state == "published"
        assert (published(station), station.at_mirror(), station.left()) == (WHOLE, WHOLE, {})
        assert len(station.receipts()) == 6


def a_root_that_is_not_there(two: Two) -> None:
    two.mirror = Local(root=str(two.folder / "unmounted"))


def a_name_that_nobody_knows(two: Two) -> None:
    two.mirror = Sftp(host="no-such-host.invalid", username="x")


@pytest.mark.parametrize(
    ("mishap", "word"),
    [
        (a_root_that_is_not_there, "is the disk mounted"),
        (a_name_that_nobody_knows, "no-such-host.invalid"),
    ],
)
def test_a_place_that_cannot_be_used_fails_alone(two: Two, mishap: Callable[[Two], None], word: str) -> None:
    lay_out(two)
    mishap(two)
    (result,) = two.run(delete_source=True)
    assert states(result) == {"archive": "published", "mirror": "failed"}
    assert word in result.failures[0].error
    assert set(WHOLE) <= set(published(two))
    assert {path for path in two.left() if "touch" not in path} == KEPT


def test_a_secret_that_is_missing_fails_its_own_place_alone(two: Two, tmp_path: Path) -> None:
    archive = two.archive
    assert isinstance(archive, Sftp)
    fields = {**archive.model_dump(), "private_key": None, "password": {"env": "NO_SUCH_VARIABLE"}}
    two.mirror = Sftp(**{key: value for key, value in fields.items() if value is not None})
    lay_out(two)
    (result,) = two.run(delete_source=True)
    assert states(result) == {"archive": "published", "mirror": "failed"}
    assert "NO_SUCH_VARIABLE" in result.failures[0].error
    assert set(WHOLE) <= set(published(two))


def test_one_copy_that_refuses_one_file_keeps_this_file_in_the_source(two: Two) -> None:
    lay_out(two)
    (two.mirrored / "days/20260201/b").mkdir(parents=True)
    (result,) = two.run(delete_source=True)
    assert states(result) == {"archive": "published", "mirror": "failed"}
    assert set(two.left()) == {"20260201/b", "20260201/.do-not-touch"}
    (two.mirrored / "days/20260201/b").rmdir()
    (result,) = two.run(delete_source=True)
    assert (result.state, two.left()) == ("published", {})
    assert two.at_mirror() == WHOLE


def test_a_copy_that_was_changed_before_the_source_is_freed_keeps_it(two: Two) -> None:
    """Looked at again just before: whoever spoils a copy meanwhile has spoilt no source."""
    path = lay_out(two)
    spoil = Meanwhile(lambda: (two.mirrored / "days/20260201/b").write_bytes(b"spoilt"), files=6)
    (result,) = two.run(delete_source=True, world={"progress": spoil})
    assert spoil.acted
    assert (result.state, result.deleted) == ("unfinished", 2)
    assert path.read_bytes() == BIG
    (result,) = two.run(delete_source=True)
    assert (result.state, two.left()) == ("published", {})
    assert two.at_mirror() == WHOLE


def test_a_job_without_copies_deletes_nothing(near: Station) -> None:
    lay_out(near)
    (result,) = near.run(to=[], delete_source=True)
    assert result.deleted == 0
    assert set(near.left()) == KEPT
    assert not list(near.plan(to=[], delete_source=True).of("delete"))


def test_a_copy_added_later_is_sent_before_anything_is_freed(two: Two) -> None:
    lay_out(two)
    Station(two.folder, two.archive).run(DAY)
    (result,) = two.run(delete_source=True)
    assert (result.copies["archive"].sent_files, result.copies["mirror"].sent_files, result.deleted) == (0, 3, 3)
    assert (two.at_mirror(), two.left()) == (WHOLE, {})


def test_a_place_that_goes_down_after_the_last_proof_does_not_undo_the_others_day(tmp_path: Path) -> None:
    """Its marker cannot be taken away any more: that is its own failure, and the source waits."""
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path / "sshd") as server:
        station = Two(tmp_path, Sftp(**server.fields()))
        lay_out(station)
        (result,) = station.run(delete_source=True, world={"progress": Meanwhile(server.kill, files=6)})
        assert (result.state, states(result)) == ("failed", {"archive": "failed", "mirror": "published"})
        assert {row.copy: (row.state, row.files) for row in station.ledger.days("readings")} == {
            "archive": ("failed", 3),
            "mirror": ("published", 3),
        }
        assert {path for path in station.left() if "touch" not in path} == KEPT
        server.start()
        (result,) = station.run(delete_source=True)
        assert (result.state, result.copies["archive"].sent_files, result.deleted) == ("published", 0, 3)
        assert (published(station), station.at_mirror(), station.left()) == (WHOLE, WHOLE, {})


def test_a_place_that_goes_down_while_the_source_is_freed_undoes_no_day(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look at the copies finds nobody: nothing is deleted, and what is published stays on record as such."""
    from datagw.publishing.freeing import Freeing

    lay_out(two)

    def nobody(*_: Any) -> Any:
        raise Unavailable("nobody answers", gateway="archive")

    with monkeypatch.context() as patch:
        patch.setattr(Freeing, "_still_proven", nobody)
        (result,) = two.run(delete_source=True)
    assert (result.state, result.deleted, states(result)) == (
        "failed",
        0,
        {"archive": "published", "mirror": "published"},
    )
    assert "nobody answers" in str(result.error)
    assert {path for path in two.left() if "touch" not in path} == KEPT
    (result,) = two.run(delete_source=True)
    assert (result.state, result.deleted, two.left()) == ("published", 3, {})
