"""A job of own code in processes of its own that are killed, or two of which run at once: each file is handed over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from datagw.publishing import LeaseHeld, close_folder, publish
from datagw_tests.pipelines.workshop import Workshop

_fresh = multiprocessing.get_context("forkserver")
_fresh.set_forkserver_preload(["datagw_tests.pipelines.test_handed_over"])

FILES = {name: f"{name} says hello" for name in ("a.txt", "b.txt", "c.txt")}
PATIENCE = 60  # seconds
JOB = """
    [work]
    source = "local:inbox/"
    when = "new files"
    backend = "mine:take"
    move_source = "local:done/"
"""
CODE = """
    import os

    def take(event, tools):
        for file in tools.files:
            if os.path.exists("{folder}/gate"):
                open("{folder}/gate").read()  # to its end, which comes when nobody holds it any more
            with open("{folder}/taken", "a") as log:
                log.write(file.name + "\\n")
            out = tools.tmp_dir / file.name
            out.write_text(file.read_text().upper())
            tools.publish(out, "shelf:upper/")
"""


def shop_in(folder: Path) -> Workshop:
    shop = Workshop(folder)
    if not (folder / "jobs.toml").exists():
        shop.write(JOB, mine=CODE.replace("{folder}", str(folder)))
        (folder / "inbox").mkdir()
        for name, text in FILES.items():
            (folder / "inbox" / name).write_text(text)
            os.utime(folder / "inbox" / name, (1_760_000_000, 1_760_000_000))
    return shop


def taken(shop: Workshop) -> list[str]:
    log = shop.folder / "taken"
    return log.read_text().split() if log.exists() else []


def _work(folder: Path, die_at: int | None, wait: bool, pipe: Any) -> None:
    shop = Workshop(folder)
    count = 0

    def call(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(shop.ledger._engine, "before_cursor_execute", call)
    event.listen(shop.ledger._engine, "commit", call)
    world = shop.world()
    try:
        results = list(publish(shop.job(), [None], world, wait=wait))
    except LeaseHeld as error:
        said: tuple[Any, ...] = ("held", error.owner.pid)
    else:
        said = ("done", results[0].state, count)
    close_folder(world.tmp_dir)
    pipe.send(said)


class Process:
    """One run, as a command would make it; what it says at its end is got by `hear`."""

    def __init__(self, folder: Path, *, die_at: int | None = None, wait: bool = True) -> None:
        self._pipe, theirs = _fresh.Pipe()
        self._process = _fresh.Process(target=_work, args=(folder, die_at, wait, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def hear(self) -> Any:
        """What it says; None where it was killed."""
        try:
            assert self._pipe.poll(PATIENCE), "it says nothing"
            return self._pipe.recv()
        except EOFError:
            return None
        finally:
            self._process.join(PATIENCE)


def nothing_is_said_that_is_not_so(shop: Workshop) -> None:
    receipts = list(shop.ledger.receipts("work"))
    accepted = {receipt.source for receipt in receipts if receipt.verification == "accepted"}
    assert accepted <= {f"{str(shop.folder).lstrip('/')}/inbox/{name}" for name in taken(shop)}
    assert {receipt.source for receipt in receipts if receipt.copy == "shelf"} <= {f"upper/{n}" for n in FILES} | {
        *FILES
    }
    for path, text in shop.shelf().items():
        name = path.rpartition("/")[2]
        assert name.startswith(".datagw-") or text == FILES[name].upper()
    for name, text in FILES.items():
        places = [shop.folder / "inbox" / name, shop.folder / "done" / name, *(shop.folder / "inbox").glob(".datagw-*")]
        assert any(place.exists() and place.read_text() == text for place in places), f"{name} is lost"


def the_end_is_as_undisturbed(shop: Workshop) -> None:
    assert shop.shelf() == {f"upper/{name}": text.upper() for name, text in FILES.items()}
    assert {path.name: path.read_text() for path in (shop.folder / "done").iterdir()} == FILES
    assert list((shop.folder / "inbox").iterdir()) == []
    assert set(taken(shop)) == set(FILES)
    assert len(taken(shop)) <= len(FILES) + 1, "one file at most was on its way"
    assert shop.ledger.all_intents("work") == []
    assert shop.left() == []


def calls_of_a_whole_run(folder: Path) -> int:
    shop_in(folder).ledger.close()
    word, state, count = Process(folder).hear()
    assert (word, state) == ("done", "published")
    return count


def kill_at(folder: Path, call: int) -> None:
    shop = shop_in(folder)
    assert Process(folder, die_at=call).hear() is None
    try:
        nothing_is_said_that_is_not_so(shop)
        while (result := shop.run()).state != "empty":
            assert result.state == "published", result
        the_end_is_as_undisturbed(shop)
    except BaseException as error:
        error.add_note(f"after a kill at call {call}")
        raise
    finally:
        shop.ledger.close()


def test_killed_at_some_calls_each_file_is_handed_over_and_none_is_said_to_be_that_was_not(tmp_path: Path) -> None:
    calls = calls_of_a_whole_run(tmp_path / "whole")
    for part in range(1, 4):
        kill_at(tmp_path / f"part{part}", calls * part // 4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_every_call_each_file_is_handed_over(tmp_path: Path) -> None:
    for call in range(1, calls_of_a_whole_run(tmp_path / "whole") + 1):
        kill_at(tmp_path / f"call{call}", call)


def test_of_two_runs_at_once_one_waits_and_finds_nothing_left(tmp_path: Path) -> None:
    shop = shop_in(tmp_path / uuid.uuid4().hex)
    os.mkfifo(shop.folder / "gate")
    first = Process(shop.folder)
    gate = os.open(shop.folder / "gate", os.O_WRONLY)  # which waits until the code has come to its gate
    try:
        hasty = Process(shop.folder, wait=False)
        assert hasty.hear() == ("held", first.pid)
        patient = Process(shop.folder)
        (shop.folder / "gate").unlink()
    finally:
        os.close(gate)
    assert first.hear()[:2] == ("done", "published")
    assert patient.hear()[:2] == ("done", "empty")
    assert taken(shop) == list(FILES)
    the_end_is_as_undisturbed(shop)
    shop.ledger.close()


def test_an_input_that_is_moved_to_the_folder_of_a_call_that_fails_is_not_lost(shop: Workshop) -> None:
    inbox = shop.folder / "in"
    inbox.mkdir()
    (inbox / "a").write_text("all that there is")
    shop.write(
        '[work]\nbackend = "mine:f"\nsource = "local:in/"\nwhen = "new files"\n',
        mine="import shutil\ndef f(event, tools):\n    shutil.move(event['file'], tools.tmp_dir)\n    1 / 0\n",
    )
    assert shop.run().state == "failed"
    assert list(inbox.iterdir()) == []
    assert [path.read_text() for path in shop.tmp.glob("kept-*/a")] == ["all that there is"]
