"""What is loaded when: nothing by `import datagw`, no Dagster and no client library ever before it is needed."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import datagw
from datagw import gateways

HEAVY = {"dagster", "sqlalchemy", "alembic", "paramiko", "requests", "boto3", "botocore", "asyncio", "http.client"}


def loaded(code: str, cwd: Path) -> set[str]:
    """The modules that are there after `code`, in a fresh Python."""
    text = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_importing_it_loads_nothing_else(tmp_path: Path) -> None:
    found = loaded("import datagw", tmp_path)
    assert {name for name in found if name.startswith("datagw")} == {"datagw"}
    assert not found & {"pydantic", "typing_extensions", "pathlib", *HEAVY}


def test_names_for_a_script_load_no_database_and_no_client(tmp_path: Path) -> None:
    found = loaded("from datagw import publish, plan, errors, Local, Sftp, Http, S3, Result, Progress", tmp_path)
    assert found & HEAVY == set()
    assert "datagw.jobs.tables" not in found
    assert "datagw.publishing.engine" not in found


def test_publishing_loads_no_dagster(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    code = "from datagw import publish\nassert publish('data/', 'out/').files == 1"
    found = loaded(code, tmp_path)
    assert (tmp_path / "out/a").read_text() == "a"
    assert {name for name in found if name.startswith(("dagster", "paramiko", "click", "rich"))} == set()


@pytest.mark.parametrize("kind", gateways.kinds())
def test_every_type_of_gateway_is_there_by_name(kind: str) -> None:
    assert getattr(datagw, kind.capitalize()) is gateways.load(kind)
    assert kind.capitalize() in dir(datagw)


def test_type_checkers_know_what_is_named_and_take_any_other_gateway() -> None:
    tree = ast.parse(Path(datagw.__file__).read_text())
    (checking,) = [node for node in tree.body if isinstance(node, ast.If)]
    named = {alias.name for node in checking.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named | {"__version__"} == set(datagw.__all__)
    for name in datagw.__all__:
        assert getattr(datagw, name) is not None
    assert inspect.signature(datagw.__getattr__).return_annotation == "Any"
    with pytest.raises(AttributeError, match="Nothing"):
        datagw.Nothing  # noqa: B018


def test_it_is_typed() -> None:
    assert (Path(datagw.__file__).parent / "py.typed").exists()
