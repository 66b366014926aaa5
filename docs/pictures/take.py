"""Takes the pictures of the docs from a running Dagster UI, that of `make demo`.

python docs/pictures/take.py http://127.0.0.1:3000 2026-01-31

The day is one of the demo's. Needs Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def take(ui: str, day: str, folder: Path) -> None:
    """Writes `graph`, `days`, `day`, `copy`, `switch` and `runs` as PNG files."""
    copy = "/assets/readings/institute"
    pages = {
        "graph": ("/asset-groups", 420),
        "days": (f"{copy}?view=partitions", 640),
        "day": (f"{copy}?view=partitions&partition={day}", 1150),
        "copy": (f"{copy}?view=overview", 1250),
        "switch": ("/locations/datagw/sensors/readings_due", 520),
        "runs": ("/runs", 420),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, (page, height) in pages.items():
            view = browser.new_page(viewport={"width": 1280, "height": height})
            view.goto(ui.rstrip("/") + page)
            view.wait_for_load_state("networkidle")
            view.get_by_text("Loading").first.wait_for(state="hidden")
            view.wait_for_timeout(3000)
            view.screenshot(path=folder / f"{name}.png")
            view.close()
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1], sys.argv[2], Path(__file__).parent)
