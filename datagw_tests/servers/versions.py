"""What the servers of the tests are, and which version: asked from the programs themselves, never written down here."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from functools import cache

from datagw_tests.servers.apache import APACHE, Apache
from datagw_tests.servers.built import program
from datagw_tests.servers.ftp_pyftpdlib import Pyftpd
from datagw_tests.servers.nginx import NGINX, Nginx
from datagw_tests.servers.openssh import SSHD, OpenSSH
from datagw_tests.servers.rclone import Rclone
from datagw_tests.servers.s3 import Localstack, Minio, VersityGateway
from datagw_tests.servers.sftpgo import Sftpgo
from datagw_tests.servers.udata import Udata
from datagw_tests.servers.vsftpd import VSFTPD, Vsftpd

_VERSION = re.compile(r"\bv?(\d+\.\d+[\w.+-]*)")


def described(server: object) -> str:
    """Name and version of what a server of the tests runs; the type's name where nothing is known of it."""
    if isinstance(server, Apache):
        return f"Apache httpd {_told(APACHE, '-v')}"
    if isinstance(server, Nginx):
        return f"nginx {_told(NGINX, '-v')}"
    if isinstance(server, OpenSSH):
        return f"OpenSSH {_told(SSHD, '-V')}"
    if isinstance(server, Vsftpd):
        return f"vsftpd {_told(VSFTPD, '-v')}"
    if isinstance(server, Pyftpd):
        return f"pyftpdlib {importlib.metadata.version('pyftpdlib')}"
    if isinstance(server, Sftpgo):
        return f"SFTPGo {_told(program('sftpgo'), '--version')}"
    if isinstance(server, Rclone):
        return f"rclone {_told(program('rclone'), 'version')}"
    if isinstance(server, Minio):
        return f"MinIO {_built(program('minio'))}"
    if isinstance(server, VersityGateway):
        return f"versitygw {_built(program('versitygw'))}"
    if isinstance(server, Localstack):
        return f"localstack {_installed('localstack', 'localstack-core')}"
    if isinstance(server, Udata):
        return f"udata {_installed('udata', 'udata')}"
    return type(server).__name__


@cache
def _told(path: str | None, option: str) -> str:
    """As a program says it, wherever it writes that, stdin of vsftpd included."""
    assert path is not None
    ended = subprocess.run(
        ["/bin/sh", "-c", f'"$0" {option} 0>&1 2>&1 | cat', path],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    found = re.search(r"OpenSSH_([\w.]+)", ended.stdout) or _VERSION.search(ended.stdout)
    return found[1] if found else "of no version that it tells"


@cache
def _built(path: str) -> str:
    """That of the Go module that a program was built from, which a build of one's own does not tell itself."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    text = subprocess.run([go, "version", "-m", path], capture_output=True, text=True, timeout=20, check=True).stdout
    (main,) = re.findall(r"^\tpath\t(\S+)$", text, re.MULTILINE)
    modules = dict(re.findall(r"^\t(?:mod|dep)\t(\S+)\t(\S+)", text, re.MULTILINE))
    return next(version for module, version in modules.items() if main == module or main.startswith(f"{module}/"))


@cache
def _installed(where: str, name: str) -> str:
    code = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    python = program("python", where)
    return subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=20, check=True).stdout.strip()
