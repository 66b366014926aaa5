"""Moving source files to a folder of their own gateway, under their relative paths; nothing is ever replaced there.

Where a place knows no rename, it copies by itself; the file goes when its copy is proven and it is still that version.
"""

from __future__ import annotations

from datagw.errors import GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, parent
from datagw.gateways.base import Gateway
from datagw.gateways.front.duplicates import Duplicate, Duplicated
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


def move_by_copy(source: Gateway, claim: RemoteFile, target: str, tag: str) -> str | GatewayError:
    """The same for a file of a place that knows no rename, but copies by itself; `claim` is the version that may go.

    A crash before it goes leaves it and its copy: the next run finds them equal. An object that is put in its place in
    the moment between the last look and the delete goes with it, for no store is sure to heed a condition there.
    """
    taken: GatewayError | None = None
    for name in (target, beside(target, tag)):
        if name == claim.path:
            return Rejected("it stands there already, and would be its own copy", path=name)
        (done,) = source.copy_within(source, [Duplicate(claim, name, replace=False)])
        if isinstance(done.error, Rejected):
            taken = done.error
            continue
        if done.error is not None:
            return done.error
        if (problem := _unproven(source, done)) is not None:
            return problem
        (error,) = source.rm_claimed([claim])
        return name if error is None or isinstance(error, NotFound) else error  # somebody else may have taken it away
    return taken or Rejected("cannot be moved there", path=target)


def _unproven(source: Gateway, done: Duplicated) -> GatewayError | None:
    """What is wrong with a copy; where the place does not say, both are read."""
    if done.known.proof is not None:
        return None
    (both,) = source.read_both(source, [(done.wish.file, done.stands)])
    if both is None:
        return Unavailable("its copy differs from it; it stays", path=done.wish.final)
    return both if isinstance(both, GatewayError) else None


def _is_equal(source: Gateway, there: RemoteFile, sha256: str) -> bool:
    if there.kind != "file":
        return False
    (found,) = source.hashes([there], probe=False)
    return not isinstance(found, GatewayError) and found[0] == sha256
