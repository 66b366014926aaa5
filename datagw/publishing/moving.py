"""Moving source files to a folder of their own gateway, under their relative paths; nothing is ever replaced there."""

from __future__ import annotations

from datagw.errors import GatewayError, NotFound, Rejected
from datagw.files import RemoteFile, parent
from datagw.gateways.base import Gateway
from datagw.gateways.front.reading import Rename
from datagw.gateways.paths.templates import Template
from datagw.jobs import Job


def templates_of(job: Job) -> list[Template]:
    """Every path that the job makes: those of its copies, and those to which its source files are moved."""
    folders = [folder.template for folder in (job.move_source, job.failed_source) if folder is not None]
    return [*(copy.template for copy in job.to), *folders]


def beside(path: str, tag: str) -> str:
    """Another name for a file whose name is taken: `a.csv` becomes `a.TAG.csv`."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return f"{folder}{slash}{stem}.{tag}.{suffix}" if dot and stem else f"{folder}{slash}{name}.{tag}"


def move(source: Gateway, path: str, target: str, tag: str, sha256: str | None = None) -> str | GatewayError:
    """A file renamed to `target`, or, where that name is taken, to the one with `tag` in it; its path then.

    With `sha256`, that of its content, a file that has the name already and is equal takes its place, and it goes. An
    error leaves the file where it is.
    """
    error: GatewayError | None = None
    for name in (target, beside(target, tag)):
        try:
            source.mkdir(parent(name))
            (error,) = source.rename_many([Rename(path, name, False)])
            if error is None:
                return name
            there = source.stat(name)
        except NotFound:
            return error or Rejected("cannot be moved there", path=name)
        except GatewayError as other:
            return other
        if sha256 is not None and _is_equal(source, there, sha256):
            (error,) = source.rm_many([path])
            return error or name
    return error or Rejected("cannot be moved there", path=target)


def _is_equal(source: Gateway, there: RemoteFile, sha256: str) -> bool:
    if there.kind != "file":
        return False
    (found,) = source.hashes([there], probe=False)
    return not isinstance(found, GatewayError) and found[0] == sha256
