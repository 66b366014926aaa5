"""Where it happens: a throw-away HOME, one OpenSSH server on loopback, the source and the destination."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from datagw_tests.servers.openssh import OpenSSH

_HOST = "bench"  # the server's name in the ssh configuration


def served(folder: Path) -> OpenSSH:
    """The server. Its shells have an empty home: a ~/.bashrc that takes long would be paid with every hash by exec."""
    empty = folder / "empty"
    empty.mkdir(parents=True)
    return OpenSSH(folder / "server", config=[f"SetEnv HOME={empty}"])


@dataclass(frozen=True)
class Took:
    """One command: seconds by the clock, seconds of the processor that its own processes used, its exit code."""

    seconds: float
    processor: float
    code: int
    output: str


class Ground:
    """Below `folder`: HOME, the server, `source` and, on the server, the `inbox` that everybody publishes to."""

    def __init__(self, folder: Path, server: OpenSSH) -> None:
        self.folder = folder
        self.server = server
        self.home = folder / "home"
        self.source = folder / "source"
        self.inbox = server.root / "inbox"
        self.ssh_config = self.home / ".ssh" / "config"
        self._log = folder / "output.log"
        self._set_up_home()
        self.fresh_inbox()

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

    def environment(self, **more: str) -> dict[str, str]:
        """A plain one: this HOME, no agent, no settings of the user's."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TZ") if key in os.environ}
        return {**kept, "HOME": str(self.home), "DAGSTER_DISABLE_TELEMETRY": "yes", **more}

    def fresh_inbox(self) -> None:
        """An empty destination, and nothing that the disk is still busy with."""
        shutil.rmtree(self.inbox, ignore_errors=True)
        self.inbox.mkdir(parents=True)
        os.sync()

    def run(self, command: list[str], folder: Path | None = None) -> Took:
        """Runs a command to its end; what it says is kept in `output`."""
        with self._log.open("wb") as log:
            begin = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output = self._log.read_text(errors="replace")
        return Took(seconds, used.ru_utime + used.ru_stime, process.returncode, output)
