"""What servers write down of their folders, line by line, and what their replies mean."""

from __future__ import annotations

import ftplib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.gateways.ftp_wire import facts, listing
from datagw.gateways.ftp_wire.facts import SECOND, Entry
from datagw.gateways.ftp_wire.listing import DAY, MINUTE
from datagw.gateways.ftp_wire.replies import meaning

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            "-rw-r--r--    1 1000     1000          300 Feb 28 17:58 a.csv",
            Entry("a.csv", "file", 300, at(2026, 2, 28, 17, 58), 0o644, MINUTE),
        ),
        (
            "-rw-r--r--    1 ftp      ftp             6 Nov 21  2023 last year",
            Entry("last year", "file", 6, at(2023, 11, 21), 0o644, DAY),
        ),
        (
            "-rwsr-x--T   1 a b 6 Nov 21 17:58  two  spaces ",
            Entry(" two  spaces ", "file", 6, at(2025, 11, 21, 17, 58), 0o5750, MINUTE),
        ),
        (
            "drwxrwxrwx   1 owner    group               0 Jan  2 03:04 folder",
            Entry("folder", "folder", 0, at(2026, 1, 2, 3, 4), 0o777, MINUTE),
        ),
        (
            "lrwxrwxrwx   1 root     root            7 Mar  1 12:30 link -> /a/b",
            Entry("link", "symlink", 7, at(2026, 3, 1, 12, 30), 0o777, MINUTE),
        ),
        (
            "crw-rw-rw-   1 root     root       1,   3 Mar  1 12:30 null",
            Entry("null", "special", 3, at(2026, 3, 1, 12, 30), 0o666, MINUTE),
        ),
        (
            "-rw-r--r--+  1 DOMAIN Users of it 12 Feb 29 00:00 leap",
            Entry("leap", "file", 12, at(2024, 2, 29), 0o644, MINUTE),
        ),
        (
            "-rw-r--r--   1 12 Jan 12 2026 no group",
            Entry("no group", "file", 12, at(2026, 1, 12), 0o644, DAY),
        ),
        (
            "-rw-r--r-- 1 a b 12 21 Jan 12:00 day first",
            Entry("day first", "file", 12, at(2026, 1, 21, 12), 0o644, MINUTE),
        ),
        (
            "-rw-r--r-- 1 a b 12 2025-12-31 23:59 iso",
            Entry("iso", "file", 12, at(2025, 12, 31, 23, 59), 0o644, MINUTE),
        ),
        (
            "02-28-26  03:04PM       <DIR>          My Folder",
            Entry("My Folder", "folder", None, at(2026, 2, 28, 15, 4), None, MINUTE),
        ),
        (
            "02-28-2026  12:04AM            1234567 a b.csv",
            Entry("a b.csv", "file", 1234567, at(2026, 2, 28, 0, 4), None, MINUTE),
        ),
        ("02-28-70  13:04    1 old", Entry("old", "file", 1, at(1970, 2, 28, 13, 4), None, MINUTE)),
    ],
)
def test_a_line_of_list_is_read(line: str, entry: Entry) -> None:
    assert list(listing.entries(["total 12", line, ""], NOW)) == [entry]


@pytest.mark.parametrize(
    "line",
    [
        "not a listing at all",
        "-rw-r--r-- 1 a b twelve Feb 28 17:58 a",
        "-rw-r--r-- 1 a b 12 Foo 28 17:58 a",
        "-rw-r--r-- 1 a b 12 Feb 30 2025 a",
        "13-28-26  03:04PM 12 a",
        "-rw-r--r-- 1 a b 12 Feb 28 17:58 ",
        "ls: .: Permission denied",
    ],
)
def test_a_line_that_cannot_be_read_is_an_error_and_no_empty_folder(line: str) -> None:
    with pytest.raises(Rejected, match="cannot be read"):
        list(listing.entries(["drwxr-xr-x 2 a b 4096 Feb 28 17:58 .", line], NOW))


