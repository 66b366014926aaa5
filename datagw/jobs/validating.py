"""A table of a job file as a model, as far as it is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from datagw.jobs.complaints import complaints
from datagw.jobs.positions import Path as KeyPath
from datagw.jobs.report import Report
from datagw.jobs.tables import Table
from datagw.jobs.words import LATER_IN_A_JOB, LATER_IN_A_SOURCE, LATER_IN_RUN

T = TypeVar("T", bound=Table)

_LATER = {"": LATER_IN_A_JOB, "source": LATER_IN_A_SOURCE, "run": LATER_IN_RUN}


def validated(
    model: type[T],
    table: Mapping[str, Any],
    home: Callable[[str], KeyPath],
    base: Path,
    report: Report,
    doubtful: set[str],
) -> tuple[T | None, frozenset[str]]:
    """The table as a model, without the keys that are wrong or doubtful; and those keys. None where a required one is.

    `home` tells of a key to which table of the file it belongs; what is wrong goes to the report.
    """
    wrong = set(doubtful)
    for _ in range(2):
        left = {key: value for key, value in table.items() if key not in wrong}
        try:
            return model.model_validate(left, context={"base": base}), frozenset(wrong)
        except ValidationError as error:
            for complaint in complaints(error, model, _LATER):
                key = str(complaint.path[0])
                if key not in wrong:
                    report.add((*home(key), *complaint.path), complaint.message, complaint.hint)
            wrong |= {str(complaint.path[0]) for complaint in complaints(error, model, _LATER)}
    return None, frozenset(wrong)
