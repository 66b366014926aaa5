"""Calls on a session's threads: their outcomes, their errors, and an end before all of them are made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from datagw.gateways.objects.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    found = Threads(4, lambda: None)
    yield found
    found.close()


def test_every_item_comes_with_its_outcome(threads: Threads) -> None:
    found = {item: call.result() for item, call in threads.as_done(range(100), lambda number: number * 2)}
    assert found == {number: number * 2 for number in range(100)}


def test_in_order_is_in_order(threads: Threads) -> None:
    first = threading.Event()

    def call(number: int) -> int:
        if number == 0:
            assert first.wait(10)
        elif number == 1:
            first.set()
        return number

    assert [call.result() for _, call in threads.in_order(range(20), call)] == list(range(20))


@pytest.mark.parametrize("begins", [True, False], ids=["begun", "called"])
def test_an_error_is_raised_by_whoever_reads_the_outcome(threads: Threads, begins: bool) -> None:
    def fails() -> int:
        raise OSError("no more")

    def begin(number: int) -> Callable[[], int]:
        if number == 1:
            return fails() if begins else fails  # type: ignore[return-value]
        return lambda: number

    calls = dict(threads.begun(range(3), begin, ahead=3))
    assert (calls[0].result(), calls[2].result()) == (0, 2)
    with pytest.raises(OSError, match="no more"):
        calls[1].result()


def test_items_are_begun_where_the_outcomes_are_taken(threads: Threads) -> None:
    begun: set[int] = set()

    def begin(_: int) -> Callable[[], int]:
        begun.add(threading.get_ident())
        return threading.get_ident

    made = {call.result() for _, call in threads.begun(range(50), begin, ahead=4)}
    assert begun == {threading.get_ident()}
    assert threading.get_ident() not in made


def test_no_more_items_are_taken_than_there_are_threads_and_room_ahead(threads: Threads) -> None:
    taken: list[int] = []
    go = threading.Event()

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    def begin(number: int) -> Callable[[], bool]:
        if number == 6:
            go.set()
        return lambda: go.wait(10)

    coming = threads.begun(items(), begin, ahead=3)
    next(coming)
    assert len(taken) == 7
    coming.close()  # type: ignore[attr-defined]


def test_what_nobody_waits_for_any_more_is_not_called(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datagw.gateways.objects.threads._PATIENCE", 0.0)
    busy, go = threading.Semaphore(0), threading.Event()
    called: list[int] = []

    def call(number: int) -> None:
        called.append(number)
        if number:
            busy.release()
            assert go.wait(10)

    coming = threads.begun(range(100), lambda number: lambda: call(number), ahead=90)
    next(coming)
    for _ in range(threads.count):
        busy.acquire()
    coming.close()  # type: ignore[attr-defined]
    running = list(threads._threads)
    threads.close()
    go.set()
    for thread in running:
        thread.join()
    assert sorted(called) == list(range(5))


def test_the_end_is_heard_while_a_call_is_under_way() -> None:
    class Over(Exception):
        pass

    asked = iter([False, True])
    go = threading.Event()

    def fence() -> None:
        if next(asked):
            go.set()
            raise Over

    threads = Threads(1, fence)
    with pytest.raises(Over):
        list(threads.as_done([1], lambda _: go.wait(10)))
    threads.close()
