"""What an SFTP server's refusal means, and what stands in the way where it only says `Failure`."""

from __future__ import annotations

import stat

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.gateways.ssh import packets as p
from datagw.gateways.ssh.packets import Attributes, Status
from datagw.gateways.ssh.wire import Wire

# Codes of later protocol versions, which some servers send all the same.
_LATER: dict[int, tuple[type[GatewayError], str]] = {
    9: (Rejected, "the server does not know this handle"),
    10: (NotFound, "no such file or folder"),
    11: (Rejected, "a file stands there already"),
    12: (Denied, "the place is write-protected"),
    14: (Full, "no space left on the server"),
    15: (Full, "the quota on the server is used up"),
    18: (Rejected, "the folder is not empty"),
    19: (Rejected, "a file stands in the way of a folder"),
    20: (Rejected, "the server does not take this name"),
    21: (Rejected, "a symbolic link, not a file"),
    24: (Rejected, "a folder stands in the way"),
}
_FULL = 1024 * 1024  # bytes; a disk with less than this free counts as full


def meaning(status: Status) -> GatewayError:
    """The refusal as an error of ours, as far as its code tells."""
    said = f" (the server says: {status.message})" if status.message else ""
    if status.code == p.NO_SUCH_FILE:
        return NotFound("no such file or folder")
    if status.code == p.PERMISSION_DENIED:
        return Denied("permission denied; may this user read and write here?")
    if status.code == p.OP_UNSUPPORTED:
        return Unsupported(f"the server cannot do this{said}")
    if status.code in {p.NO_CONNECTION, p.CONNECTION_LOST}:
        return Unavailable(f"the server has lost its own connection{said}")
    if status.code in _LATER:
        kind, message = _LATER[status.code]
        return kind(message)
    if status.code == p.BAD_MESSAGE:
        return Rejected(f"the server does not take this; is the name too long?{said}")
    return Full(f"the server refuses without a reason{said}")


def look(wire: Wire, path: str) -> Attributes | None:
    """What stands at a native path, symlinks not followed; None where nothing does."""
    try:
        return wire.lstat(path).attributes()
    except Status as status:
        if isinstance(meaning(status), NotFound):
            return None
        raise


def is_folder(found: Attributes | None) -> bool:
    """Whether it is one, as far as the server tells."""
    return found is not None and found.mode is not None and stat.S_ISDIR(found.mode)


def why_not_written(wire: Wire, status: Status, folder: str, wanted: int) -> GatewayError:
    """Why a server took a file's content not, or not whole: `wanted` bytes into the native `folder`."""
    if status.code != p.FAILURE:
        return meaning(status)
    if "statvfs@openssh.com" in wire.extensions:
        try:
            space = wire.space(folder)
        except Status:
            return Full("the server could not write: no space left, or a quota")
        if space.read_only:
            return Denied("the disk there is mounted read-only")
        if space.free < max(wanted, _FULL):
            return Full(f"no space left on the server: {space.free} bytes are free, {wanted} were to be written")
        if space.files == 0:
            return Full("no space left on the server: it has no inode free")
        return Full(f"the server could not write: no space left, or a quota ({space.free} bytes are free there)")
    return Full("the server could not write: no space left, or a quota")


def why_not_made(wire: Wire, status: Status, path: str) -> GatewayError:
    """Why a file could not be opened for writing, or renamed to, the native `path`."""
    if status.code != p.FAILURE:
        return meaning(status)
    found = look(wire, path)
    if is_folder(found):
        return Rejected("a folder stands in the way")
    if found is not None:
        return Rejected("a file stands there already")
    return why_not_written(wire, status, path.rpartition("/")[0] or ("/" if path.startswith("/") else "."), 0)


def why_not_removed(wire: Wire, status: Status, path: str) -> GatewayError:
    """Why the file or folder at the native `path` could not be removed."""
    if status.code in {p.FAILURE, p.PERMISSION_DENIED} and is_folder(look(wire, path)):
        return Rejected("a folder, not a file")
    return meaning(status)
