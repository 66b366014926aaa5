"""Several requests at once, on threads that a session keeps; whoever waits for them can be told to end."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

_LOOK = 0.25  # seconds between two looks at the fence
_PATIENCE = 5.0  # seconds for which requests under way are waited for when all is to end
_Task = tuple["Future[Any]", Callable[[], Any]]


class Threads:
    """At most `count` threads, begun when they are needed; they never keep a process from ending."""

    def __init__(self, count: int, fence: Callable[[], None]) -> None:
        self.count = count
        self.fence = fence
        self._threads: list[threading.Thread] = []
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()

    def submit(self, call: Callable[[], R]) -> Future[R]:
        """`call` on a thread."""
        future: Future[R] = Future()
        self._tasks.put((cast("Future[Any]", future), call))
        if len(self._threads) < self.count:
            thread = threading.Thread(target=_work, args=(self._tasks,), name="datagw-objects", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def as_done(self, items: Iterable[T], call: Callable[[T], R]) -> Iterator[tuple[T, Future[R]]]:
        """Each item with its outcome as it comes; `items` are taken when there is a thread for them."""
        pending: dict[Future[R], T] = {}
        coming = iter(items)
        more = True
        try:
            while True:
                while more and len(pending) < self.count:
                    try:
                        item = next(coming)
                    except StopIteration:
                        more = False
                    else:
                        pending[self.submit(partial(call, item))] = item
                if not pending:
                    return
                for future in self._first(pending):
                    yield pending.pop(future), future
        finally:
            _end(list(pending))

    def in_order(self, items: Iterable[T], call: Callable[[T], R]) -> Iterator[tuple[T, Future[R]]]:
        """Each item with its outcome, in the order of the items; a few are fetched ahead."""
        ahead: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                ahead.append((item, self.submit(partial(call, item))))
                if len(ahead) > self.count:
                    yield self._settled(*ahead.popleft())
            while ahead:
                yield self._settled(*ahead.popleft())
        finally:
            _end([future for _, future in ahead])

    def _settled(self, item: T, future: Future[R]) -> tuple[T, Future[R]]:
        while not future.done():
            self._first([future])
        return item, future

    def _first(self, pending: Iterable[Future[R]]) -> set[Future[R]]:
        """Those that are done by now; the fence is asked while none is."""
        while True:
            done, _ = wait(pending, timeout=_LOOK, return_when=FIRST_COMPLETED)
            self.fence()
            if done:
                return done

    def close(self) -> None:
        """Ends the threads, each after what it is doing."""
        for _ in self._threads:
            self._tasks.put(None)
        self._threads.clear()


def _end(pending: list[Future[R]]) -> None:
    for future in pending:
        future.cancel()
    wait([future for future in pending if not future.cancelled()], timeout=_PATIENCE)


def _work(tasks: queue.SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        future, call = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - raised by whoever reads the outcome
                future.set_exception(error)
        del task, future, call
