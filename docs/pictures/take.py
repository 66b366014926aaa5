"""Takes the pictures of the docs from a running Dagster UI, that of `make demo`, by doing what they show.

python docs/pictures/take.py http://127.0.0.1:3000 2026-01-31 /tmp/datagw-demo-x/inbox

The day is the demo's third, the folder its watched one. A file is dropped there, and a backfill launched from the page.

python docs/pictures/take.py http://127.0.0.1:3000 mirror

That of `make demo JOB=mirror`.

python docs/pictures/take.py http://127.0.0.1:3000

Those of own code, from `datagw dev` in a copy of examples/functions, in which `datagw run documents` has run, and then
`datagw run documents --payload '{"count": 0}'`, which fails. Needs Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COPY = "/assets/readings/institute"
PATIENCE = 120_000  # milliseconds
DIVIDER = (770, 400)  # between a graph and the page of an asset beside it, without the navigation


class Camera:
    """Opens pages of the UI, and writes what they show as PNG files."""

    def __init__(self, browser: Browser, ui: str, folder: Path) -> None:
        self._browser = browser
        self._ui = ui.rstrip("/")
        self._folder = folder

    def open(self, page: str, height: int) -> Page:
        """A page, once it has come to rest."""
        view = self._browser.new_page(viewport={"width": 1280, "height": height})
        view.goto(self._ui + page)
        self.rest(view)
        return view

    def rest(self, view: Page) -> None:
        """Waits until nothing is being loaded any more."""
        view.wait_for_load_state("networkidle")
        view.get_by_text("Loading").first.wait_for(state="hidden")
        view.wait_for_timeout(2000)

    def shoot(self, view: Page, name: str) -> None:
        """The picture."""
        view.screenshot(path=self._folder / f"{name}.png")

    def take(self, name: str, page: str, height: int) -> None:
        """The picture of a page as it is."""
        view = self.open(page, height)
        self.shoot(view, name)
        view.close()


def drop_a_file(camera: Camera, inbox: Path) -> None:
    """`switch`: the sensor of the watched folder, turned off and on again, fires on a file that is dropped."""
    view = camera.open("/locations/datagw/sensors/inbox_due", 560)
    switch = view.get_by_role("checkbox").first
    for wanted in (False, True):
        switch.dispatch_event("click")
        expect(switch).to_be_checked(checked=wanted)
    (inbox / "dropped by hand.csv").write_text("time,value\n12:00,1\n")
    expect(view.get_by_text(re.compile("1 (run )?requested")).first).to_be_visible(timeout=PATIENCE)
    camera.rest(view)
    camera.shoot(view, "switch")
    view.close()


def backfill(camera: Camera, day: date) -> None:
    """`backfill`: the demo's week chosen, and launched from the page; `backfills`: how it ended."""
    view = camera.open(f"{COPY}?view=partitions", 700)
    view.get_by_role("button", name="Materialize…").first.click()
    camera.rest(view)
    days = view.locator("input[value*='...']").last
    days.fill(f"[{day - timedelta(days=2)}...{day + timedelta(days=4)}]")
    days.press("Enter")
    camera.rest(view)
    camera.shoot(view, "backfill")
    view.get_by_role("button", name="Launch backfill").click()
    camera.rest(view)
    view.close()
    view = camera.open("/runs?view=backfills", 300)
    expect(view.get_by_text("Success").first).to_be_visible(timeout=PATIENCE)
    camera.shoot(view, "backfills")
    view.close()


def functions(camera: Camera) -> None:
    """`functions`: a graph of functions, with the table of the last run beside it."""
    view = camera.open("/asset-groups/documents%2Flist_files?expanded=global@global:documents", 860)
    view.get_by_text("Hide navigation").click()
    view.mouse.click(340, 80)  # the list of assets; its button has no name
    camera.rest(view)
    view.get_by_text("Description", exact=True).click()
    view.mouse.move(*DIVIDER)
    view.mouse.down()
    view.mouse.move(DIVIDER[0] - 150, DIVIDER[1], steps=10)
    view.mouse.up()
    view.evaluate("window.getSelection().removeAllRanges()")  # what was dragged over
    view.mouse.move(340, 500)
    view.keyboard.down("Control")
    for _ in range(4):
        view.mouse.wheel(0, 100)  # a smaller graph
    view.keyboard.up("Control")
    view.mouse.wheel(160, 0)
    camera.rest(view)
    camera.shoot(view, "functions")
    view.close()


def mirror(camera: Camera) -> None:
    """`mirror`: a file and its three copies, all published."""
    camera.take("mirror", "/asset-groups?expanded=global@global:mirror", 700)


def take_one(picture: Callable[[Camera], None], ui: str, folder: Path) -> None:
    """One of the pictures, into a folder."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        picture(Camera(browser, ui, folder))
        browser.close()


def take_all(ui: str, day: str, inbox: Path, folder: Path) -> None:
    """All pictures, into a folder."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        camera = Camera(browser, ui, folder)
        drop_a_file(camera, inbox)
        jobs = ",".join(f"global@global:{job}" for job in ("inbox", "rates", "readings"))
        camera.take("graph", f"/asset-groups?expanded={jobs}", 980)
        camera.take("days", f"{COPY}?view=partitions", 640)
        camera.take("day", f"{COPY}?view=partitions&partition={day}", 1150)
        camera.take("copy", f"{COPY}?view=overview", 1250)
        camera.take("switches", "/automation", 430)
        backfill(camera, date.fromisoformat(day))
        camera.take("runs", "/runs", 420)
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        take_all(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(__file__).parent)
    else:
        take_one(mirror if sys.argv[2:] == ["mirror"] else functions, sys.argv[1], Path(__file__).parent)
