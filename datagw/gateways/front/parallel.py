"""Several connections to one place at once: on a long line, one carries no more than its window per round trip."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from datagw.errors import Aborted
from datagw.gateways.front.reading import Sent, Upload

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

Work = Callable[["Gateway", Sequence[Upload]], Iterator[Sent]]


def spread(gateway: Gateway, uploads: Sequence[Upload], work: Work) -> Iterator[Sent]:
    """`work` on shares of the uploads, on as many connections as the gateway may have; outcomes as they come.

    What ends one of them (a lost lease, an interrupt) ends all, and is raised here.
    """
    lanes = _lanes(gateway, min(gateway.connections, len(uploads)))
    share = max(1, min(64, len(uploads) // (4 * len(lanes))))
    todo: queue.SimpleQueue[Sequence[Upload]] = queue.SimpleQueue()
    for start in range(0, len(uploads), share):
        todo.put(uploads[start : start + share])
    outcomes: queue.SimpleQueue[Sent | BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_lane, args=(lane, work, todo, outcomes, stop), name=f"datagw {lane.name}", daemon=True)
        for lane in lanes
    ]
    for thread in threads:
        thread.start()
    try:
        running = len(threads)
        while running:
            outcome = outcomes.get()
            if outcome is None:
                running -= 1
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                yield outcome
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _lanes(gateway: Gateway, count: int) -> list[Gateway]:
    """Twins of the gateway, each with a session of its own, kept until the gateway is closed."""
    lanes = gateway.live.lanes
    while len(lanes) < count:
        lanes.append(gateway.using())
        lanes[-1].live.limiters = gateway.live.limiters
    return lanes[:count]


def _lane(
    lane: Gateway,
    work: Work,
    todo: queue.SimpleQueue[Sequence[Upload]],
    outcomes: queue.SimpleQueue[Sent | BaseException | None],
    stop: threading.Event,
) -> None:
    fence = lane.live.fence

    def fence_or_stop() -> None:
        if stop.is_set():
            raise Aborted("another connection of this run has ended it")
        fence()

    lane.live.fence = fence_or_stop
    try:
        while True:
            for sent in work(lane, todo.get_nowait()):
                outcomes.put(sent)
    except queue.Empty:
        outcomes.put(None)
    except BaseException as error:  # noqa: BLE001 - raised by whoever reads the outcomes
        outcomes.put(error)
    finally:
        lane.live.fence = fence
