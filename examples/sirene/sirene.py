"""The SIRENE files as a pipeline of one's own: list, look, get, publish twice, register. What fails stops no other.

`jobs.toml` beside it does the same without any code. With `page = "gouv:"` in its config, a gateway as in
`opendata.toml`, the page of the data set on data.gouv.fr is told of each file as well.
"""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from datagw.errors import GatewayError
from datagw.pipelines import BasePipeline


class Sirene(BasePipeline):
    """Publishes each file of the list that has changed since it was published last."""

    def run(self) -> None:
        depot = self.gateways["depot"]
        items = list(ET.fromstring(depot.read("list.xml")).iter("Fichiers"))
        if not items:
            raise RuntimeError("the list names no file at all")
        for done, item in enumerate(items):
            name, address = item.findtext("id") or "", item.findtext("URI") or ""
            self.progress(done, len(items), name)
            if name not in self.config["names"]:
                self.log.warning("skipped, for it is not among the names: %s", name)
                continue
            try:
                self.mirror(name, address.removeprefix(depot.link("")))
            except (GatewayError, ValueError) as error:
                self.register_error(name=name, error=error)

    def mirror(self, name: str, path: str) -> None:
        """One file, under its own name and under its date."""
        found = self.gateways["depot"].stat(path)
        if not self.file_has_changed(name, etag=found.content_version, size=found.size):
            self.log.info("unchanged: %s", name)
            return
        file = self.get(f"depot:{path}")
        today = datetime.now(ZoneInfo("Europe/Paris")).date()
        self.publish(file, f"{self.config['to']}/{name}")
        self.publish(file, f"{self.config['to']}/{today}-{name}")
        if "page" in self.config:
            self.publish(file, f"{self.config['page']}{name}")
        self.register_file(name=name, file=file, etag=found.content_version)
