"""A real vsftpd of the test's own: no MLSD, no hashes, hidden names only on demand; under TLS, one session for all.

It runs as the current user, root or not, and so lets only `anonymous` in, with a password all the same.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from datagw_tests.servers.process import Process

INSTALL = "apt-get install -y --no-install-recommends vsftpd"
VSFTPD = shutil.which("vsftpd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))
PASSWORD = "right-password"


def missing() -> tuple[str, str] | None:
    """What keeps the server from being started, and the command that brings it; None where all is there."""
    return ("no vsftpd on this machine", INSTALL) if VSFTPD is None else None


class Vsftpd(Process):
    """A vsftpd on `root`. `certificate` (PEM, with its key) makes it one of TLS, which it then insists on.

    `settings` are further lines of its configuration. As a context manager it is started at entry, stopped at exit.
    """

    def __init__(
        self, folder: Path, *, certificate: Path | None = None, settings: dict[str, str] | None = None
    ) -> None:
        super().__init__(folder)
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.log = folder / "vsftpd.log"
        (folder / "passwords").write_text(f"{PASSWORD}\n")
        yes = "listen run_as_launching_user anonymous_enable write_enable anon_upload_enable anon_mkdir_write_enable"
        yes += (
            " anon_other_write_enable allow_writeable_chroot secure_email_list_enable xferlog_enable log_ftp_protocol"
        )
        no = "background local_enable anon_world_readable_only seccomp_sandbox isolate isolate_network"
        no += " connect_from_port_20 xferlog_std_format use_localtime"
        found = dict.fromkeys(yes.split(), "YES") | dict.fromkeys(no.split(), "NO")
        found |= {
            "listen_address": "127.0.0.1",
            "listen_port": str(self.port),
            "anon_root": str(self.root),
            "anon_umask": "022",
            "email_password_file": str(folder / "passwords"),
            "vsftpd_log_file": str(self.log),
        }
        if certificate is not None:
            yes = "ssl_enable allow_anon_ssl force_anon_data_ssl force_anon_logins_ssl require_ssl_reuse strict_ssl_read_eof"
            found |= dict.fromkeys(yes.split(), "YES")
            found |= {
                "rsa_cert_file": str(certificate),
                "rsa_private_key_file": str(certificate),
                "ssl_ciphers": "HIGH",
            }
        found |= settings or {}
        (folder / "vsftpd.conf").write_text("".join(f"{name}={value}\n" for name, value in found.items()))

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway on it; its password is in the environment, as PASSWORD."""
        told = {"host": "127.0.0.1", "port": self.port, "username": "anonymous", "password": {"env": "PASSWORD"}}
        return {**told, "root": str(self.root), "timeout": 20, **changed}

    def logins(self) -> int:
        """How many have been tried."""
        return (
            self.log.read_text(errors="replace").count('FTP command: Client "127.0.0.1", "PASS')
            if self.log.exists()
            else 0
        )

    def at(self, folder: str) -> str:
        """The path of a folder below `root`, as the server's clients see it."""
        return str(self.root / folder)

    def command(self) -> list[str]:
        assert VSFTPD is not None
        return [VSFTPD, str(self.folder / "vsftpd.conf")]
