"""The demo's SFTP server, as a process beside it, and what a job file says of it."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from pathlib import Path

from datagw.demo.keys import known_host, make_keys
from datagw.demo.running import DemoFailed

_GATEWAY = """\
[gateways.institute]
type = "sftp"
host = "127.0.0.1"
port = {port}
username = "{user}"
private_key = "{keys}/client"
known_hosts = "{keys}/known_hosts"
root = "{root}"
"""


class SftpServer:
    """Serves `folder` to the holder of the key in `keys`, which it makes; its log lies beside `folder`."""

    def __init__(self, folder: Path, keys: Path, *, builtin: bool = False) -> None:
        self.folder = folder
        folder.mkdir()
        make_keys(keys)
        command = [sys.executable, "-m", "datagw.demo.server", folder, keys]
        said = folder.parent / "server.log"
        with said.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--builtin"] if builtin else command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        told = self.process.stdout.readline() if self.process.stdout else b""
        if not told:
            self.process.kill()
            self.process.wait()
            raise DemoFailed(f"the SFTP server did not start: {said.read_text()}")
        document = json.loads(told)
        self.kind, self.port = str(document["kind"]), int(document["port"])
        (keys / "known_hosts").write_text(known_host(keys, self.port), encoding="ascii")
        self.gateway = _GATEWAY.format(port=self.port, user=getpass.getuser(), keys=keys, root=document["root"])

    def close(self) -> None:
        """Ends the server."""
        if self.process.stdin:
            self.process.stdin.close()  # its sign to end
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
