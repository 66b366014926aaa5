"""Several requests at once, on threads that a session keeps; whoever waits for them can be told to end."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

_LOOK = 0.25  # seconds between two looks at the fence
_PATIENCE = 5.0  # seconds for which requests under way are waited for when all is to end


class Call(Generic[R]):
    """One call on a thread, and, once it is `made`, what came of it: lighter by far than a `Future`."""

    __slots__ = ("_error", "_round", "_value", "_work", "made")

    def __init__(self, work: Callable[[], R], of: _Round) -> None:
        self.made = False
        self._work: Callable[[], R] | None = work
        self._round = of
        self._value: R | None = None
        self._error: BaseException | None = None

    def make(self) -> None:
        """Makes it, on a thread; not if nobody waits for it any more."""
        if self._work is not None and not self._round.over:
            try:
                self._value = self._work()
            except BaseException as error:  # noqa: BLE001 - raised by whoever reads the outcome
                self._error = error
        self._work = None
        self.made = True
        self._round.done.put(self)

    def result(self) -> R:
        """What it returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return cast("R", self._value)


class _Round:
    """Calls whose outcomes one loop waits for."""

    def __init__(self) -> None:
        self.done: queue.SimpleQueue[Call[Any]] = queue.SimpleQueue()
        self.awaited = 0
        self.over = False

    def end(self) -> None:
        """No call of it begins from now on; those under way are waited for, for a while."""
        self.over = True
        until = time.monotonic() + _PATIENCE
        while self.awaited:
            try:
                self.done.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                return
            self.awaited -= 1


class Threads:
    """At most `count` threads, begun when all others are at work; they never keep a process from ending."""

    def __init__(self, count: int, fence: Callable[[], None]) -> None:
        self.count = count
        self.fence = fence
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)  # threads that wait for a call
        self._calls: queue.SimpleQueue[Call[Any] | None] = queue.SimpleQueue()

    def as_done(self, items: Iterable[T], call: Callable[[T], R]) -> Iterator[tuple[T, Call[R]]]:
        """Each item with its outcome as it comes; `items` are taken when there is a thread for them."""
        return self.begun(items, lambda item: partial(call, item), ahead=0)

    def begun(
        self, items: Iterable[T], begin: Callable[[T], Callable[[], R]], *, ahead: int
    ) -> Iterator[tuple[T, Call[R]]]:
        """As `as_done`; each item is begun where the outcomes are taken, what `begin` returns is called on a thread.

        What is short is best done by `begin`: threads that each do their bit of it hold one another up for longer.
        Items are taken `ahead` of the threads, which stay at work while whoever takes the outcomes is busy with them.
        """
        pending: dict[Call[R], T] = {}
        this = _Round()
        coming = iter(items)
        more = True
        try:
            while True:
                while more and len(pending) < self.count + ahead:
                    try:
                        item = next(coming)
                    except StopIteration:
                        more = False
                    else:
                        pending[self._begin(begin, item, this)] = item
                if not pending:
                    return
                call = self._next(this)
                yield pending.pop(call), call
        finally:
            this.end()

    def in_order(self, items: Iterable[T], call: Callable[[T], R]) -> Iterator[tuple[T, Call[R]]]:
        """Each item with its outcome, in the order of the items; a few are fetched ahead."""
        ahead: deque[tuple[T, Call[R]]] = deque()
        this = _Round()
        try:
            for item in items:
                ahead.append((item, self._submit(partial(call, item), this)))
                if len(ahead) > self.count:
                    yield self._settled(*ahead.popleft(), this)
            while ahead:
                yield self._settled(*ahead.popleft(), this)
        finally:
            this.end()

    def close(self) -> None:
        """Ends the threads, each after what it is doing."""
        for _ in self._threads:
            self._calls.put(None)
        self._threads.clear()
        self._calls, self._idle = queue.SimpleQueue(), threading.Semaphore(0)

    def _begin(self, begin: Callable[[T], Callable[[], R]], item: T, this: _Round) -> Call[R]:
        try:
            work = begin(item)
        except Exception as error:  # noqa: BLE001 - raised by whoever reads the outcome
            work = partial(_raise, error)
        return self._submit(work, this)

    def _submit(self, work: Callable[[], R], this: _Round) -> Call[R]:
        call = Call(work, this)
        this.awaited += 1
        self._calls.put(call)
        if not self._idle.acquire(blocking=False) and len(self._threads) < self.count:
            thread = threading.Thread(target=_work, args=(self._calls, self._idle), name="datagw-objects", daemon=True)
            self._threads.append(thread)
            thread.start()
        return call

    def _settled(self, item: T, call: Call[R], this: _Round) -> tuple[T, Call[R]]:
        """The item once its outcome is there."""
        while not call.made:
            self._next(this)
        return item, call

    def _next(self, this: _Round) -> Call[Any]:
        """The next outcome; the fence is asked meanwhile."""
        while True:
            try:
                call = this.done.get(timeout=_LOOK)
            except queue.Empty:
                call = None
            else:
                this.awaited -= 1
            self.fence()
            if call is not None:
                return call


def _raise(error: Exception) -> Any:
    raise error


def _work(calls: queue.SimpleQueue[Call[Any] | None], idle: threading.Semaphore) -> None:
    while True:
        try:
            call = calls.get_nowait()
        except queue.Empty:
            idle.release()
            call = calls.get()
        if call is None:
            return
        call.make()
        del call
