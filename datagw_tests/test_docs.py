"""What the docs show can be done: blocks of Python and TOML, commands, targets of make, links between pages."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from datagw.jobs import load

PROJECT = Path(__file__).resolve().parent.parent
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "CHANGELOG.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>[a-z]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)


def blocks(kind: str) -> list[ParameterSet]:
    """Every fenced block of this kind, named after its page and line."""
    found: list[ParameterSet] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in FENCE.finditer(text):
            if fence["kind"] == kind:
                line = text.count("\n", 0, fence.start()) + 2
                found.append(pytest.param(fence["text"], id=f"{page.relative_to(PROJECT)}:{line}"))
    return found


@pytest.mark.parametrize("text", blocks("python"))
def test_python_in_the_docs_compiles_and_imports_what_is_there(text: str):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "datagw":
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        if isinstance(node, ast.Import):
            for alias in node.names:
                assert alias.name.split(".")[0] != "datagw" or importlib.import_module(alias.name)


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_in_the_docs_is_toml(text: str):
    assert tomllib.loads(text)


@pytest.mark.parametrize(
    "text", [block for block in blocks("toml") if re.search(r"^source\s*=", str(block.values[0]), re.MULTILINE)]
)
def test_a_job_file_in_the_docs_is_right(text: str, tmp_path: Path):
    """A block with a job in it is a whole job file; a fragment leaves `source` out."""
    (tmp_path / "jobs.toml").write_text(text, encoding="utf-8")
    assert [str(problem) for problem in load(tmp_path / "jobs.toml").problems] == []


@pytest.mark.parametrize("path", sorted((PROJECT / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_the_examples_are_right(path: Path):
    jobfile = load(path)
    assert [str(problem) for problem in jobfile.problems] == []
    assert jobfile.jobs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_between_pages_lead_somewhere(page: Path):
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_target_of_make_that_is_named_is_there(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = re.findall(r"(?:^ {4}|`)make ([a-z][a-z -]*[a-z])", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {word for words in named for word in words.split()} <= targets


def mapped() -> set[str]:
    """The paths that the map in CONTRIBUTING.md shows: four spaces before what stands on top, six before what stands in it."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## The tree, line by line")[1].split("\n## ")[0]
    paths, top = set[str](), ""
    for indent, name in re.findall(r"^( {4}| {6})(\S+)", section, flags=re.MULTILINE):
        top = name if indent == " " * 4 else top
        paths.add(name if indent == " " * 4 else top + name)
    return paths


def test_the_map_of_the_tree_shows_what_is_there():
    assert {path for path in mapped() if not (PROJECT / path).exists()} == set()


def test_the_map_of_the_tree_leaves_nothing_out():
    package = {path for path in (PROJECT / "datagw").iterdir() if path.name not in ("__pycache__", "py.typed")}
    names = {f"datagw/{path.name}{'/' if path.is_dir() else ''}" for path in package}
    assert names <= mapped()
