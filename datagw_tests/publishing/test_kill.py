"""A real `kill -9` of a pipelined run over SFTP, at a moment drawn by a seed; then a clean run ends what it began."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagw.files import is_own_name
from datagw_tests.publishing.child import Child, Order
from datagw_tests.publishing.disturbing import published
from datagw_tests.servers.openssh import OpenSSH

FILES = {
    **{f"small/{n:02}": b"%d" % n * (n * 300) for n in range(40)},
    "deep/er/and/deeper/x y": b"deep",
    "empty": b"",
    "large": random.Random(0).randbytes(4_000_000),
    "middling": bytes(range(256)) * 3_000,
}
MARKER = ".do-not-touch"


class Case:
    """A station in a folder of its own, and the order for a run of its day."""

    def __init__(self, folder: Path, server: OpenSSH, *, connections: int = 1) -> None:
        folder.mkdir()
        root = server.root / folder.name
        root.mkdir()
        fields = server.fields(root=str(root), connections=connections)
        self.order = Order(folder, fields, {"delete_source": True})
        self.station = self.order.station()
        for name, content in FILES.items():
            self.station.write(f"20260201/{name}", content)

    def check_that_nothing_was_risked(self) -> None:
        """No part under a final name; what is gone from the source stands whole at the archive."""
        there = published(self.station) if (Path(self.station.archive.root) / "days/20260201").exists() else {}
        for path, content in there.items():
            if not is_own_name(path) and path != MARKER:
                assert content == FILES[path], f"{path} is not whole"
        kept = {path.removeprefix("20260201/"): content for path, content in self.station.left().items()}
        for name, content in FILES.items():
            aside = any(is_own_name(path) and held == content for path, held in kept.items())
            assert kept.get(name) == content or aside or there.get(name) == content, f"{name} is lost"

    def check_the_end(self) -> None:
        """The state of the undisturbed run."""
        station = self.station
        assert published(station) == FILES
        assert list(station.data.iterdir()) == []
        receipts = station.receipts()
        assert {receipt.source.removeprefix("20260201/") for receipt in receipts} == set(FILES)
        assert len({(receipt.destination, receipt.version) for receipt in receipts}) == len(receipts)
        assert [(row.state, row.files) for row in station.ledger.days("readings")] == [("published", len(FILES))]
        assert station.ledger.all_intents("readings") == []
        assert station.ledger.markers("readings") == []
        station.ledger.close()


@pytest.fixture(scope="module")
def calls(sshd: OpenSSH, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many calls an undisturbed run makes."""
    case = Case(tmp_path_factory.mktemp("whole") / "undisturbed", sshd)
    with Child(case.order) as child:
        assert child.hear() == "started"
        word, states, sent, count = child.hear()
    assert (word, states, sent) == ("done", ["published"], len(FILES))
    case.check_the_end()
    return count


@contextlib.contextmanager
def told(note: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(note)
        raise


@pytest.mark.parametrize("seed", range(30))
def test_a_run_that_is_killed_at_any_call_is_ended_by_the_next(
    seed: int, calls: int, sshd: OpenSSH, tmp_path: Path
) -> None:
    at = random.Random(seed).randrange(1, calls)
    case = Case(tmp_path / f"seed{seed}", sshd, connections=1 + seed % 3 % 2)
    case.order.die_at = at
    with told(f"killed at call {at} of {calls}"), Child(case.order) as child:
        assert child.killed()
        case.check_that_nothing_was_risked()
        (result,) = case.station.run()
        assert (result.state, result.failures) == ("published", ())
        case.check_the_end()


@pytest.mark.parametrize("seed", range(100, 104))
def test_a_run_that_is_killed_at_any_time_is_ended_by_the_next(seed: int, sshd: OpenSSH, tmp_path: Path) -> None:
    after = random.Random(seed).uniform(0.0, 0.8)
    case = Case(tmp_path / f"seed{seed}", sshd, connections=2)
    with told(f"killed after {after:.3f} s"), Child(case.order) as child:
        assert child.hear() == "started"
        child.process.join(after)
        child.kill()
        case.check_that_nothing_was_risked()
        (result,) = case.station.run()
        assert (result.state, result.failures) == ("published", ())
        case.check_the_end()


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(calls: int, sshd: OpenSSH, tmp_path: Path) -> None:
    draw = random.Random(7)
    case = Case(tmp_path / "again", sshd)
    for _ in range(4):
        case.order.die_at = draw.randrange(calls // 8, calls // 3)
        with Child(case.order) as child:
            child.process.join()
        case.check_that_nothing_was_risked()
    (result,) = case.station.run()
    assert result.state == "published"
    case.check_the_end()
