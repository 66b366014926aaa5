"""Keys for paths: what a key cannot hold, and what of a listing has no path."""

from __future__ import annotations

from datagw.errors import Rejected
from datagw.files import join

_LONGEST = 1024  # bytes, of S3 and Google; Azure's names are as long in characters
_NO_NAMES = ("", ".", "..")


def key_of(root: str, path: str) -> str:
    """The key of a path; raises Rejected where there is none."""
    key = join(root, path)
    try:
        raw = key.encode("utf-8")
    except UnicodeEncodeError:
        raise Rejected(
            "its name holds bytes that are not UTF-8, and a key holds nothing else; rename the file", path=path
        ) from None
    if len(raw) > _LONGEST:
        raise Rejected(f"a key has at most {_LONGEST} bytes, this one would have {len(raw)}", path=path)
    return key


def prefix_of(root: str, folder: str) -> str:
    """What the keys of a folder begin with."""
    key = key_of(root, folder)
    return f"{key}/" if key else ""


def name_below(prefix: str, key: str) -> str | None:
    """The name of an entry in a folder; None for the folder's own marker (an empty object that is called `folder/`)."""
    name = key.removeprefix(prefix).removesuffix("/")
    return None if key == prefix else name


def is_a_name(name: str) -> bool:
    """Whether a path can hold it: keys as `a//b` or `a/../b` are known to object stores, and to nobody else."""
    return name not in _NO_NAMES and "\0" not in name
