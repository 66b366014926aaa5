"""The tree is what it says it is: floors, names, sizes, words, and nothing that runs at import."""

from __future__ import annotations

import ast
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for path in (PROJECT / "datagw").rglob("*.py") if "versions" not in path.parts)
BELOW_DAGSTER = ["datagw", "datagw.publishing", "datagw.jobs", "datagw.gateways", "datagw.ledger"]
CLIENTS = {"dagster", "paramiko", "pandas", "requests", "elasticsearch", "boto3", "alembic"}
DECORATORS = {
    "asset",
    "multi_asset",
    "op",
    "graph",
    "job",
    "sensor",
    "schedule",
    "asset_check",
    "asset_sensor",
    "io_manager",
}


def in_a_fresh_python(code: str, cwd: Path, *arguments: str) -> str:
    """What `code` prints in a new process that starts in `cwd`; a non-zero end fails the test."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def dotted(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_imports_go_only_down():
    linter = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run(
        [linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


def test_no_module_has_a_name_that_says_nothing():
    idle = {"utils", "util", "helpers", "helper", "common", "misc", "constants", "base"}
    named = {dotted(path) for path in MODULES if path.stem in idle or path.parent.name in idle}
    assert named <= {"datagw.gateways.base"}


def test_a_file_has_one_idea_and_so_is_short():
    lines = {dotted(path): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {name: count for name, count in lines.items() if count > 400} == {}
    assert statistics.median(lines.values()) <= 130


@pytest.mark.parametrize("module", BELOW_DAGSTER)
def test_the_library_costs_neither_dagster_nor_a_client_library(module: str, tmp_path: Path):
    code = "import sys, json, importlib; importlib.import_module(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(in_a_fresh_python(code, tmp_path, module)))
    assert module in loaded
    assert loaded & CLIENTS == set()


def test_nothing_runs_at_import(tmp_path: Path):
    code = """
import importlib, os, sys, threading
import alembic, click, dagster, pydantic, rich, sqlalchemy
seen, threads = [], threading.active_count()
def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or event in ("os.mkdir", "os.remove", "os.rename", "socket.connect", "socket.bind", "subprocess.Popen", "os.fork"):
        seen.append(f"{event} {arguments}")
sys.addaudithook(watch)
for module in sys.argv[1:]:
    importlib.import_module(module)
    assert not seen and threading.active_count() == threads, f"{module}: {seen}"
print("quiet")
"""
    loading = {"datagw.definitions", "datagw.__main__", "datagw.ledger.migrations.env"}  # these are made to run
    modules = [dotted(path) for path in MODULES if dotted(path) not in loading]
    assert in_a_fresh_python(code, tmp_path, *modules) == "quiet\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_what_is_public_says_what_it_is(path: Path):
    tree = tree_of(path)
    nouns = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    public = [node for node in tree.body if isinstance(node, nouns) and not node.name.startswith("_")]
    silent = [node.name for node in public if not ast.get_docstring(node) and not _is_overload(node)]
    assert silent == []
    assert ast.get_docstring(tree) or not tree.body, "the module itself"


def _is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in node.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_annotations_stay_real_where_dagster_reads_them(path: Path):
    tree = tree_of(path)
    used = {_name(decorator) for node in ast.walk(tree) for decorator in getattr(node, "decorator_list", [])}
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    imports_dagster = any(
        "dagster" in ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))
    )
    assert not (imports_dagster and used & DECORATORS and futures)


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
