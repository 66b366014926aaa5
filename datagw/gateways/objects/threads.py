"""Several requests at once, on threads that a session keeps; whoever waits for them can be told to end."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
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

    def as_done(self, items: Iterable[T], call: Callable[[T], R], *, ahead: int = 0) -> Iterator[tuple[T, Future[R]]]:
        """Each item with its outcome as it comes; `items` are taken when there is a thread for them, or `ahead` of it.

        Those ahead keep the threads at work while whoever takes the outcomes is busy with them.
        """
        pending: dict[Future[R], T] = {}
        done: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
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
                        future = self.submit(partial(call, item))
                        pending[future] = item
                        future.add_done_callback(done.put)
                if not pending:
                    return
                future = self._next(done)
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
        """The item once its outcome is there; the fence is asked meanwhile."""
        while not future.done():
            wait([future], timeout=_LOOK)
            self.fence()
        return item, future

    def _next(self, done: queue.SimpleQueue[Future[R]]) -> Future[R]:
        """The next outcome; the fence is asked meanwhile."""
        while True:
            try:
                future = done.get(timeout=_LOOK)
            except queue.Empty:
                future = None
            self.fence()
            if future is not None:
                return future

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
