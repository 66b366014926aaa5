"""New files in any order: whatever somebody does to a folder while runs begin, end and die, each settled version counts.

A program of steps is drawn; after each step nothing is lost, and in the end all that stands still is published.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.servers.openssh import OpenSSH

NAMES = ["a.csv", "b.csv", "sub/c.csv"]
NEIGHBOUR = "neighbour.txt"

names = st.sampled_from(NAMES)
contents = st.sampled_from([b"", b"1", b"2", b"22", b"333" * 100])
STEPS = st.one_of(
    st.tuples(st.just("create"), names, contents),
    st.tuples(st.just("grow"), names, contents),
    st.tuples(st.just("replace"), names, contents),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("delete"), names, st.none()),
    st.tuples(st.just("touch"), names, st.none()),
    st.tuples(st.just("keep the date"), names, contents),
    st.tuples(st.just("wait"), st.integers(1, 40), st.none()),
    st.tuples(st.just("tick"), st.none(), st.none()),
    st.tuples(st.just("run"), st.none(), st.none()),
    st.tuples(st.just("crash"), st.integers(1, 120), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
)
WAYS: dict[str, dict[str, Any]] = {
    "keep": {},
    "again": {"again": True},
    "delete": {"delete_source": True},
    "move": {"move_source": "done/"},
}


class Somebody:
    """Works on the files of an inbox, and knows what must not be lost."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.root = inbox.place / "inbox"
        self.last: dict[str, bytes] = {}  # of each name, what was there last and nobody has deleted
        (self.root / NEIGHBOUR).write_bytes(b"not ours")

    def step(self, kind: str, one: Any, other: Any) -> None:
        act: Callable[[Any, Any], None] = getattr(self, f"_{kind.replace(' ', '_')}")
        act(one, other)
        self.check()

    def _settle_by(self, path: Path) -> None:
        now = int(self.inbox.now.timestamp()) * 10**9
        os.utime(path, ns=(now, now))

    def _create(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self._settle_by(path)
        self.last[name] = content

    def _grow(self, name: str, content: bytes) -> None:
        path = self.root / name
        if path.exists():
            with path.open("ab") as file:
                file.write(content)
            self._settle_by(path)
            self.last[name] = path.read_bytes()

    def _replace(self, name: str, content: bytes) -> None:
        other = self.inbox.place / "other"
        other.write_bytes(content)
        self._settle_by(other)
        (self.root / name).parent.mkdir(exist_ok=True)
        other.replace(self.root / name)
        self.last[name] = content

    def _rename(self, name: str, target: str) -> None:
        path = self.root / name
        if path.exists() and name != target:
            (self.root / target).parent.mkdir(exist_ok=True)
            path.replace(self.root / target)
            self.last[target] = self.last.pop(name)

    def _delete(self, name: str, _: None) -> None:
        if (self.root / name).exists():
            (self.root / name).unlink()
            self.last.pop(name)

    def _touch(self, name: str, _: None) -> None:
        if (self.root / name).exists():
            self._settle_by(self.root / name)

    def _keep_the_date(self, name: str, content: bytes) -> None:
        """New content under the old mtime: on a disk inode and ctime tell."""
        path = self.root / name
        if path.exists():
            date = path.stat().st_mtime_ns
            path.write_bytes(content)
            os.utime(path, ns=(date, date))
            self.last[name] = content

    def _wait(self, seconds: int, _: None) -> None:
        self.inbox.later(seconds)

    def _tick(self, *_: None) -> None:
        self.inbox.tick()

    def _run(self, *_: None) -> None:
        self.inbox.run(patient=False)

    def _crash(self, at: int, _: None) -> None:
        with contextlib.suppress(Crash), dying(Counter(at), self.inbox.ledger):
            self.inbox.tick()

    def _restart(self, *_: None) -> None:
        self.inbox.reopened()

    def check(self) -> None:
        """Each file is in the inbox, put aside there, or whole at the archive; the moved ones are where they went."""
        here, there, done = self.inbox.here(), self.inbox.there(), self.inbox.here("done")
        asides = [content for path, content in here.items() if path.endswith(".aside")]
        for name, content in self.last.items():
            if name not in here and content not in asides:
                assert there.get(name) == content, f"{name} is lost"
                if "move_source" in self.inbox.options:
                    assert content in done.values(), f"{name} was not moved"
            elif name in here:
                assert here[name] == content, f"{name} is not as it was left"
        assert here[NEIGHBOUR] == b"not ours"


def play(inbox: Inbox, program: list[tuple[str, Any, Any]]) -> None:
    somebody = Somebody(inbox)
    try:
        for step in program:
            somebody.step(*step)
        for _ in range(4):
            inbox.later(4000)
            inbox.ticks()
            somebody.check()
        the_promise(inbox, somebody)
    except BaseException as error:
        error.add_note("\n".join(map(str, program)))
        raise


def the_promise(inbox: Inbox, somebody: Somebody) -> None:
    there, here = inbox.there(), inbox.here()
    for name, content in somebody.last.items():
        assert there.get(name) == content, f"the newest version of {name} is not what is published"
    assert [path for path in (*there, *inbox.here(".")) if is_own_name(path)] == []
    frees = "delete_source" in inbox.options or "move_source" in inbox.options
    assert here.keys() - {NEIGHBOUR} == (set() if frees else set(somebody.last))
    current = list(inbox.ledger.current_receipts("inbox", None).values())
    assert {receipt.destination for receipt in current} >= {f"there/{name}" for name in somebody.last}
    proofs = [(receipt.copy, receipt.destination, receipt.version) for receipt in inbox.receipts()]
    assert len(proofs) == len(set(proofs)), "a version has two receipts"
    assert inbox.ledger.all_intents("inbox") == []
    assert inbox.plan().state == "done"


PROGRAM = st.lists(STEPS, min_size=1, max_size=14)


def patient(examples: int) -> settings:
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck), deadline=None)


def new_inbox(folder: str, archive: Gateway, way: str) -> Inbox:
    options = {"source": "inbox/**/*.csv", "batch": {"files": 2}, **WAYS[way]}
    return Inbox(Path(folder), archive, options=options)


@patient(40)
@given(PROGRAM, st.sampled_from(sorted(WAYS)))
def test_to_memory(program: list[tuple[str, Any, Any]], way: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(new_inbox(folder, Memory(), way), program)


@patient(20)
@given(PROGRAM, st.sampled_from(sorted(WAYS)))
def test_to_a_disk(program: list[tuple[str, Any, Any]], way: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "archive").mkdir()
        play(new_inbox(folder, Local(root=f"{folder}/archive"), way), program)


@pytest.mark.slow
@patient(15)
@given(program=PROGRAM, way=st.sampled_from(sorted(WAYS)))
def test_to_an_ssh_server(sshd: OpenSSH, program: list[tuple[str, Any, Any]], way: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = sshd.root / Path(folder).name
        root.mkdir()
        play(new_inbox(folder, Sftp(**sshd.fields(root=str(root))), way), program)
