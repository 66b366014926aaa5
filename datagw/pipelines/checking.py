"""Own code looked at before it runs: whether it can be found, and called as a run would call it."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

from datagw.errors import ConfigError, DatagwError
from datagw.jobs.models import Command
from datagw.pipelines.loading import find, modules_of


def problem_of_backend(reference: str, base: Path) -> str | None:
    """What is wrong with a class, which has to have `run`, or a function, which has to take `event`; None if nothing.

    Its module is imported, from `base` first.
    """
    return _problem(reference, base, class_allowed=True)


def problem_of_node(reference: str, base: Path) -> str | None:
    """What is wrong with a function of a graph; None if nothing."""
    return _problem(reference, base, class_allowed=False)


def problem_of_command(command: Command, base: Path) -> str | None:
    """What is wrong with the program of a command: that it is not there, or may not be run; None if nothing."""
    from datagw.pipelines.commands.starting import program_of

    given = command.env.get("PATH", os.environ.get("PATH"))
    if given is not None and not isinstance(given, str):
        return None  # a secret, which only a run may read
    try:
        program_of(command.arguments[0], base, given)
    except DatagwError as error:
        return str(error)
    return None


def _problem(reference: str, base: Path, *, class_allowed: bool) -> str | None:
    with modules_of(base):
        try:
            found = find(reference, base)
        except ConfigError as error:
            return str(error)
        if isinstance(found, type):
            if not class_allowed:
                return f"{reference} is a class; a node is a function that takes `event`"
            return _problem_of_class(reference, found)
        if not callable(found):
            return f"{reference} is a {type(found).__name__}, neither a class nor a function"
        try:
            parameters = inspect.signature(found).parameters.values()
        except (TypeError, ValueError):
            return None  # written in C: it shows nothing
    takes = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_KEYWORD)
    if any(one.name == "event" or one.kind in takes for one in parameters):
        return None
    return f"{reference} takes no `event`: def {reference.rpartition(':')[2]}(event): …"


def _problem_of_class(reference: str, found: type) -> str | None:
    run = getattr(found, "run", None)
    if not callable(run) or getattr(run, "__isabstractmethod__", False):
        return f"{reference} has no method `run`: def run(self): …"
    if "datagw" in (run.__module__ or "").partition(".")[0]:
        return f"{reference} has no `run` of its own: def run(self): …"
    return None
