"""A real Apache httpd of the test's own, for its WebDAV (mod_dav): a free port of 127.0.0.1, never the system's service."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from typing_extensions import override

from datagw_tests.servers.process import Process

INSTALL = "apt-get install -y --no-install-recommends apache2-bin"
APACHE = shutil.which("apache2", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))
USERNAME, PASSWORD = "station7", "right-password"
_MODULES = Path("/usr/lib/apache2/modules")
_LOADED = "mpm_event authn_core authz_core authn_file authz_user auth_basic auth_digest dav dav_fs dav_lock"


def missing() -> tuple[str, str] | None:
    """What keeps the server from being started, and the command that brings it; None where all is there."""
    return ("no apache2 on this machine", INSTALL) if APACHE is None else None


class Apache(Process):
    """WebDAV on `root`, for one user, by basic or `digest` authentication. Its folder goes when it is stopped.

    As root it serves as nobody, who sees nothing of the tests' own folders: so it has one beside them.
    """

    def __init__(self, *, digest: bool = False) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="datagw-apache-")))
        self.folder.chmod(0o755)
        self.root = self.folder / "root"
        self.root.mkdir()
        locks = self.folder / "locks"
        locks.mkdir()
        for folder in (self.root, locks):
            folder.chmod(0o777)
        self.log = self.folder / "access.log"
        sha1 = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        ha1 = hashlib.md5(f"{USERNAME}:datagw test:{PASSWORD}".encode()).hexdigest()
        (self.folder / "users").write_text(
            f"{USERNAME}:datagw test:{ha1}\n" if digest else f"{USERNAME}:{{SHA}}{sha1}\n"
        )
        kind = "Digest" if digest else "Basic"
        loads = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _LOADED.split())
        (self.folder / "httpd.conf").write_text(
            f"""
            {loads}
            ServerName 127.0.0.1
            Listen 127.0.0.1:{self.port}
            PidFile {self.folder}/pid
            Mutex file:{self.folder}
            {"User nobody" if os.geteuid() == 0 else ""}
            {"Group nogroup" if os.geteuid() == 0 else ""}
            StartServers 1
            ServerLimit 1
            ThreadsPerChild 32
            MaxRequestWorkers 32
            MaxKeepAliveRequests 0
            ErrorLog {self.folder}/error.log
            LogFormat "%>s %m %U" short
            CustomLog {self.log} short
            DocumentRoot {self.root}
            DAVLockDB {locks}/db
            <Directory {self.root}>
                AuthType {kind}
                AuthName "datagw test"
                Auth{kind}Provider file
                AuthUserFile {self.folder}/users
                Require valid-user
                Dav On
            </Directory>
            """
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def asked(self) -> list[str]:
        """The requests so far: status, method and path of each."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def version(self) -> str:
        """As the program tells it."""
        assert APACHE is not None
        told = subprocess.run([APACHE, "-v"], capture_output=True, text=True, check=True).stdout
        return told.partition("Apache/")[2].split()[0]

    def command(self) -> list[str]:
        assert APACHE is not None
        return [APACHE, "-d", str(self.folder), "-f", str(self.folder / "httpd.conf"), "-DFOREGROUND"]

    @override
    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        shutil.rmtree(self.folder)
