"""The place of the week: its source, its SFTP server, its web server, its job file, and what the ledger says of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from typing_extensions import override

from datagw.demo.running import Workplace
from datagw.demo.sftp import SftpServer
from datagw.demo.web import Web

JOB = "readings"
MIRROR = "rates"
MIRRORED = "rates.csv"

_JOBS = """\
# Made by `datagw demo`; yours starts with `datagw init`.

{institute}
[readings]
description = "What the station measured, one folder a day"
source = "local:station/%Y%m%d/"
to     = ["institute:readings/%Y%m%d/"]
when   = "daily"
bandwidth = "40MB/s"   # slow enough to be killed in the middle

[rates]
description = "A ministry's file, mirrored whenever it changes"
source = "{web}"
to     = ["institute:rates/"]
when   = "change"

[inbox]
description = "Whatever is dropped into this folder"
source = "local:inbox/"
to     = ["institute:inbox/"]
when   = "new files"
settle = "1s"
every  = "1s"
"""


@dataclass(frozen=True, slots=True)
class Proven:
    """What the ledger has of one day; `verified` says how its files are known to be equal."""

    state: str
    files: int
    bytes: int
    verified: str
    manifest: str


class Place(Workplace):
    """A folder with everything in it; its servers run until `close`."""

    def __init__(self, folder: Path, *, builtin: bool = False) -> None:
        super().__init__(folder)
        self.source = folder / "station"
        self.served = folder / "institute"
        self.published = self.served / JOB
        self.inbox = folder / "inbox"
        for made in (self.source, self.inbox):
            made.mkdir()
        self.sftp = SftpServer(self.served, folder / "keys", builtin=builtin)
        self.web = Web(folder / "web")
        self.jobs.write_text(
            _JOBS.format(institute=self.sftp.gateway, web=self.web.address(MIRRORED)), encoding="utf-8"
        )

    @override
    def close(self) -> None:
        self.web.close()
        self.sftp.close()

    @property
    @override
    def hint(self) -> str:
        return f"watched folder {self.inbox}: a file that is put there is published within seconds"

    def proven(self) -> dict[date, Proven]:
        """What the ledger has of each day that is published, by day."""
        from datagw.ledger.ledger import Ledger

        with Ledger.open(self.state / "jobs.db") as ledger:
            ways: dict[date | None, set[str]] = {}
            for receipt in ledger.receipts(JOB):
                ways.setdefault(receipt.day, set()).add(receipt.verification)
            return {
                row.day: Proven(
                    row.state, row.files, row.bytes, ", ".join(sorted(ways.get(row.day, ()))), row.manifest or ""
                )
                for row in ledger.days(JOB)
                if row.day is not None and row.state in ("published", "empty")
            }

    def parts(self) -> list[tuple[str, int]]:
        """The hidden parts under way at the server: name and size."""
        found: list[tuple[str, int]] = []
        for path in self.served.rglob(".datagw-*.part"):
            with suppress(FileNotFoundError):  # renamed at this moment
                found.append((path.name, path.stat().st_size))
        return found
