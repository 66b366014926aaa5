"""The place of the mirror: a ministry's web server, and SFTP, S3 and data.gouv.fr beside it, which it can look into."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from typing_extensions import override

from datagw.demo.portal import Udata, found_udata
from datagw.demo.running import DemoFailed, Workplace
from datagw.demo.sftp import SftpServer
from datagw.demo.store import Store, found_store
from datagw.demo.web import Web

JOB = "mirror"
FILE = "rates.csv"
COPIES = ("institute", "lake", "gouv")
DATA_SET = "Exchange rates"
_CODES = ("CHF", "CZK", "DKK", "GBP", "NOK", "PLN", "SEK", "USD")

_JOBS = """\
# Made by `datagw demo mirror`; yours starts with `datagw init`.

[gateways.ministry]
type = "http"
url = "{web}"

{institute}
{lake}
{gouv}
[mirror]
description = "The ministry's file, on our server, in our bucket and on data.gouv.fr whenever it changes"
source = "ministry:rates.csv"
to     = ["institute:rates/", "lake:rates/", "gouv:rates.csv"]
when   = "change"
every  = "2s"
settle = "1s"
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """What one place really has of the file, and what the ledger has of that."""

    name: str
    content: bytes
    receipts: int
    verified: str
    sha256: str
    where: str


class Mirror(Workplace):
    """A folder with everything in it; its servers run until `close`. `servers` is where S3 stores and udata are."""

    def __init__(self, folder: Path, servers: Path, *, builtin: bool = False, store: str | None = None) -> None:
        super().__init__(folder)
        _check_libraries()
        program, python = found_store(servers, store), found_udata(servers)  # all of them, before any is started
        keys = folder / "keys"
        with ExitStack() as started:
            self.sftp = SftpServer(folder / "institute", keys, builtin=builtin)
            started.callback(self.sftp.close)
            self.store = Store(*program, folder / "lake", keys)
            started.callback(self.store.close)
            self.udata = Udata(python, folder / "gouv", keys)
            started.callback(self.udata.close)
            self.store.wait()
            self.udata.wait(DATA_SET)
            self.web = Web(folder / "web")
            started.callback(self.web.close)
            self._servers = started.pop_all()
        text = _JOBS.format(
            web=self.web.address("").rstrip("/"),
            institute=self.sftp.gateway,
            lake=self.store.gateway,
            gouv=self.udata.gateway,
        )
        self.jobs.write_text(text, encoding="utf-8")

    @override
    def close(self) -> None:
        self._servers.close()

    @property
    @override
    def hint(self) -> str:
        return f"the ministry's file is {self.web.folder / FILE}: change it, and within seconds all three are updated"

    def publish(self, content: bytes, *, seconds_ago: float) -> None:
        """The ministry's file gets this content, as if it had done so that long ago."""
        self.web.put(FILE, content, time.time() - seconds_ago)

    def resource(self) -> dict[str, Any]:
        """The one resource of the data set; DemoFailed where there is none, or a second one."""
        found = self.udata.resources()
        if len(found) != 1:
            titles = ", ".join(str(one["title"]) for one in found) or "nothing"
            raise DemoFailed(f"the data set should have one resource, not {len(found)}: {titles}")
        return found[0]

    def history(self) -> tuple[int, list[dict[str, Any]]]:
        """How many runs there were, and the receipts, the oldest first: `datagw history mirror --json`."""
        ended = self.ask("history", JOB, "--json")
        if ended.code != 0:
            raise DemoFailed(f"`datagw history` ended with {ended.code}\n{ended.log}")
        return len(ended.document["runs"]), ended.document["receipts"]

    def copies(self) -> list[Copy]:
        """What each place has, fetched by other code than that which published."""
        _, receipts = self.history()
        resource = str(self.resource()["id"])
        here = self.sftp.folder / "rates" / FILE
        contents = (here.read_bytes(), self.store.read(f"rates/{FILE}"), self.udata.read(resource))
        where = (str(here), f"{self.store.url}/opendata/rates/{FILE}", self.udata.stable(resource))
        found: list[Copy] = []
        for name, content, place in zip(COPIES, contents, where, strict=True):
            own = [receipt for receipt in receipts if receipt["copy"] == name]
            if not own:
                raise DemoFailed(f"the ledger has no receipt of {name}")
            found.append(Copy(name, content, len(own), own[-1]["verification"], own[-1]["sha256"], place))
        return found

    def links(self) -> dict[str, str]:
        """Where each copy can be looked at, with any browser, and the page of the data set."""
        return {
            "institute": str(self.sftp.folder / "rates" / FILE),
            "lake": self.store.signed("GET", f"rates/{FILE}"),
            "gouv": self.udata.stable(str(self.resource()["id"])),
            "data set": self.udata.page,
        }


def _check_libraries() -> None:
    missing = [name for name in ("botocore", "obstore", "requests") if find_spec(name) is None]
    if missing:
        raise DemoFailed(f"{', '.join(missing)} missing: pip install 'datagw[http,s3,datagouv]'")


def exchange_rates(days: int) -> bytes:
    """The ministry's file: a line a day since the start of 2025; the same days always have the same rates."""
    lines = [",".join(("day", *_CODES))]
    for number in range(days):
        noise = random.Random(number)
        day = date(2025, 1, 1) + timedelta(days=number)
        lines.append(",".join((str(day), *(f"{noise.uniform(0.5, 2):.4f}" for _ in _CODES))))
    return ("\n".join(lines) + "\n").encode()
