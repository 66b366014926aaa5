"""Where it happens: one OpenSSH server on loopback, and its inbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from typing_extensions import override

from benchmarks.side_by_side.ground import Ground
from benchmarks.side_by_side.loads import DAY, difference
from datagw_tests.servers.openssh import OpenSSH

_HOST = "bench"  # the server's name in the ssh configuration


def served(folder: Path) -> OpenSSH:
    """The server. Its shells have an empty home: a ~/.bashrc that takes long would be paid with every hash by exec."""
    empty = folder / "empty"
    empty.mkdir(parents=True)
    return OpenSSH(folder / "server", config=[f"SetEnv HOME={empty}"])


class Inbox(Ground):
    """The server, `source` and, on the server, the `inbox` that everybody publishes to."""

    def __init__(self, folder: Path, server: OpenSSH) -> None:
        super().__init__(folder)
        self.server = server
        self.inbox = server.root / "inbox"
        self.ssh_config = self.home / ".ssh" / "config"
        self._set_up_home()
        self.fresh()

    def _set_up_home(self) -> None:
        self.ssh_config.parent.mkdir(parents=True, mode=0o700)
        server = self.server
        self.ssh_config.write_text(
            f"Host {_HOST} 127.0.0.1\n  HostName 127.0.0.1\n  Port {server.port}\n  User {server.username}\n"
            f"  IdentityFile {server.user_key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {server.known_hosts}\n"
        )
        shutil.copy(server.user_key, self.ssh_config.parent / "id_ed25519")  # for those who read no config
        shutil.copy(server.known_hosts, self.ssh_config.parent / "known_hosts")

    @property
    def host(self) -> str:
        return _HOST

    @override
    def fresh(self) -> None:
        shutil.rmtree(self.inbox, ignore_errors=True)
        self.inbox.mkdir(parents=True)
        os.sync()

    @override
    def difference(self) -> str | None:
        return difference(self.source / DAY, self.inbox / DAY)
