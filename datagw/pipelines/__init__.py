"""One's own code as jobs: classes, functions, graphs of functions, commands. Stands on publishing; knows no Dagster.

The names below are loaded when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datagw.pipelines.pipeline import BasePipeline
    from datagw.pipelines.registering import Resource
    from datagw.pipelines.tools import Tools

__all__ = ["BasePipeline", "Resource", "Tools"]

_HOMES = {"BasePipeline": "pipeline", "Resource": "registering", "Tools": "tools"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
