"""Files that own code tells of, and what it learns of them later."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from datagw.ledger.ledger import Ledger
from datagw.pipelines import Resource
from datagw.pipelines.registering import Entries, Registering
from datagw.pipelines.report import Report
from datagw.pipelines.secrets import Masker
from datagw_tests.ledger.rows import NASTY

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Code(Registering):
    def __init__(self, folder: Path, job: str = "sirene") -> None:
        self.ledger = Ledger.open(folder / "jobs.db")
        self.report = Report()
        log, mask = logging.getLogger("datagw.test"), Masker(["s3cr3t"])
        self._all = Entries(
            job, "run-1", None, self.ledger, self.report, log, mask, lambda: None, lambda: datetime.now(UTC)
        )

    @property
    def _entries(self) -> Entries:
        return self._all


@pytest.fixture
def code(tmp_path: Path) -> Code:
    return Code(tmp_path)


KNOWN = {"size": 5, "sha256": "a" * 64, "sha1": "b" * 40, "etag": '"v1"', "modified": NOON}
ASKED: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (KNOWN, {}, False),
    (KNOWN, {"sha256": "A" * 64, "size": 9}, False),  # the size of another encoding
    (KNOWN, {"sha256": "c" * 64, "size": 5, "etag": '"v1"'}, True),
    (KNOWN, {"sha1": "c" * 40}, True),
    (KNOWN, {"sha1sum": "b" * 40}, False),
    (KNOWN, {"etag": '"v2"', "size": 5}, True),
    (KNOWN, {"etag": '"v1"', "modified": NOON + timedelta(1)}, False),
    (KNOWN, {"modified": NOON.astimezone(timezone(timedelta(hours=2)))}, False),
    (KNOWN, {"modified": NOON + timedelta(seconds=1), "size": 5}, True),
    (KNOWN, {"modified": NOON, "size": 6}, True),
    (KNOWN, {"size": 5}, False),
    (KNOWN, {"size": 0}, True),
    ({"size": 0}, {"size": 0}, False),
    ({"size": 0}, {"size": 1}, True),
    ({"size": 5}, {"etag": '"v1"'}, True),
    ({"size": 5}, {"etag": '"v1"', "size": 5}, False),
    ({}, {"size": 5}, True),
    ({}, {}, False),
]


@pytest.mark.parametrize(("known", "asked", "changed"), ASKED)
def test_the_strongest_of_what_is_known_decides(
    known: dict[str, Any], asked: dict[str, Any], changed: bool, code: Code
) -> None:
    code.register_file(name=NASTY, **known)
    assert code.file_has_changed(NASTY, **asked) is changed
    assert code.file_has_changed("another", **asked) is True


def test_an_error_never_counts_as_known_and_the_last_right_row_does(code: Code) -> None:
    code.register_error(name="a", error="no", etag='"v1"')
    assert code.file_has_changed("a", etag='"v1"')
    code.register_file(name="a", etag='"v1"')
    code.register_file(name="a", etag='"v2"')
    code.register_error(name="a", etag='"v1"', error=ValueError("no"))
    assert not code.file_has_changed("a", etag='"v2"')
    assert code.file_has_changed("a", etag='"v1"')
    assert [one.error for one in code.errors] == ["no", "ValueError: no"]


def test_jobs_do_not_know_of_each_others_files(code: Code, tmp_path: Path) -> None:
    code.register_file(name="a", size=1)
    assert Code(tmp_path, "another").file_has_changed("a", size=1)


@dataclass
class SweepersResource:
    name: str
    sha1sum: str | None = None
    size: int | None = None
    error: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    file: Path | None = None
    metadata_id: int | None = None


def test_sweepers_resource_does_and_is_left_as_it_is(code: Code, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"12345")
    resource = SweepersResource("a.csv", sha1sum="B" * 40, file=path)
    before = dict(vars(resource))
    code.register_file(resource)
    assert vars(resource) == before
    row = code.ledger.last_registered("sirene", "a.csv")
    assert row is not None
    assert (row.size, row.sha1, row.sha256) == (5, "b" * 40, hashlib.sha256(b"12345").hexdigest())


def test_our_own_resource_does_and_words_beside_it_count_more(code: Code) -> None:
    code.register_file(Resource("a", size=1, error="of before"), size=2)
    assert [(row.size, row.error) for row in code.ledger.registrations()] == [(2, None)]


def test_an_error_keeps_its_row_and_its_file_is_not_read(code: Code, caplog: pytest.LogCaptureFixture) -> None:
    code.register_error(Resource("a", file=Path("/nowhere"), error="the server said s3cr3t"))
    assert [row.error for row in code.ledger.registrations()] == ["the server said **********"]
    assert caplog.messages == ["a: the server said **********"]
    assert [one.error for one in code.report.registered] == ["the server said **********"]


def test_a_name_with_a_secret_is_masked_and_still_known(code: Code) -> None:
    code.register_file(name="https://host/?key=s3cr3t", etag="v1")
    assert [row.name for row in code.ledger.registrations()] == ["https://host/?key=**********"]
    assert not code.file_has_changed("https://host/?key=s3cr3t", etag="v1")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda code: code.register_error(name="a"), "say what went wrong with a"),
        (lambda code: code.register_file(), "by its name"),
        (lambda code: code.register_file(name="a", colour="red"), "not known of a file: colour"),
        (lambda code: code.register_file(name="a", modified=datetime(2026, 1, 1)), "tells no time zone"),
    ],
)
def test_what_cannot_be_registered_is_said(call: Any, message: str, code: Code) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call(code)
    assert code.ledger.registrations() == []
