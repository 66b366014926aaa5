"""Looking: MLSD and MLST where the server has them, else LIST of the folder, for both listings and single looks.

Both ways of looking tell the same of a file, so that a version that was listed is found again.
"""

from __future__ import annotations

import ftplib
import posixpath
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from datagw.errors import Denied, GatewayError, NotFound, Rejected
from datagw.gateways.ftp_wire import data, facts, listing
from datagw.gateways.ftp_wire.control import Control
from datagw.gateways.ftp_wire.facts import Entry
from datagw.gateways.ftp_wire.replies import code_of, is_refusal, meaning, says_absent, says_denied

_NOBODY = re.compile(r"no files|no such file|not found|empty", re.IGNORECASE)
_UNKNOWN = {"500", "501", "502", "504"}
_FOLDER = Entry("", "folder", None, None)


def entries(control: Control, folder: str) -> list[Entry]:
    """The entries of a folder, by its path on the server; NotFound where it is not there, Rejected for a file."""
    found = _by_facts(control, folder) if knows_facts(control) else None
    if found is None:
        found = list(_by_list(control, folder))
    for one in found:
        if not one.name or "/" in one.name or "\0" in one.name:
            raise Rejected(f"the server lists a name that no file can have: {one.name!r}")
    return found


def look(control: Control, path: str, listed: dict[str, dict[str, Entry] | GatewayError] | None = None) -> Entry:
    """What stands at a path on the server; NotFound only where that is sure.

    `listed` remembers folders from one look to the next of the same moment.
    """
    if knows_facts(control):
        try:
            return _sized(control, path, facts.itself(_second_line(control.voidcmd(f"MLST {path}"))))
        except ftplib.error_perm as error:
            if code_of(error) in _UNKNOWN:
                control.known["MLST"] = False
            elif says_absent(error) or says_denied(error):
                raise
    return _in_its_folder(control, path, {} if listed is None else listed)


def exists(control: Control, path: str) -> Entry | None:
    """As `look`; None where nothing is there."""
    try:
        return look(control, path)
    except ftplib.error_perm as error:
        if isinstance(meaning(error), NotFound):
            return None
        raise
    except NotFound:
        return None


def enters(control: Control, path: str) -> bool:
    """Whether a folder is there, or a link to one: the cheapest look of all."""
    try:
        control.voidcmd(f"CWD {path}")
    except ftplib.error_perm:
        return False
    return True


def knows_facts(control: Control) -> bool:
    """Whether the server has MLSD and MLST."""
    return "MLST" in control.features and control.known.get("MLST", True)


# ---- MLSD and MLST


def _by_facts(control: Control, folder: str) -> list[Entry] | None:
    """None where the server does not know MLSD after all."""
    try:
        lines = _lines(control, f"MLSD {folder}")
    except ftplib.error_perm as error:
        if code_of(error) in ("500", "502"):
            control.known["MLST"] = False
            return None
        raise _why_not_listed(control, folder, error) from error
    found = [facts.entry(line) for line in lines if line]
    name = folder.rstrip("/").rpartition("/")[2]
    if [(one.name, one.kind) for one in found if one is not None] == [(name, "file")]:
        _require_folder(control, folder)
    return [_sized(control, f"{folder.rstrip('/')}/{one.name}", one) for one in found if one is not None]


def _require_folder(control: Control, path: str) -> None:
    """Some servers list a file as if it were a folder that holds itself."""
    if look(control, path).kind == "file":
        raise Rejected("a file, not a folder")


def _sized(control: Control, path: str, found: Entry) -> Entry:
    """With a size, which some servers leave out."""
    if found.kind != "file" or found.size is not None:
        return found
    size = size_of(control, path)
    if size is None:
        raise Rejected("the server does not tell how large it is")
    return Entry(found.name, found.kind, size, found.mtime_ns, found.mode, found.clock)


def size_of(control: Control, path: str) -> int | None:
    """By SIZE; None where the server refuses: for a folder, for what is not there, or because it knows no SIZE."""
    try:
        told = control.voidcmd(f"SIZE {path}").split()
    except ftplib.error_perm:
        return None
    except ftplib.error_temp as error:
        if says_absent(error):
            return None
        raise
    return int(told[1]) if len(told) > 1 and told[1].isascii() and told[1].isdigit() else None


def _second_line(reply: str) -> str:
    lines = reply.split("\n")
    if len(lines) < 2:
        raise Rejected(f"the server tells what cannot be read: {reply!r}")
    return lines[1]


# ---- LIST


def _by_list(control: Control, folder: str) -> Iterable[Entry]:
    """LIST within the folder, for a path as its argument might be a pattern, or options, to the server."""
    try:
        control.voidcmd(f"CWD {folder}")
    except ftplib.error_perm as error:
        raise _why_not_listed(control, folder, error) from error
    return _read(_everything(control))


def _everything(control: Control) -> list[str]:
    """The lines of LIST, with hidden names if the server has a way to ask for them."""
    if control.known.get("LIST -a", True):
        try:
            lines = _listed(control, "LIST -a")
            _read(lines)
        except (ftplib.error_perm, Rejected):
            control.known["LIST -a"] = False
        else:
            if any(line.strip() for line in lines) or "LIST -a" in control.known:
                control.known["LIST -a"] = True
                return lines
    return _listed(control, "LIST")


def _listed(control: Control, command: str) -> list[str]:
    try:
        return _lines(control, command)
    except (ftplib.error_perm, ftplib.error_temp) as error:
        if code_of(error) in ("450", "550") and _NOBODY.search(str(error)):  # of a folder that we stand in
            return []
        raise


def _read(lines: list[str]) -> list[Entry]:
    return list(listing.entries(lines, datetime.now(UTC)))


def _in_its_folder(control: Control, path: str, listed: dict[str, dict[str, Entry] | GatewayError]) -> Entry:
    folder, name = posixpath.split(path.rstrip("/"))
    if not name:
        return _FOLDER
    if folder not in listed:
        try:
            listed[folder] = {one.name: one for one in entries(control, folder)}
        except NotFound as error:
            listed[folder] = error
        except Denied:
            if enters(control, path):  # what is above is none of our business
                return _FOLDER
            raise
    there = listed[folder]
    if isinstance(there, GatewayError):
        raise NotFound(there.message)
    if name in there:
        return there[name]
    if name.startswith(".") and not any(one.startswith(".") for one in there):  # hidden names may not be listed
        size = size_of(control, path)
        if size is not None:
            return Entry(name, "file", size, None)
    raise NotFound("no such file or folder")


# ---- both


def _lines(control: Control, command: str) -> list[str]:
    content = b"".join(data.receive(control, data.begun(control, command)))
    lines = content.split(b"\r\n" if b"\r\n" in content else b"\n")
    return [line.decode(control.encoding, "surrogateescape") for line in lines]


def _why_not_listed(control: Control, folder: str, error: ftplib.error_perm) -> GatewayError:
    """Absent, not a folder, or not allowed: where the reply does not say, the folder above is asked."""
    if not is_refusal(error) or says_absent(error) or says_denied(error):
        return meaning(error)
    if not folder.strip("/"):
        return Denied(meaning(error).message)
    found = look(control, folder)
    if found.kind == "file":
        return Rejected("a file, not a folder")
    return Denied(f"it is there, but {meaning(error).message}")
