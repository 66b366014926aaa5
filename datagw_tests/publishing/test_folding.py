"""A place where `a` and `A` are one name: no file takes the place of another one's copy."""

from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from datagw.files import RemoteFile
from datagw.gateways.memory import Memory, Store
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.publishing.station import Station


class Folding(Memory):
    """A disk of the kind that keeps the spelling of a name, and does not ask for it."""

    @property
    @override
    def folds(self) -> bool:
        return True

    @override
    def _stat(self, session: Store, path: str) -> RemoteFile:
        return super()._stat(session, self._spelled(session, path)).at(path)

    @override
    def _rename(self, session: Store, source: str, target: str, replace: bool) -> None:
        super()._rename(session, source, self._spelled(session, target), replace)

    @staticmethod
    def _spelled(session: Store, path: str) -> str:
        return next((name for name in session.files if name.casefold() == path.casefold()), path)


@pytest.mark.parametrize("patient", [True, False])
def test_a_new_file_is_refused_where_another_one_stands_that_is_spelled_differently(tmp_path: Path, patient: bool):
    inbox = Inbox(tmp_path, Folding())
    inbox.drop("x.csv", b"the first")
    assert inbox.run(patient=patient, delete_source=True).state == "published"
    inbox.drop("X.csv", b"the second one")
    result = inbox.run(patient=patient, delete_source=True)
    assert [failure.error for failure in result.failures] == [
        "there/X.csv: there/x.csv stands there, which is the same name at this place"
    ]
    assert inbox.there() == {"x.csv": b"the first"}
    assert inbox.here() == {"X.csv": b"the second one"}


def test_a_late_file_of_a_day_is_refused_as_well(tmp_path: Path):
    station = Station(tmp_path, Folding())
    station.write("20260201/x.csv", b"the first")
    (first,) = station.run(delete_source=True)
    assert first.state == "published"
    station.write("20260201/X.csv", b"the second one")
    (second,) = station.run(delete_source=True)
    assert second.state == "failed"
    assert "is the same name at this place" in second.failures[0].error
    assert (station.data / "20260201/X.csv").read_bytes() == b"the second one"


class Silent(Folding):
    """Such a place far away: it says nothing of that, and tells of a file no more than SFTP does."""

    @property
    @override
    def folds(self) -> bool:
        return False

    @override
    def _stat(self, session: Store, path: str) -> RemoteFile:
        return replace(super()._stat(session, path), inode=None)


@pytest.mark.parametrize(("place", "freed"), [(Silent, 1), (Memory, 3)])
def test_two_files_that_a_far_place_holds_as_one_both_stay(tmp_path: Path, place: type[Memory], freed: int):
    station = Station(tmp_path, place())
    for name in ("A.csv", "a.csv", "other"):
        station.write(f"20260201/{name}", f"{name:9}".encode())
    (result,) = station.run(delete_source=True)
    left = {path for path in station.left() if "." in path.rpartition("/")[2][1:]}
    assert result.deleted == freed
    assert left == (set() if freed == 3 else {"20260201/A.csv", "20260201/a.csv"})


def test_a_late_file_is_refused_where_a_far_place_finds_another_one_under_its_name(tmp_path: Path):
    station = Station(tmp_path, Silent())
    station.write("20260201/x.csv", b"the first")
    station.run(delete_source=True)
    station.write("20260201/X.csv", b"the second one")
    (second,) = station.run(delete_source=True)
    assert "is the same name at this place" in second.failures[0].error
    assert station.there()["days/20260201/x.csv"] == b"the first"


def test_a_new_file_is_refused_where_a_far_place_finds_another_one_under_its_name(tmp_path: Path):
    inbox = Inbox(tmp_path, Silent())
    inbox.drop("x.csv", b"the first")
    assert inbox.run(delete_source=True).state == "published"
    inbox.drop("X.csv", b"the second one")
    result = inbox.run(delete_source=True)
    assert "is the same name at this place" in result.failures[0].error
    assert list(inbox.there().values()) == [b"the first"]
