"""Own code, found: `module:name`, in the folder of the job file first, then as installed.

The folder is on Python's path only while its code is loaded and runs. What was loaded from it is forgotten then: two
folders may each have a module of the same name, and the next run finds the code as it is written then.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import threading
import traceback
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from datagw.errors import ConfigError, GatewayError
from datagw.jobs.problems import nearest_word

_KEPT = {*sys.stdlib_module_names, "datagw", "dagster", "__main__"}
"""Modules that no file in the folder takes the place of."""

_one_at_a_time = threading.RLock()


@contextmanager
def modules_of(base: Path) -> Generator[None, None, None]:
    """A time in which modules are found in `base` first. One folder at a time: another thread waits for its turn."""
    folder = os.path.realpath(base)
    with _one_at_a_time:
        before, no_bytecode = set(sys.modules), sys.dont_write_bytecode
        hidden = _shadowed(folder)
        for name in hidden:
            del sys.modules[name]
        shared = {_top(name) for name in sys.modules}
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True  # a job may watch this very folder
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.dont_write_bytecode = no_bytecode
            if folder in sys.path:
                sys.path.remove(folder)
            for name in _loaded_from(folder, set(sys.modules) - (before - {*hidden}), shared):
                del sys.modules[name]
            sys.modules.update(hidden)


def find(reference: str, base: Path) -> object:
    """What `module:name` stands for; to be called while `modules_of(base)` holds.

    Raises ConfigError that says what is missing, where it was looked for, and the nearest right name.
    """
    module_name, _, name = reference.partition(":")
    module = _module(reference, module_name, os.path.realpath(base))
    try:
        return getattr(module, name)
    except AttributeError:
        public = [known for known in vars(module) if not known.startswith("_")]
        hint = nearest_word(name, public)
        place = getattr(module, "__file__", None) or module_name
        raise ConfigError(f"{reference}: {place} has no {name}" + (f"; {hint}" if hint else "")) from None


def frame_of(error: BaseException) -> str:
    """The last line of the user's own code that an error came through, as `file:line in name`; nothing of ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    if not frames:
        return ""
    theirs = [frame for frame in frames if "site-packages" not in frame.filename and not _is_pythons(frame.filename)]
    frame = (theirs or frames)[-1]
    return f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"


def traceback_of(error: BaseException) -> str:
    """The traceback of an error as Python prints it, from the first line of the user's own code on.

    Of errors about places it ends with the last one: how we came to them is of no interest.
    """
    frames, trace = error.__traceback__, error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    told = traceback.TracebackException.from_exception(error.with_traceback(trace or frames))
    while trace is not None and isinstance(error, GatewayError) and _is_ours(told.stack[-1].filename):
        told.stack.pop()
    return "".join(told.format()).rstrip("\n")


def is_from_us(error: BaseException) -> bool:
    """Whether an error began in datagw itself, and not in the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and _is_ours(frames[-1].filename)


def _module(reference: str, name: str, folder: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            raise ConfigError(f"{reference}: {_not_found(missing, folder)}") from None
        raise ConfigError(
            f"{reference}: the module {name} cannot be loaded: it needs {missing}, which is neither in {folder} "
            "nor installed"
        ) from None
    except SyntaxError as error:
        where = f"{error.filename}:{error.lineno}" if error.filename else name
        raise ConfigError(f"{reference}: {where} is not Python: {error.msg}") from None
    except Exception as error:
        where = frame_of(error)
        raise ConfigError(
            f"{reference}: the module {name} cannot be loaded: {type(error).__name__}: {error}"
            + (f" ({where})" if where else "")
        ) from error


def _not_found(missing: str, folder: str) -> str:
    parent, _, last = missing.rpartition(".")
    if parent and parent in sys.modules:
        paths = list(getattr(sys.modules[parent], "__path__", []))
        if not paths:
            return f"{parent} is a module, not a package, and holds no {last}"
        place, known = f"in the package {parent}", [found.name for found in pkgutil.iter_modules(paths)]
        hint = nearest_word(last, known)
    else:
        place, known = f"in {folder}, or installed", [found.name for found in pkgutil.iter_modules([folder])]
        hint = nearest_word(last, known)
        if not hint and known:
            hint = f"in that folder there are {', '.join(sorted(known)[:5])}"
    return f"there is no module {missing} {place}" + (f"; {hint}" if hint else "")


def _shadowed(folder: str) -> dict[str, ModuleType]:
    """Modules that are loaded from elsewhere under names that stand in the folder, with all that is in them."""
    names = {found.name for found in pkgutil.iter_modules([folder])} - _KEPT
    mine = {name for name in names if name in sys.modules and not _is_in(sys.modules[name], folder)}
    return {name: module for name, module in list(sys.modules.items()) if _top(name) in mine}


def _loaded_from(folder: str, new: Iterable[str], shared: set[str]) -> list[str]:
    """The modules that came from the folder's own files, not from an environment that stands in it."""
    names = {found.name for found in pkgutil.iter_modules([folder])} - _KEPT
    return [
        name
        for name in new
        if name in sys.modules
        and _top(name) not in shared
        and (_top(name) in names or _is_namespace(sys.modules.get(_top(name)), folder))
        and _is_in(sys.modules[name], folder)
    ]


def _is_namespace(module: ModuleType | None, folder: str) -> bool:
    """Whether a module is a folder without `__init__.py` that stands in this one."""
    if module is None or getattr(module, "__file__", None) is not None:
        return False
    return any(os.path.dirname(os.path.realpath(path)) == folder for path in getattr(module, "__path__", []))


def _is_in(module: ModuleType, folder: str) -> bool:
    paths = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", [])]
    return any(path and os.path.realpath(path).startswith(f"{folder}{os.sep}") for path in paths)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_ours(filename: str) -> bool:
    return os.path.realpath(filename).startswith(_PACKAGE) or filename.startswith("<frozen")


def _is_pythons(filename: str) -> bool:
    return os.path.realpath(filename).startswith(os.path.realpath(os.path.dirname(os.__file__)) + os.sep)


_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
