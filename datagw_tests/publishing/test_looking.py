"""The looks at a destination: as few questions as will do."""

from __future__ import annotations

import pytest

from datagw.errors import NotFound, Unavailable
from datagw.publishing import looking


class Asked:
    """A gateway that answers looks in one way, and knows what it was asked."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.paths: list[str] = []

    def stat(self, path: str) -> None:
        self.paths.append(path)
        if self.error is not None:
            raise self.error


FOLDERS = ["20260201/minutes/part-00", "20260201/minutes/part-01", "20260201/other"]


def test_folders_of_a_day_that_is_not_there_yet_are_asked_for_once():
    gateway = Asked(NotFound("no such folder"))
    assert looking._there(gateway, FOLDERS) == []
    assert gateway.paths == ["20260201"]


def test_folders_of_a_day_that_is_there_are_all_listed():
    assert looking._there(Asked(None), FOLDERS) == FOLDERS


@pytest.mark.parametrize("folders", [["a"], ["", "a"], ["a", "b"]])
def test_folders_that_have_nothing_in_common_are_listed_at_once(folders):
    gateway = Asked(NotFound("no such folder"))
    assert looking._there(gateway, folders) == folders
    assert gateway.paths == []


def test_an_outage_is_no_absence():
    with pytest.raises(Unavailable):
        looking._there(Asked(Unavailable("no answer")), FOLDERS)
