"""Own code, tried: what it raises becomes a text without secrets that names its last line; some is tried again."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Generic, TypeVar

from datagw.errors import Aborted, GatewayError, LeaseLost, LedgerError, Unavailable
from datagw.gateways.front.retries import wait
from datagw.jobs.models import Node
from datagw.pipelines.bench import Bench
from datagw.pipelines.calling import Event, Function, call
from datagw.pipelines.loading import frame_of, is_from_us, traceback_of
from datagw.pipelines.time_limit import TimedOut, time_limit
from datagw.pipelines.tools import Tools

T = TypeVar("T")

_ENDS_THE_RUN = (Aborted, LeaseLost, LedgerError, KeyboardInterrupt, GeneratorExit)
_DAGSTERS_INTERRUPT = "DagsterExecutionInterruptedError"
_TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h


class Failed(Exception):
    """Own code has raised: what and where, in words, still with secrets; `outage` says that a place gave no answer."""

    def __init__(self, text: str, tries: int = 1, *, outage: bool = False) -> None:
        super().__init__(text)
        self.tries = tries
        self.outage = outage


@dataclass(slots=True)
class Tried(Generic[T]):
    """What came of it, and after how many tries."""

    value: T
    tries: int


def tried(
    bench: Bench,
    node: Node,
    function: Function,
    event: Event,
    tools: Tools,
    take: Callable[[object], T],
    what: str = "",
) -> Tried[T]:
    """Calls a function, within its time limit, again after a pause where it raises; `take` is part of each try.

    Raises Failed after the last one.
    """
    pauses = node.retries.pauses()
    tries = 0
    while True:
        tries += 1
        try:
            with their_errors(bench, what or node.name), time_limit(node.timeout, what or node.name, bench.log):
                return Tried(take(call(function, deepcopy(event), tools)), tries)
        except Failed as failure:
            failure.tries = tries
            pause = next(pauses, None)
            if pause is None:
                raise
            bench.log.warning("%s: %s; trying again in %.1f s", what or node.name, failure, pause)
            wait(pause, bench.fence)


@contextmanager
def their_errors(bench: Bench, what: str) -> Generator[None, None, None]:
    """A stretch of own code: what it raises becomes Failed, with its traceback in the log.

    What ends the run as a whole (somebody asked for it, the lease or the ledger is lost) passes as it is.
    """
    try:
        yield
    except (Failed, *_ENDS_THE_RUN):
        raise
    except SystemExit as error:
        if error.code in (0, None):
            raise Failed("called sys.exit(): return instead") from None
        raise Failed(f"called sys.exit({error.code})", outage=error.code == _TEMPORARY) from None
    except TimedOut as error:
        bench.gateways.close()  # it may have been ended in the middle of a word
        raise Failed(str(error)) from None
    except BaseException as error:
        if type(error).__name__ == _DAGSTERS_INTERRUPT:
            raise  # whatever else it is, it is theirs
        bench.fence()  # unless the run is ended, and what they have started with it
        bench.log.info("%s: %s", what, traceback_of(error))
        if isinstance(error, Unavailable) and is_from_us(error):
            bench.silent.append(str(error))
        raise Failed(_text_of(error), outage=isinstance(error, Unavailable)) from None


def _text_of(error: BaseException) -> str:
    """`ValueError: it rained (pipelines.py:17 in run)`; our own errors say themselves what they are."""
    where = frame_of(error)
    text = str(error) if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{text} ({where})" if where else text
