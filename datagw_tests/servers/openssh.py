"""A real OpenSSH server of the test's own: fresh keys, a free port, the current user, root or not."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datagw_tests.servers.process import Process

INSTALL = "apt-get install -y --no-install-recommends openssh-server openssh-client"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))


def missing() -> tuple[str, str] | None:
    """What keeps the server from being started, and the command that brings it; None where all is there."""
    if SSHD is None:
        return "no sshd on this machine", INSTALL
    if shutil.which("ssh-keygen") is None:
        return "no ssh-keygen on this machine", INSTALL
    return None


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "", *options: str) -> Path:
    """A fresh key pair at `path` and `path`.pub."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "datagw test", "-f", str(path), *options]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


class OpenSSH(Process):
    """An sshd in `folder`, which holds its keys, its configuration and its log; `root` is where files go.

    `exec_allowed=False` forces SFTP on every session; `config` adds lines to sshd_config.
    """

    def __init__(
        self,
        folder: Path,
        *,
        exec_allowed: bool = True,
        host_keys: Sequence[str] = ("ed25519",),
        config: Sequence[str] = (),
        command: Sequence[str] = (),
    ) -> None:
        super().__init__(folder)
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.username = getpass.getuser()
        self.user_key = make_key(folder / "id_user")
        self.authorized = folder / "authorized_keys"
        self.authorized.write_bytes((folder / "id_user.pub").read_bytes())
        self.known_hosts = folder / "known_hosts"
        self.said = self.log = folder / "sshd.log"
        self._told = 0
        self.subsystem = "sftp internal-sftp"
        self._as_whom = list(command)  # as another user: ["setpriv", "--reuid=…"]
        self._kinds = list(host_keys)
        self._extra = [*config, *([] if exec_allowed else ["ForceCommand internal-sftp"])]
        self.renew_host_keys()

    def renew_host_keys(self) -> None:
        """Fresh host keys (from the next start on); the known hosts still have the former ones, if there were any."""
        first = not self.known_hosts.exists()
        for kind in self._kinds:
            path = self.folder / f"host_{kind}"
            for old in (path, path.with_suffix(".pub")):
                old.unlink(missing_ok=True)
            make_key(path, kind)
        if first:
            self.known_hosts.write_text("".join(self.host_line(kind) for kind in self._kinds))

    def host_line(self, kind: str) -> str:
        """The known_hosts line of one host key."""
        name, key, _ = (self.folder / f"host_{kind}.pub").read_text().split(" ", 2)
        return f"[127.0.0.1]:{self.port} {name} {key}\n"

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway of type sftp on this server."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.username,
            "private_key": str(self.user_key),
            "known_hosts": str(self.known_hosts),
            "root": str(self.root),
            "timeout": 20,
            **changed,
        }

    def start(self) -> None:
        """Starts the server, again on the same port; returns once it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own, refused without
        config = self.folder / "sshd_config"
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *(f"HostKey {self.folder}/host_{kind}" for kind in self._kinds),
            f"PidFile {self.folder}/sshd.pid",
            f"AuthorizedKeysFile {self.authorized}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
            f"Subsystem {self.subsystem}",
            *self._extra,
        ]
        config.write_text("\n".join(lines) + "\n")
        self._told = self.log.stat().st_size if self.log.exists() else 0
        super().start()

    def command(self) -> list[str]:
        assert SSHD is not None
        return [*self._as_whom, SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]

    def answers(self) -> bool:
        """It says when it listens; a connection that asks would stand in its log."""
        return b"Server listening" in self.log.read_bytes()[self._told :]
