"""Places: one file per protocol. The folder is the registry: `type = "sftp"` is `datagw/gateways/sftp.py`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from datagw.errors import ConfigError

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

_NO_PLACES = {"base", "secrets"}


@cache
def kinds() -> tuple[str, ...]:
    """The types of gateway that there are: the modules of this folder."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return tuple(sorted({*found} - _NO_PLACES))


def load(kind: str) -> type[Gateway]:
    """The class of a type of gateway; its module is imported now, its client library when it opens."""
    if kind not in kinds():
        raise ConfigError(f"no gateway of type {kind!r}; there are {', '.join(kinds())}")
    module = importlib.import_module(f"datagw.gateways.{kind}")
    found: type[Gateway] = getattr(module, kind.capitalize())
    return found
