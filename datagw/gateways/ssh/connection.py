"""An open SSH connection, and what runs over it: the SFTP session, and a shell for hashes."""

from __future__ import annotations

import importlib
import threading
from typing import Any

from datagw.errors import Denied, Unsupported
from datagw.gateways.ssh.exec import Shell
from datagw.gateways.ssh.send import Sender
from datagw.gateways.ssh.wire import NotSftp, Wire


class Connection:
    """An open SSH connection with its SFTP session, and its shell for hashes."""

    def __init__(self, wire: Wire, shell: Shell) -> None:
        self.wire = wire
        self.shell = shell
        self.sender: Sender | None = None
        self.absolute: str | None = None

    def close(self) -> None:
        """Ends the connection, from any thread; what is under way fails with ConnectionError."""
        self.wire.close()


def start_sftp(transport: Any, timeout: float) -> Wire:
    """The SFTP session of a connection that is logged in; Denied or Unsupported where the server gives none."""
    paramiko: Any = importlib.import_module("paramiko")
    watchdog = threading.Timer(timeout, transport.close)  # the request for a subsystem waits for ever
    watchdog.daemon = True
    watchdog.start()
    try:
        channel = transport.open_session(timeout=timeout)
        channel.invoke_subsystem("sftp")
    except paramiko.ChannelException as error:
        raise Denied(f"the server opens no channel for us: {error.text}") from error
    except paramiko.SSHException as error:
        if transport.is_active():
            raise Unsupported("the server offers no SFTP") from error
        raise
    finally:
        watchdog.cancel()
    try:
        wire = Wire(channel, timeout, transport.close)
    except NotSftp as error:
        raise Unsupported(str(error)) from error
    wire.openssh = "OpenSSH" in transport.remote_version and "limits@openssh.com" in wire.extensions
    return wire
