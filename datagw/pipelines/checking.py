"""Own code looked at before it runs: whether it can be found, and called as a run would call it."""

from __future__ import annotations

import inspect
import os
from inspect import Parameter
from pathlib import Path

from datagw.errors import ConfigError, DatagwError
from datagw.jobs.models import Command
from datagw.pipelines.loading import find, modules_of

_TAKES = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_KEYWORD)


def problem_of_backend(reference: str, base: Path) -> str | None:
    """What is wrong with a class, which has to have `run`, or a function, which has to take `event`; None if nothing.

    Its module is imported, from `base` first.
    """
    from datagw.pipelines.pipeline import pipeline_of

    with modules_of(base):
        try:
            found = find(reference, base)
            if isinstance(found, type):
                pipeline_of(reference, found)
                return None
        except ConfigError as error:
            return str(error)
        return _problem_of_function(reference, base)


def problem_of_node(reference: str, base: Path) -> str | None:
    """What is wrong with a function of a graph; None if nothing."""
    with modules_of(base):
        return _problem_of_function(reference, base)


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


def _problem_of_function(reference: str, base: Path) -> str | None:
    from datagw.pipelines.calling import function_of

    try:
        function = function_of(reference, base)
    except ConfigError as error:
        return str(error)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None  # written in C: it shows nothing
    if any(one.name == "event" or one.kind in _TAKES for one in parameters):
        return None
    return f"{reference} takes no `event`: def {reference.rpartition(':')[2]}(event): …"
