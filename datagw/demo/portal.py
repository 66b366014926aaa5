"""The demo's data.gouv.fr: udata, the application itself, in an environment of its own, with one data set."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from datagw.demo.asking import ask
from datagw.demo.program import Program, free_port, listens
from datagw.demo.running import DemoFailed

_GATEWAY = """\
[gateways.gouv]
type = "datagouv"
url = "{url}"
token = {{ file = "{token}" }}
root = "{data_set}"
"""


class Udata:
    """Started at once, there after `wait`; its account's token stands in a file in `keys`."""

    def __init__(self, python: Path, folder: Path, keys: Path) -> None:
        folder.mkdir()
        self._folder, self._keys, self._port = folder, keys, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        app = Path(__file__).with_name("udata_app.py")
        command = [python, "-P", app, folder, str(self._port), f"127.0.0.1:{self._port}"]
        self._program = Program("udata", command, folder)
        self._token = self.data_set = self.gateway = ""

    def wait(self, title: str) -> None:
        """Returns once it answers and has a data set of this title."""
        self._program.wait(lambda: (self._folder / "token").exists() and listens(self._port))
        self._token, organisation = (self._folder / "token").read_text().split()
        said = {"title": title, "description": title, "organization": organisation}
        self.data_set = str(self._ask("POST", "datasets/", said)["slug"])
        token = self._keys / "gouv"
        token.touch(mode=0o600)
        token.write_text(self._token)
        self.gateway = _GATEWAY.format(url=self.url, token=token, data_set=self.data_set)

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        headers = {"X-API-KEY": self._token}
        return json.loads(ask(method, f"{self.url}/api/1/{path}", headers=headers, document=document))

    @property
    def page(self) -> str:
        """Where the data set can be looked at."""
        return f"{self.url}/datasets/{self.data_set}/"

    def resources(self) -> list[dict[str, Any]]:
        """What the data set has."""
        listed: list[dict[str, Any]] = self._ask("GET", f"datasets/{self.data_set}/")["resources"]
        return listed

    def retitle(self, resource: str, title: str) -> None:
        """A title given by hand, as on the page of the resource."""
        self._ask("PUT", f"datasets/{self.data_set}/resources/{resource}/", {"title": title})

    def stable(self, resource: str) -> str:
        """The address of a resource's file that never changes."""
        return f"{self.url}/api/1/datasets/r/{resource}"

    def read(self, resource: str) -> bytes:
        """The content behind the stable address, fetched as anybody would."""
        return ask("GET", self.stable(resource))

    def uploads(self) -> int:
        """How many files it was sent, by its own log."""
        return len(re.findall(r"POST /api/1/datasets/\S+/upload/ HTTP/1", self._program.said()))

    def close(self) -> None:
        """Ends the application."""
        self._program.close()


def found_udata(servers: Path) -> Path:
    """The Python of udata's environment."""
    python = servers / "udata" / "bin" / "python"
    if not python.exists():
        raise DemoFailed(f"no udata in {servers}: `make demo JOB=mirror`, or `.ci/servers udata`, brings it from PyPI")
    return python
