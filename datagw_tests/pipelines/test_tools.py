"""What own code does with the places of its job file: files are got whole, and published with all guarantees."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Aborted, Changed, NotFound, Rejected, Unavailable
from datagw.pipelines.bench import bench_of
from datagw.pipelines.tools import Tools
from datagw_tests.ledger.rows import NASTY
from datagw_tests.pipelines.workshop import Workshop, errors_of

DAY = date(2026, 1, 31)


@contextmanager
def tools_of(shop: Workshop, day: date | None = None, **world: Any) -> Iterator[Tools]:
    """Tools as own code gets them, without own code."""
    if not (shop.folder / "jobs.toml").exists():
        shop.write('[gateways.gone]\ntype = "local"\nroot = "/nowhere/at/all"\n[work]\nbackend = "mine:f"\n')
    surroundings = shop.world(**world)
    made = bench_of(shop.job(), surroundings, shop.folder, shop.report, surroundings.fence)
    with made as bench, bench.tmp_dir() as folder:
        yield Tools(bench, folder, [], day, None)


@pytest.fixture
def tools(shop: Workshop) -> Iterator[Tools]:
    with tools_of(shop) as made:
        yield made


def test_a_file_is_got_whole_under_its_own_name(tools: Tools, shop: Workshop) -> None:
    (shop.folder / "shelf" / "deep").mkdir()
    (shop.folder / "shelf" / "deep" / "a.csv").write_text("content")
    found = [tools.get("shelf:deep/a.csv"), tools.get("shelf:deep/a.csv"), tools.get("local:shelf/deep/a.csv")]
    assert [(path.name, path.read_text()) for path in found] == [("a.csv", "content")] * 3
    assert len({*found}) == 3
    assert all(path.is_relative_to(tools.tmp_dir) for path in found)


def test_names_are_taken_letter_by_letter(tools: Tools, shop: Workshop) -> None:
    name = "100% {x} [a] %Y*?"
    (tools.tmp_dir / "x").write_text("content")
    tools.publish(tools.tmp_dir / "x", f"shelf:{name}")
    assert shop.shelf() == {name: "content"}
    assert tools.get(f"shelf:{name}").read_text() == "content"


def test_a_file_is_published_with_a_receipt_of_the_job(shop: Workshop) -> None:
    with tools_of(shop, DAY) as tools:
        (tools.tmp_dir / "x.csv").write_text("content")
        result = tools.publish(tools.tmp_dir / "x.csv", "shelf:out/y.csv")
    assert (result.state, shop.shelf()) == ("published", {"out/y.csv": "content"})
    (receipt,) = shop.ledger.receipts("work")
    assert (receipt.copy, receipt.day, receipt.destination, receipt.verification) == (
        "shelf", DAY, "out/y.csv", "readback",
    )  # fmt: skip
    assert (receipt.run, receipt.source) == (shop.run_id, "out/y.csv")
    assert shop.report.delivered == [result]


def test_one_file_goes_to_two_names_and_a_name_takes_a_newer_file(tools: Tools, shop: Workshop) -> None:
    """As sweeper's SIRENE has it: under its own name, and under its date."""
    for number in range(2):
        path = tools.tmp_dir / f"download-{number}"
        path.write_text(f"version {number}")
        tools.publish(path, "shelf:sirene/file.zip")
        tools.publish(path, f"shelf:sirene/2026-01-3{number}-file.zip")
    assert shop.shelf() == {
        "sirene/file.zip": "version 1",
        "sirene/2026-01-30-file.zip": "version 0",
        "sirene/2026-01-31-file.zip": "version 1",
    }
    assert len(list(shop.ledger.receipts("work"))) == 4


def test_what_is_there_already_is_not_sent_again(tools: Tools) -> None:
    (tools.tmp_dir / "x").write_text("content")
    sent = [tools.publish(tools.tmp_dir / "x", "shelf:").copies["shelf"].sent_files for _ in range(2)]
    assert sent == [1, 0]


def test_a_folder_is_published_whole_with_nasty_names(tools: Tools, shop: Workshop) -> None:
    nasty = NASTY.replace("/", "")
    for name in ("a", "b/c", nasty):
        (tools.tmp_dir / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tools.tmp_dir / "out" / name).write_text(name.encode("utf-8", "replace").decode())
    tools.publish(tools.tmp_dir / "out", "shelf:made/")
    assert sorted(shop.shelf()) == sorted(["made/a", "made/b/c", f"made/{nasty}"])
    with pytest.raises(ValueError, match=r"out is a folder: its files are published at shelf:made/"):
        tools.publish(tools.tmp_dir / "out", "shelf:made")


def test_a_file_that_somebody_else_put_there_is_kept_if_that_is_wished(tools: Tools, shop: Workshop) -> None:
    (shop.folder / "shelf" / "x").write_text("theirs, and longer")
    (tools.tmp_dir / "x").write_text("ours")
    with pytest.raises(Rejected, match="overwrite = false"):
        tools.publish(tools.tmp_dir / "x", "shelf:x", overwrite=False)
    assert shop.shelf() == {"x": "theirs, and longer"}


def test_a_file_that_is_being_written_is_not_published(tools: Tools, shop: Workshop) -> None:
    with (tools.tmp_dir / "x").open("w") as file:
        file.write("half")
        file.flush()
        with pytest.raises(Changed):
            tools.publish(tools.tmp_dir / "x", "shelf:y")
    assert shop.shelf() == {}


