"""A function of own code, called: with its event, with `tools` if it asks for them, and with what it returned taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Any, cast

from datagw.errors import ConfigError
from datagw.pipelines.items import Items, Spool, as_json
from datagw.pipelines.loading import find
from datagw.pipelines.tools import Tools

Function = Callable[..., object]
Event = dict[str, Any]

OWN_WORDS = ("job", "run", "day", "node", "payload", "results", "item", "number")
"""What an event says of the run itself; nothing that a function returns takes their place."""
_HANDED_ON = (*OWN_WORDS, "files", "file")


def function_of(reference: str, base: Path) -> Function:
    """The function that a reference names; raises ConfigError where it is none."""
    found = find(reference, base)
    if isinstance(found, type) or not callable(found):
        kind = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
        raise ConfigError(f"{reference} is {kind}; a function that takes `event` is wanted: def name(event): …")
    return found


def call(function: Function, event: Event, tools: Tools) -> object:
    """Calls a function with its event, and `tools` where its signature, or `**kwargs`, asks for them.

    Any other parameter is the entry of the event that is called so. Raises TypeError where there is none.
    """
    positional, named = _arguments(function, event, tools)
    return function(*positional, **named)


def _arguments(function: Function, event: Event, tools: Tools) -> tuple[list[object], dict[str, object]]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C: it shows nothing
        return [event], {}
    known: dict[str, object] = {**event, "event": event, "tools": tools}
    positional: list[object] = []
    named: dict[str, object] = {}
    missing: list[str] = []
    for at, one in enumerate(parameters):
        if one.kind is Parameter.VAR_POSITIONAL:
            continue
        if one.kind is Parameter.VAR_KEYWORD:
            taken = {parameter.name for parameter in parameters}
            takes_event = bool(positional) or "event" in taken
            named |= {name: value for name, value in known.items() if name not in taken}
            if takes_event:
                named.pop("event", None)
        elif at == 0 and one.kind is not Parameter.KEYWORD_ONLY and one.name != "tools":
            positional.append(event)
        elif one.name in known:
            if one.kind is Parameter.POSITIONAL_ONLY:
                positional.append(known[one.name])
            else:
                named[one.name] = known[one.name]
        elif one.default is Parameter.empty:
            missing.append(one.name)
    if missing:
        has = ", ".join(sorted(known))
        raise TypeError(f"{_name(function)} asks for {', '.join(missing)}, which is not in its event; there are {has}")
    return positional, named


def object_of(returned: object, given: Event) -> dict[str, Any]:
    """What a function returned, as the event of the next ones: without the run's own words, handed on as they were."""
    found = cast("Mapping[object, object]", returned)
    new: dict[str, Any] = {}
    for key, value in found.items():
        if not isinstance(key, str):
            raise TypeError(f"returned the key {key!r}: the keys of an event are texts")
        if not (key in _HANDED_ON and key in given and value == given[key]):
            new[key] = value
    return new


def is_many(returned: object) -> bool:
    """Whether a function returned a list, a generator, or the like: an event for each of its items."""
    return isinstance(returned, (list, tuple, Iterator, Items))


def refusal(returned: object) -> str:
    """What to say of a value that is neither an event nor many."""
    kind = type(returned).__name__
    hint = "; a function that is `async` is not awaited" if inspect.iscoroutine(returned) else ""
    if inspect.iscoroutine(returned):
        returned.close()
    return (
        f"returned a {kind}: a function returns a dict, which is the event of the next ones, a list or a generator, "
        f"of which each item is an event, or nothing{hint}"
    )


def spooled(returned: object, spool: Spool, told: Callable[[int, str], None]) -> Items:
    """The items of what a function returned, gone through once and written to disk; `told` hears of each."""
    for number, item in enumerate(cast("Iterable[object]", returned)):
        line = as_json(item, f"item {number}")
        spool.add(line)
        told(number, line)
    return spool.done()


def _name(function: Function) -> str:
    return getattr(function, "__name__", repr(function))
