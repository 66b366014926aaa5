"""Places: one file per protocol. The folder is the registry: `type = "sftp"` is `datagw/gateways/sftp.py`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from datagw.errors import ConfigError

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


def kinds() -> tuple[str, ...]:
    """The types of gateway that there are, by the modules of this folder that say so."""
    return tuple(name for name in ("local", "memory", "sftp") if name in _modules())


def load(kind: str) -> type[Gateway]:
    """The class of a type of gateway; its module, and with it its client library, is imported now."""
    if kind not in kinds():
        raise ConfigError(f"no gateway of type {kind!r}; there are {', '.join(kinds())}")
    module = importlib.import_module(f"datagw.gateways.{kind}")
    found: type[Gateway] = getattr(module, kind.capitalize())
    return found


def _modules() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(__path__))
