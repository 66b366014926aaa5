"""What a call of the library did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, Self

from datagw.errors import NotPublished

if TYPE_CHECKING:
    from datagw.ledger.rows import Receipt
    from datagw.publishing.results import CopyResult, DayResult, FileFailure

_FIRST = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What was published; true where nothing failed, and nothing that was asked for by its day is missing.

    `state`: `done`: whatever was due is proven, or nothing was due; a day that is *unfinished* (files came while it was
    sent) or *waiting* (a marker stands in it) is no failure. `partly`: something failed, other files were published.
    `failed`: something failed, or the day that was asked for is `missing` or `not_over`, and nothing was published.
    `days` are those that were worked on, oldest first; `receipts` those that this call wrote. `run` is the run in the
    ledger, None where there was nothing to do.
    """

    job: str
    state: Literal["done", "partly", "failed"]
    run: str | None = None
    days: tuple[DayResult, ...] = ()
    missing: tuple[date, ...] = ()
    not_over: tuple[date, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.state == "done"

    @property
    def files(self) -> int:
        """Files that were sent or adopted, counted at each copy."""
        return sum(copy.sent_files + copy.adopted for copy in self.copies())

    @property
    def bytes(self) -> int:
        """Bytes that were sent."""
        return sum(copy.sent_bytes for copy in self.copies())

    @property
    def failures(self) -> tuple[FileFailure, ...]:
        """The files that failed, each with what to do; of a day that failed as a whole, the day."""
        return tuple(failure for day in self.days for failure in _failures(day))

    def copies(self, name: str | None = None) -> Iterator[CopyResult]:
        """The copies of all days, or the one of that name on each day."""
        return (copy for day in self.days for copy in day.copies.values() if name in (None, copy.copy))

    def raise_for_failures(self) -> Self:
        """The result itself, where it is true; else raises NotPublished, which names the first failures."""
        if self:
            return self
        told = [failure.error for failure in self.failures]
        told += [f"{day} is missing" for day in self.missing] + [f"{day} is not over" for day in self.not_over]
        more = f"; and {len(told) - _FIRST} more" if len(told) > _FIRST else ""
        raise NotPublished(f"{self.job}: {'; '.join(told[:_FIRST])}{more}", tuple(told))


def result_of(
    job: str,
    days: Iterable[DayResult],
    *,
    run: str | None = None,
    missing: tuple[date, ...] = (),
    not_over: tuple[date, ...] = (),
    one_day: bool = False,
    receipts: tuple[Receipt, ...] = (),
    notes: tuple[str, ...] = (),
) -> Result:
    """The result of these days; `one_day` says that a day was asked for by itself, which then may not be missing."""
    worked = tuple(days)
    state: Literal["done", "partly", "failed"] = "done"
    if any(day.state == "failed" for day in worked):
        published = any(day.published_something or day.state in ("published", "empty") for day in worked)
        state = "partly" if published else "failed"
    elif one_day and (missing or not_over or any(day.state == "missing" for day in worked)):
        state = "failed"
    return Result(job, state, run, worked, missing, not_over, receipts, notes)


def _failures(day: DayResult) -> Iterator[FileFailure]:
    from datagw.publishing.results import FileFailure

    yield from day.failures
    if day.error is not None and not day.failures:
        yield FileFailure("", "", f"{day.label}: {day.error}" if day.day else day.error)
