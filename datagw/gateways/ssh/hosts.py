"""Known hosts: which key an SSH server must show, in OpenSSH's own file.

Understood are plain and hashed names, `[host]:port`, wildcards, `!` and `@revoked`; `@cert-authority` lines are passed
over. A port other than 22 is looked up as `[host]:port` first; where no such line stands, an equal key under the bare
name will do, as for ssh itself.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Literal, NamedTuple

from datagw.errors import Denied

Verdict = Literal["known", "unknown", "changed", "revoked"]


class HostKey(NamedTuple):
    """The public key of a server: its type, as in `ssh-ed25519`, and its bytes."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As OpenSSH shows it: `SHA256:…`."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


class _Entry(NamedTuple):
    line: int
    marker: str
    names: str
    key: HostKey


def judge(known_hosts: str, host: str, port: int, key: HostKey) -> Verdict:
    """What the file says of a key that a server has shown; a file that is not there knows nobody."""
    entries = list(_entries(known_hosts))
    name, bare = host_name(host, port), host_name(host, 22)
    if any(entry.marker == "@revoked" and entry.key == key for entry in entries):
        return "revoked"
    ours = [entry.key for entry in entries if not entry.marker and _matches(entry.names, name)]
    if ours:
        return "known" if key in ours else "changed"
    if any(entry.key == key for entry in entries if not entry.marker and _matches(entry.names, bare)):
        return "known"
    return "unknown"


def known_kinds(known_hosts: str, host: str, port: int) -> list[str]:
    """The key types that the file has for a server, so that it is asked for one of these."""
    for name in (host_name(host, port), host_name(host, 22)):
        entries = _entries(known_hosts)
        kinds = [entry.key.kind for entry in entries if not entry.marker and _matches(entry.names, name)]
        if kinds:
            return kinds
    return []


def pin(known_hosts: str, host: str, port: int, key: HostKey, *, replace: bool = False) -> None:
    """Adds a server's key to the file, which is made if need be; with `replace` its former keys go.

    The file is exchanged in one step. Denied where it cannot be written, and where another key stands there already
    and `replace` was not asked for.
    """
    if not replace and judge(known_hosts, host, port, key) == "changed":
        raise Denied(f"{host_name(host, port)} has another key in {known_hosts}; --replace exchanges it")
    name, path = host_name(host, port), os.path.realpath(os.path.expanduser(known_hosts))
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        lines = _lines(path)
        if replace:
            lines = list(_without(lines, name, {entry.line: entry for entry in _entries(known_hosts)}))
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += b"\n"
        line = f"{name} {key.kind} {base64.b64encode(key.blob).decode()}\n".encode()
        if line not in lines:
            lines.append(line)
        _exchange(path, b"".join(lines))
    except OSError as error:
        raise Denied(f"{known_hosts} cannot be written: {error.strerror}") from error


def host_name(host: str, port: int) -> str:
    """How the file names a server."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def _without(lines: list[bytes], name: str, entries: dict[int, _Entry]) -> Iterator[bytes]:
    """The lines, less those of `name`; a line that names other hosts as well keeps these."""
    for number, line in enumerate(lines):
        entry = entries.get(number)
        if entry is None or entry.marker or not _matches(entry.names, name):
            yield line
            continue
        others = [one for one in entry.names.split(",") if one.lower() != name and not _is_hash_of(one, name)]
        if others and _matches(",".join(others), name):
            raise Denied(f"line {number + 1} of the file matches {name} by a pattern; change it by hand")
        if others:
            yield line.replace(entry.names.encode(), ",".join(others).encode(), 1)


def _exchange(path: str, content: bytes) -> None:
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    descriptor, fresh = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".known_hosts-")
    try:
        with open(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return []


def _entries(known_hosts: str) -> Iterator[_Entry]:
    try:
        lines = _lines(os.path.expanduser(known_hosts))
    except OSError as error:
        raise Denied(f"the known hosts in {known_hosts} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines):
        fields = line.decode("utf-8", "replace").split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if len(fields) < 3:
            continue  # not a line of this format, and no key either
        with contextlib.suppress(binascii.Error, ValueError):
            yield _Entry(number, marker, fields[0], HostKey(fields[1], base64.b64decode(fields[2], validate=True)))


def _matches(names: str, name: str) -> bool:
    found = False
    for pattern in names.split(","):
        negated = pattern.startswith("!")
        if _is(pattern.removeprefix("!"), name):
            if negated:
                return False
            found = True
    return found


def _is(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        return _is_hash_of(pattern, name)
    wild = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, name) is not None


def _is_hash_of(pattern: str, name: str) -> bool:
    try:
        _, _, salt, hashed = pattern.split("|")  # as in |1|salt|hash; no host's name has bars
        expected = base64.b64decode(hashed, validate=True)
        found = hmac.digest(base64.b64decode(salt, validate=True), name.encode(), "sha1")
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(expected, found)