def test_what_is_not_there_is_said(tools: Tools, shop: Workshop) -> None:
    os.symlink("/etc/passwd", tools.tmp_dir / "link")
    with pytest.raises(NotFound):
        tools.get("shelf:nothing")
    with pytest.raises(Rejected, match="is a folder, not a file"):
        tools.get("shelf:")
    for name, error in (("nothing", "no such file"), ("link", "symlink")):
        for target in ("y", name):
            with pytest.raises(Exception, match=error):
                tools.publish(tools.tmp_dir / name, f"shelf:{target}")
    with pytest.raises(KeyError, match="there is no gateway 'shelv' in the job file; did you mean shelf"):
        tools.get("shelv:x")
    with pytest.raises(ValueError, match='a path of this machine is "local:x"'):
        tools.get("x")


def test_a_place_out_of_reach_is_an_outage(shop: Workshop) -> None:
    with tools_of(shop, retries=None) as tools:
        tools.gateways["gone"].live.retries = type(tools.gateways["gone"].live.retries)(max=0)
        with pytest.raises(Unavailable, match="root is not there"):
            tools.get("gone:x")


def test_gateways_are_opened_once_and_closed_at_the_end(shop: Workshop) -> None:
    with tools_of(shop) as tools:
        gateway = tools.gateways["shelf"]
        assert tools.gateways["shelf"] is gateway
        assert "shelf" in tools.gateways
        assert {"shelf", "local"} <= set(tools.gateways)
        assert [entry.path for entry in gateway.ls("")] == []
        assert gateway.live.session is not None
    assert gateway.live.session is None


def test_nobody_publishes_once_the_end_is_wished(shop: Workshop) -> None:
    with tools_of(shop, should_abort=lambda: True) as tools:
        (tools.tmp_dir / "x").touch()
        for call in (lambda: tools.publish(tools.tmp_dir / "x", "shelf:"), lambda: tools.get("shelf:x")):
            with pytest.raises(Aborted):
                call()
    assert shop.shelf() == {}


def test_progress_is_told_at_most_once_a_minute_and_at_the_end(tools: Tools, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for done in range(1, 101):
            tools.progress(done, 100, "files")
    assert caplog.messages == ["files: 1 of 100 (1 %)", "files: 100 of 100 (100 %)"]


def test_settings_and_payload_of_one_call_are_not_those_of_the_next(shop: Workshop) -> None:
    shop.write(
        f'[work]\nbackend = "mine:f"\nconfig = {{ list = [1] }}\nsource = "local:{shop.folder}/in/"\n'
        'when = "new files"\nsettle = "0s"\n',
        mine="def f(event, tools):\n    tools.config['list'].append(2)\n    event['payload'].append(2)\n"
        "    tools.register_file(name=f\"{tools.config['list']} {event['payload']}\")\n",
    )
    (shop.folder / "in").mkdir()
    for name in "ab":
        (shop.folder / "in" / name).touch()
    assert shop.run(payload=[1]).state == "published"
    assert [one.name for one in shop.report.registered] == ["[1, 2] [1, 2]"] * 2


def test_what_was_published_before_a_failure_stays_and_is_on_record(shop: Workshop) -> None:
    shop.write(
        '[work]\nbackend = "mine:f"\n',
        mine="def f(event, tools):\n    (tools.tmp_dir / 'a').write_text('x')\n"
        "    tools.publish(tools.tmp_dir / 'a', 'shelf:')\n    tools.publish('nothing', 'shelf:')\n",
    )
    result = shop.run()
    assert "there is no such file to publish" in errors_of(result)[0]
    assert shop.shelf() == {"a": "x"}
    assert shop.report.did_something
    assert shop.left() == []


def test_files_that_own_code_has_locked_go_all_the_same(shop: Workshop) -> None:
    shop.write(
        '[work]\nbackend = "mine:f"\n',
        mine="import os\ndef f(event, tools):\n    (tools.tmp_dir / 'd').mkdir()\n"
        "    (tools.tmp_dir / 'd' / 'x').touch()\n    os.chmod(tools.tmp_dir / 'd', 0o500)\n",
    )
    assert shop.run().state == "published"
    assert shop.left() == []


def test_what_is_still_written_to_the_folder_for_a_call_is_no_failure(shop: Workshop) -> None:
    shop.write(
        '[work]\nbackend = "mine:f"\n',
        mine="""
import threading

def write(folder, written):
    for _ in range(20_000):
        try:
            (folder / "x").write_text("x")
        except OSError:
            return
        finally:
            written.set()

def f(event, tools):
    for _ in range(3):
        written = threading.Event()
        thread = threading.Thread(target=write, args=(tools.tmp_dir, written), daemon=True)
        thread.start()
        written.wait()
    tools.ledger.set_position("work", "called", True)
""",
    )
    assert shop.run().state == "published"
    assert shop.ledger.position("work", "called")
    shop.run()
    assert errors_of(shop.run()) == []


@pytest.mark.parametrize("name", [".do-not-touch", "sub/.datagw-0123456789abcdef0123456789abcdef.part"])
def test_the_names_of_datagws_own_files_are_refused(shop: Workshop, name: str) -> None:
    with tools_of(shop) as tools:
        made = tools.tmp_dir / "a"
        made.write_text("a")
        with pytest.raises(Rejected, match="datagw calls files of its own so"):
            tools.publish(made, f"shelf:{name}")
    assert shop.shelf() == {}


def test_the_folder_for_a_call_is_where_the_job_file_says(shop: Workshop) -> None:
    with tools_of(shop) as tools:
        assert Path(os.path.commonpath([tools.tmp_dir, shop.tmp])) == shop.tmp
        assert list(tools.tmp_dir.iterdir()) == []
