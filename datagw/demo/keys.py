"""The demo's keys: one of the server, one of its only user; made anew each time."""

from __future__ import annotations

import os
from pathlib import Path


def make_keys(folder: Path) -> None:
    """`host`, `client` (both in OpenSSH's format, for nobody else to read), `host.pub` and `client.pub`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    folder.mkdir(mode=0o700)
    for name in ("host", "client"):
        key = Ed25519PrivateKey.generate()
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        (folder / f"{name}.pub").write_bytes(public + b" datagw demo\n")


def known_host(folder: Path, port: int) -> str:
    """The line of `known_hosts` that pins the server's key."""
    kind, key, *_ = (folder / "host.pub").read_text(encoding="ascii").split()
    return f"[127.0.0.1]:{port} {kind} {key}\n"
