"""The page on own code: what it shows is run as it stands there."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from datagw.pipelines import BasePipeline, Tools
from datagw.pipelines.calling import OWN_WORDS
from datagw_tests.pipelines.workshop import Workshop

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own-code.md").read_text("utf-8")
FILE = re.compile(r"^[^\n]*?`([\w.]+(?:/[\w.]+)*\.(?:toml|py))`[^\n]*:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def files_of(title: str, shop: Workshop) -> dict[str, str]:
    """The files of a section, written down."""
    found = dict(FILE.findall(section(title)))
    for name, text in found.items():
        assert (EXAMPLES / ("pipeline" if "class" in title else "functions") / name).read_text() == text
        (shop.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.folder / name).write_text(text)
    return found


def test_the_class_does_what_the_page_says(
    shop: Workshop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [*files_of("Five minutes: a class", shop)] == ["jobs.toml", "mypackage/pipelines.py"]
    monkeypatch.setenv("SECRET_ENV_VAR", "hidden")
    (shop.folder / "published").mkdir()
    with caplog.at_level(logging.INFO):
        assert shop.run("mypipeline").state == "published"
    assert "publishing, with **********" in caplog.messages
    assert (shop.folder / "published" / "file.txt").read_text() == "foo is bar\n"
    assert [one.name for one in shop.report.registered] == ["file.txt"]
    assert shop.run("mypipeline").state == "published"
    assert shop.report.registered == []


def test_the_graph_does_what_the_page_says(shop: Workshop) -> None:
    assert [*files_of("Five minutes: functions", shop)] == ["jobs.toml", "tasks.py"]
    assert shop.run("documents", payload={"count": 5}).state == "published"
    lines = [
        f"{node.name:10}  {node.state}" + (f"  {node.items} items" if node.items else "") for node in shop.report.nodes
    ]
    assert "\n".join(lines) in section("Five minutes: functions")
    assert shop.report.nodes[-1].output == {"url": "https://example.org/hook", "documents": 5, "first": "2026-01-31"}


def test_what_a_class_finds_is_what_the_page_lists() -> None:
    listed = set(re.findall(r"`self\.(\w+)", section("What a class finds")))
    assert listed == {name for name in vars(BasePipeline) if not name.startswith("_")} - {
        *("pre_run", "run", "post_run", "per", "name", "run_id"),
    } | {"register_file", "register_error", "file_has_changed"}
    mine = {name for name in dir(Tools) if not name.startswith("_")}
    assert set(re.findall(r"`tools\.(\w+)", PAGE)) <= mine | {"log", "secrets", "gateways", "tmp_dir"}


def test_the_words_of_a_run_are_those_that_the_page_lists() -> None:
    listed = re.search(r"the run's own words \((.*?)\)", PAGE)
    assert listed is not None
    assert tuple(re.findall(r"`(\w+)`", listed[1])) == OWN_WORDS
