"""datagw publishes files and proves it.

As a library: `from datagw import publish, plan`, and the class of each type of gateway, `Sftp`, `Local`, `S3`…
Each name is loaded when it is asked for, so that `import datagw` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from datagw import errors
    from datagw.gateways.base import Gateway
    from datagw.gateways.datagouv import Datagouv
    from datagw.gateways.front.at import At
    from datagw.gateways.front.retries import RetryPolicy
    from datagw.gateways.ftp import Ftp
    from datagw.gateways.ftps import Ftps
    from datagw.gateways.http import Http
    from datagw.gateways.local import Local
    from datagw.gateways.memory import Memory
    from datagw.gateways.s3 import S3
    from datagw.gateways.secrets import Secret
    from datagw.gateways.sftp import Sftp
    from datagw.gateways.webdav import Webdav
    from datagw.library.calls import plan, publish
    from datagw.library.listing import ls
    from datagw.library.progress import Progress
    from datagw.library.results import Result
    from datagw.publishing.engine import LeaseHeld

__all__ = [
    "S3",
    "At",
    "Datagouv",
    "Ftp",
    "Ftps",
    "Gateway",
    "Http",
    "LeaseHeld",
    "Local",
    "Memory",
    "Progress",
    "Result",
    "RetryPolicy",
    "Secret",
    "Sftp",
    "Webdav",
    "__version__",
    "errors",
    "ls",
    "plan",
    "publish",
]

_HOMES = {
    "At": "gateways.front.at",
    "Gateway": "gateways.base",
    "LeaseHeld": "publishing.engine",
    "Progress": "library.progress",
    "Result": "library.results",
    "RetryPolicy": "gateways.front.retries",
    "Secret": "gateways.secrets",
    "ls": "library.listing",
    "plan": "library.calls",
    "publish": "library.calls",
}


def __getattr__(name: str) -> Any:
    found = _loaded(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def _loaded(name: str) -> object | None:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"datagw.{_HOMES[name]}"), name)
    if name[:1].isupper():
        from datagw import gateways

        if name.lower() in gateways.kinds() and name == name.capitalize():
            return gateways.load(name.lower())
    return None


def __dir__() -> list[str]:
    from datagw import gateways

    return sorted({*globals(), *__all__, *(kind.capitalize() for kind in gateways.kinds())})
