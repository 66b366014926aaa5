"""Waiting for a server in a way that a run can end at any moment: the socket is another thread's business."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")

_ASK_EVERY = 0.5  # seconds between two looks at the fence
_AHEAD = 4  # blocks that are read before they can be taken
_LEAST = 1024  # bytes that have to come within the time-out; less is a server that only keeps the line open


def in_time(work: Callable[[], T], seconds: float, fence: Callable[[], None], discard: Callable[[T], None]) -> T:
    """What `work` returns or raises, or TimeoutError after so many seconds, or what `fence` raises meanwhile.

    What comes too late goes to `discard`.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
    lock, over = threading.Lock(), False

    def run() -> None:
        try:
            found, error = work(), None
        except BaseException as raised:  # noqa: BLE001 - raised by whoever waits
            found, error = None, raised
        with lock:
            if not over:
                done.put((found, error))
                return
        if found is not None:
            discard(found)

    threading.Thread(target=run, name="datagw-http", daemon=True).start()
    end = time.monotonic() + seconds
    try:
        while True:
            fence()
            left = end - time.monotonic()
            try:
                found, error = done.get(timeout=max(0.0, min(left, _ASK_EVERY)))
            except queue.Empty:
                if left <= 0:
                    raise TimeoutError from None
                continue
            if error is not None:
                raise error
            return found  # type: ignore[return-value]
    finally:
        with lock:
            over = True
        while not done.empty():
            late, _ = done.get()
            if late is not None:
                discard(late)


def read_ahead(
    read: Callable[[], bytes], close: Callable[[], None], seconds: float, fence: Callable[[], None]
) -> Generator[bytes]:
    """The blocks that `read` gives, up to an empty one, a few of them read ahead; `close` is called at the end.

    TimeoutError where almost nothing comes for so many seconds.
    """
    ready: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
    room, over = threading.Semaphore(_AHEAD), threading.Event()

    def work() -> None:
        spent, came = 0.0, 0
        try:
            while not over.is_set():
                begin = time.monotonic()
                block = read()
                spent, came = spent + time.monotonic() - begin, came + len(block)
                if block and spent >= seconds:
                    if came < _LEAST:
                        raise TimeoutError
                    spent, came = 0.0, 0
                ready.put(block)
                if not block:
                    return
                room.acquire()
        except BaseException as error:  # noqa: BLE001 - raised by whoever takes the blocks
            ready.put(error)
        finally:
            close()

    threading.Thread(target=work, name="datagw-http", daemon=True).start()
    try:
        while True:
            try:
                block = ready.get(timeout=_ASK_EVERY)
            except queue.Empty:
                fence()
                continue
            if isinstance(block, BaseException):
                raise block
            if not block:
                return
            yield block
            room.release()
    finally:
        over.set()
        room.release()
