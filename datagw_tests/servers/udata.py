"""A real udata of the tests' own, the application that data.gouv.fr is, before it a proxy that misbehaves on demand.

It takes seconds to start, so the tests of one process share one, each with data sets of its own.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from datagw import demo
from datagw_tests.servers.built import program
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.process import Process

_numbers = itertools.count(1)


class Udata(Process):
    """The application, and the `line` before it; `url` is that of the line, and so are all addresses that it tells."""

    patience = 120.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.line = Chaos("127.0.0.1", self.port)
        self.line.__enter__()
        self.host = f"127.0.0.1:{self.line.port}"
        self.url = f"http://{self.host}"
        try:
            self.start()
        except RuntimeError:
            self.close()
            raise
        self.token, self.organisation = (folder / "token").read_text().split()
        self.stranger = (folder / "stranger").read_text()

    def command(self) -> list[str]:
        app = Path(demo.__file__).with_name("udata_app.py")
        return [program("python", "udata"), "-P", str(app), str(self.folder), str(self.port), self.host]

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "no_proxy": "*"}

    def answers(self) -> bool:
        return (self.folder / "token").exists() and super().answers()

    def close(self) -> None:
        """SIGKILL, and nothing is left."""
        self.kill()
        self.line.__exit__()

    def any_extension(self, may: bool) -> None:
        """Whether files may be called as they like, as the promise wants it."""
        mark = self.folder / "any-extension"
        mark.touch() if may else mark.unlink(missing_ok=True)

    def asked(self) -> list[str]:
        """The requests so far: method and path of each."""
        return re.findall(r"((?:GET|POST|PUT|DELETE) \S+) HTTP/1", self.said.read_text())

    # ---- behind a gateway's back

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Any:
        """The answer of the API, which must be one of success, as JSON."""
        import requests

        headers = {"X-API-KEY": self.token if token is None else token}
        answer = requests.request(method, f"{self.url}/api/1/{path}", headers=headers, timeout=60, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def data_set(self, **fields: Any) -> str:
        """The slug of a new data set."""
        title = f"Readings of station {next(_numbers)}"
        said = {"title": title, "description": "Readings", "organization": self.organisation, **fields}
        return str(self.ask("POST", "datasets/", json=said)["slug"])

    def resources(self, data_set: str) -> list[dict[str, Any]]:
        """Its resources, the newest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"datasets/{data_set}/")["resources"]
        return found

    def uploaded(self, data_set: str, name: str, content: bytes, **fields: Any) -> str:
        """The id of a resource that somebody has uploaded by hand, a second ago, with the fields of its page."""
        made = self.ask("POST", f"datasets/{data_set}/upload/", files={"file": (name, content)})
        if fields:
            self.ask("PUT", f"datasets/{data_set}/resources/{made['id']}/", json=fields)
        second = int(time.time())
        while int(time.time()) == second:  # for two files of one name in one second the place fails
            time.sleep(0.02)
        return str(made["id"])

    def fields(self, **more: Any) -> dict[str, Any]:
        """A gateway's settings for it; the token is in the environment variable UDATA_TOKEN."""
        return {"url": self.url, "token": {"env": "UDATA_TOKEN"}, "timeout": 20, **more}


def shared() -> Udata:
    """The one of this process; the test is skipped where there can be none."""
    program("python", "udata")
    found = _started()
    if isinstance(found, RuntimeError):
        raise found
    return found


@functools.cache
def _started() -> Udata | RuntimeError:
    folder = Path(tempfile.mkdtemp(prefix="datagw-udata-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        server = Udata(folder)
    except RuntimeError as error:
        return error
    atexit.register(server.close)
    return server