def test_the_folder_itself_and_the_one_above_are_no_entries() -> None:
    lines = [f"drwxr-xr-x 2 a b 4096 Feb 28 17:58 {name}" for name in (".", "..", "...")]
    assert [entry.name for entry in listing.entries(lines, NOW)] == ["..."]


names = st.text(st.characters(exclude_characters="\r\n/\0", exclude_categories=[]), min_size=1).filter(
    lambda name: name not in (".", "..") and " -> " not in name
)


@given(name=names, size=st.integers(0, 10**15), when=st.datetimes(datetime(1990, 1, 1), datetime(2026, 2, 28)))
def test_what_ls_writes_is_read_back(name: str, size: int, when: datetime) -> None:
    recent = (datetime(2026, 3, 1) - when).days < 180
    shown = when.strftime("%b %e %H:%M" if recent else "%b %e  %Y")
    (found,) = listing.entries([f"-rw-r--r--   1 station  data {size:>12} {shown} {name}"], NOW)
    assert (found.name, found.kind, found.size) == (name, "file", size)
    assert found.mtime_ns == at(*when.timetuple()[: 5 if recent else 3])


@given(name=names, size=st.integers(0, 10**15), when=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_what_mlsd_writes_is_read_back(name: str, size: int, when: datetime) -> None:
    found = facts.entry(f"Type=file;Size={size};Modify={when:%Y%m%d%H%M%S}.123;UNIX.mode=0640; {name}")
    assert found == Entry(name, "file", size, at(*when.timetuple()[:6]), 0o640)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("type=dir;modify=20260101000000; a", "folder"),
        ("type=OS.unix=slink:/target; a", "symlink"),
        ("type=OS.unix=symlink; a", "symlink"),
        ("type=OS.unix=chr-1/3; a", "special"),
    ],
)
def test_mlsd_tells_what_an_entry_is(line: str, kind: str) -> None:
    found = facts.entry(line)
    assert found is not None
    assert (found.kind, found.size) == (kind, None)


@pytest.mark.parametrize("line", ["type=cdir; .", "type=pdir; ..", "type=dir; .", "Type=cdir; /a/b"])
def test_mlsd_tells_of_the_folder_itself_which_is_no_entry(line: str) -> None:
    assert facts.entry(line) is None


@pytest.mark.parametrize("line", ["size=1; a", "type=file;size=1;", "no facts here", "type=file; "])
def test_facts_that_cannot_be_read_are_an_error(line: str) -> None:
    with pytest.raises(Rejected, match="cannot be read"):
        facts.entry(line)


@pytest.mark.parametrize("text", ["", "2026", "20261301000000", "20260101250000", "2026010100000x"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert facts.moment(text) is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("421 Service not available, closing control connection", Unavailable),
        ("425 Can't open data connection", Unavailable),
        ("426 Connection closed; transfer aborted", Unavailable),
        ("450 File busy", Unavailable),
        ("451 Local error in processing", Unavailable),
        ("451 No space left on device", Full),
        ("452 Insufficient storage space", Full),
        ("552 Exceeded storage allocation", Full),
        ("550 Quota exceeded", Full),
        ("530 Login incorrect.", Denied),
        ("530 Sorry, the maximum number of clients (5) for this user are already connected.", Unavailable),
        ("532 Need account for storing files", Denied),
        ("522 SSL connection failed; session reuse required", Denied),
        ("534 Policy requires SSL", Denied),
        ("500 Unknown command", Unsupported),
        ("502 Command not implemented", Unsupported),
        ("550 a.csv: No such file or directory", NotFound),
        ("550 The system cannot find the file specified.", NotFound),
        ("550 Permission denied.", Denied),
        ("550 Could not get file size.", Rejected),
        ("550 No such file, or permission denied", Rejected),
        ("553 Could not create file.", Rejected),
    ],
)
def test_replies_mean(reply: str, error: type[GatewayError]) -> None:
    kind = ftplib.error_temp if reply.startswith("4") else ftplib.error_perm
    found = meaning(kind(reply))
    assert type(found) is error
    assert reply in str(found)
