"""A run of own code that is killed leaves nothing behind that the next run does not clear up, or go on from."""

from __future__ import annotations

import multiprocessing
import os
import time
from datetime import date
from pathlib import Path

from datagw_tests.pipelines.workshop import Workshop

DAY = date(2026, 1, 31)
JOBS = """
[work]
when = "daily"
start = 2026-01-01
[work.nodes.listed]
run = "mine:listed"
[work.nodes.each]
run = "mine:each"
after = "listed"
each = true
"""
MODULE = """
import os, time
from pathlib import Path

def listed(event): return list(range(30))

def each(event, tools):
    (tools.tmp_dir / "scratch").write_text("x")
    calls = Path("CALLS")
    with calls.open("a") as file:
        file.write(f"{event['item']}\\n")
    if event["item"] == 20 and not os.path.exists("MENDED"):
        Path("HERE").touch()
        time.sleep(600)
    if event["item"] == 19:
        time.sleep(1.1)  # what has been done is written down after a second
"""


def _run(folder: Path) -> None:
    Workshop(folder).run(days=[DAY])


def test_a_killed_run_is_swept_and_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shop = Workshop(folder)
    paths = {name: str(tmp_path / name.lower()) for name in ("CALLS", "HERE", "MENDED")}
    module = MODULE
    for name, path in paths.items():
        module = module.replace(f'"{name}"', repr(path))
    shop.write(JOBS, mine=module)
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(folder,))
    process.start()
    try:
        patience = time.monotonic() + 60
        while not os.path.exists(paths["HERE"]) and process.is_alive() and time.monotonic() < patience:
            process.join(0.05)
        assert os.path.exists(paths["HERE"])
        assert any(path.endswith("scratch") for path in shop.left())
    finally:
        process.kill()
        process.join()
    Path(paths["MENDED"]).touch()
    assert shop.run(days=[DAY]).state == "published"
    assert shop.left() == []
    called = [int(line) for line in Path(paths["CALLS"]).read_text().split()]
    assert sorted(set(called)) == list(range(30))
    twice = {one for one in called if called.count(one) > 1}
    assert 20 in twice
    assert len(twice) <= 2  # the one that it died in, and what was not written down yet
