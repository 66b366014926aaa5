"""How surely a file on a place is known to be equal: a hash that the place computed, else its content read back."""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from datagw.errors import GatewayError, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.front.reading import Sent, Upload

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


def verify(gateway: Gateway, sent: Sequence[Sent], strength: str) -> list[str | GatewayError]:
    """`hash`, `readback` or (where `strength` is `size`) `size` for each part, or what is wrong with it.

    A hash by the place that differs, or that it does not give, leads to a readback: only that can condemn a part. What
    was published in one request is known by what the place said of it then, else compared under its final name.
    """
    if all(one.published is None for one in sent):
        return _verify(gateway, sent, strength)
    proofs: list[str | GatewayError] = [_said(gateway, one) or "" for one in sent]
    doubtful = [at for at, proof in enumerate(proofs) if proof == ""]
    for at, proof in zip(doubtful, _verify(gateway, [sent[at] for at in doubtful], strength), strict=True):
        proofs[at] = proof
    return proofs


def _said(gateway: Gateway, sent: Sent) -> str | GatewayError | None:
    """What the place itself has proven, or has told to be wrong."""
    if sent.published is None or sent.published.proof == "accepted":
        return None if sent.published is None else "accepted"
    size = sent.published.file.size
    if size != sent.upload.size:
        message = f"stands there with {size} bytes instead of {sent.upload.size}"
        return Unavailable(message, path=sent.upload.final, gateway=gateway.name)
    return sent.published.proof


def _verify(gateway: Gateway, sent: Sequence[Sent], strength: str) -> list[str | GatewayError]:
    if not sent:
        return []
    if strength == "size":
        return _by_size(gateway, sent)
    files = [_stands(one) for one in sent]
    computed = gateway.attempt(None, lambda s: gateway._hash(s, files)) if gateway.can("hash") else [None] * len(files)
    proofs: list[str | GatewayError] = []
    doubtful: list[int] = []
    for at, (one, found) in enumerate(zip(sent, computed, strict=True)):
        if found == one.sha256:
            gateway.live.hash_trusted = True
        else:
            doubtful.append(at)
        proofs.append("hash")
    for at, found in zip(doubtful, _read_back(gateway, [files[at] for at in doubtful]), strict=True):
        proofs[at] = found if isinstance(found, GatewayError) else _compared(sent[at], found)
    return proofs


def hashes(gateway: Gateway, files: Sequence[RemoteFile], *, probe: bool) -> list[tuple[str, str] | GatewayError]:
    """The SHA-256 of files that stand on the place, and how it is known.

    The place's own hashes count only once it has hashed a fresh part of ours rightly in this session: a shell may see
    another tree than the protocol does. `probe` allows to write one for that; a place that publishes in one request has
    no shell, and needs none.
    """
    if not files:
        return []
    computed: list[str | None] = [None] * len(files)
    if gateway.can("hash") and (_trusted(gateway) if probe or gateway.in_one_request else gateway.live.hash_trusted):
        computed = gateway.attempt(None, lambda s: gateway._hash(s, files))
    doubtful = [at for at, found in enumerate(computed) if found is None]
    found: list[tuple[str, str] | GatewayError] = [(one or "", "hash") for one in computed]
    for at, one in zip(doubtful, _read_back(gateway, [files[at] for at in doubtful]), strict=True):
        found[at] = one if isinstance(one, GatewayError) else (one[0], "readback")
    return found


def probe_name() -> str:
    """A part name that nothing else has."""
    return f".datagw-{secrets.token_hex(16)}.part"


def _trusted(gateway: Gateway) -> bool:
    live = gateway.live
    if live.hash_trusted is None and gateway.in_one_request:
        live.hash_trusted = True
    if live.hash_trusted is None:
        content = secrets.token_bytes(64)
        upload = Upload(content, probe_name(), "")
        (sent,) = gateway.send([upload])
        if sent.error is not None:
            return False  # a place that takes no files can be read back all the same
        try:
            file = RemoteFile(upload.part, upload.size)
            (found,) = gateway.attempt(upload.part, lambda s: gateway._hash(s, [file]))
            live.hash_trusted = found == sent.sha256
        finally:
            gateway.rm(upload.part)
    return live.hash_trusted


def _stands(sent: Sent) -> RemoteFile:
    """The file that is to be compared: the part, or what was published."""
    return RemoteFile(sent.upload.part, sent.upload.size) if sent.published is None else sent.published.file


def _by_size(gateway: Gateway, sent: Sequence[Sent]) -> list[str | GatewayError]:
    proofs: list[str | GatewayError] = []
    for one, found in zip(sent, gateway.stat_many([_stands(one).path for one in sent]), strict=True):
        if isinstance(found, GatewayError):
            proofs.append(found)
        elif found.size != one.upload.size:
            message = f"{found.size} bytes arrived instead of {one.upload.size}"
            proofs.append(Unavailable(message, path=one.upload.final, gateway=gateway.name))
        else:
            proofs.append("size")
    return proofs


def _compared(sent: Sent, found: tuple[str, int]) -> str | GatewayError:
    if found == (sent.sha256, sent.upload.size):
        return "readback"
    return Unavailable(
        f"what arrived ({found[1]} bytes, SHA-256 {found[0]}) differs from what was sent", path=sent.upload.final
    )


def _read_back(gateway: Gateway, files: Sequence[RemoteFile]) -> list[tuple[str, int] | GatewayError]:
    """SHA-256 and size of each file's content as it comes back; tried again from the first file without an answer."""
    results: list[tuple[str, int] | GatewayError] = []

    def read(session: object) -> None:
        digest, size = hashlib.sha256(), 0
        for _file, block in gateway._read_many(session, files[len(results) :]):
            if isinstance(block, bytes):
                gateway.live.fence()
                digest.update(block)
                size += len(block)
                continue
            results.append((digest.hexdigest(), size) if block is None else gateway.placed(block, _file.path))
            digest, size = hashlib.sha256(), 0

    while len(results) < len(files):
        try:
            gateway.attempt(None, read)
        except Unavailable as error:
            if not gateway.each_alone:
                raise
            results.append(gateway.placed(error, files[len(results)].path))
    return results
