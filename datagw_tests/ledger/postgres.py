"""A PostgreSQL server of the tests' own, on loopback, gone when they end, even where they are killed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from datagw_tests.conftest import require_server
from datagw_tests.servers.ports import free_port

PASSWORD = "p@ss/w:rd%é"
_NOBODY = 65534  # PostgreSQL refuses to be root
_WAIT = 60


@contextlib.contextmanager
def postgres_server() -> Iterator[int]:
    """The port of a running server; its superuser is `datagw`, with the password above."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="datagw-pg-", dir="/tmp"))  # the tests' own folder is closed to others
    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
            os.chown(folder / "password", _NOBODY, _NOBODY)
        _run([binaries / "initdb", "-D", folder / "data", "-U", "datagw", "-A", "scram-sha-256", "-E", "UTF8",
              "--locale=C", "--no-sync", f"--pwfile={folder / 'password'}"])  # fmt: skip
        port = free_port()
        settings = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", "fsync=off"]
        options = [word for setting in settings for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*_as_user(), binaries / "postgres", "-D", folder / "data", *options], stdout=log, stderr=log
            )
        try:
            _run([binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], until_it_works=True)
            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(_WAIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """The folder of the server's programs."""
    found = importlib.util.find_spec("pgserver")
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found is not None and found.origin is not None:
        candidates.insert(0, Path(found.origin).parent / "pginstall" / "bin")
    whole = [folder for folder in candidates if (folder / "postgres").exists() and (folder / "initdb").exists()]
    if not whole:
        require_server("PostgreSQL is not there", "uv pip install pgserver, or apt-get install postgresql")
    return whole[0]


def _as_user() -> list[str]:
    if shutil.which("setpriv") is None:
        require_server("setpriv is not there", "apt-get install util-linux")
    user = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig=INT", *user]


def _run(command: list[str | Path], *, until_it_works: bool = False) -> None:
    end = time.monotonic() + _WAIT
    while True:
        done = subprocess.run([*_as_user(), *command], cwd="/tmp", capture_output=True, timeout=_WAIT, check=False)
        if done.returncode == 0:
            return
        if not until_it_works or time.monotonic() > end:
            reason = f"{Path(command[0]).name} failed: {done.stderr.decode(errors='replace').strip()}"
            require_server(reason, "a PostgreSQL that a user other than root may run")
