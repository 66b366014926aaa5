"""What is installed is what was tested: the lock file, the wheel, the Pythons that `make setup` finds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import datagw

PROJECT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")


def asked_for() -> list[Requirement]:
    project = SETTINGS["project"]
    lists = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *SETTINGS["dependency-groups"].values(),
    ]
    return [Requirement(line) for lines in lists for line in lines]


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints on stdout; an end other than 0 fails the test with all that it said."""
    ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def test_the_lock_names_versions_and_hashes_and_nothing_else():
    line = re.compile(r"[a-z0-9-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [text for text in LOCK.splitlines() if not line.fullmatch(text)] == []


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_the_lock_holds_what_the_project_asks_for(requirement: Requirement):
    name = re.escape(canonicalize_name(requirement.name))
    versions = re.findall(rf"^{name}==(\S+)", LOCK, flags=re.MULTILINE)
    assert versions, "not in the lock: make lock"
    assert all(requirement.specifier.contains(version) for version in versions)


def test_the_version_is_said_once_and_again():
    assert datagw.__version__ == SETTINGS["project"]["version"]
    assert f"## [{datagw.__version__}]" in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_a_python_that_does_not_start_is_passed_over(tmp_path: Path):
    for folder in ("shims", "real"):
        (tmp_path / folder).mkdir()
    broken = tmp_path / "shims" / "python3"
    broken.write_text("#!/bin/sh\necho 'no version is set' >&2\nexit 127\n")
    broken.chmod(0o755)
    (tmp_path / "real" / "python3").symlink_to(sys.executable)
    path = f"{tmp_path / 'shims'}:{tmp_path / 'real'}:/usr/bin:/bin"
    found = run(PROJECT / ".ci" / "pythons", cwd=tmp_path, env={"PATH": path, "HOME": str(tmp_path)})
    first = found.splitlines()[0]
    assert (
        run(first, "-c", "import sys; print(*sys.version_info[:2])", cwd=tmp_path)
        == f"{sys.version_info[0]} {sys.version_info[1]}\n"
    )


def test_without_any_python_setup_says_what_to_install(tmp_path: Path):
    ended = subprocess.run(
        ["/bin/bash", PROJECT / ".ci" / "pythons"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "Python 3.11, 3.12 or 3.13" in ended.stderr
    assert "PYTHON=" in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_works_alone_in_an_empty_folder(tmp_path: Path):
    uv = Path(sys.executable).with_name("uv")
    run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", PROJECT, cwd=tmp_path
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "datagw/py.typed",
        "datagw/examples/jobs.toml",
        "datagw/jobs.schema.json",
        "datagw/ledger/migrations/env.py",
    } <= names
    assert any(name.startswith("datagw/ledger/migrations/versions/") for name in names)
    assert not [
        name
        for name in names
        if not name.startswith(("datagw/", f"datagw-{SETTINGS['project']['version']}.dist-info/"))
    ]

    place = tmp_path / "place"
    place.mkdir()
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        PROJECT / "requirements.lock",
        wheel,
        cwd=tmp_path,
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    load = "from datagw.definitions import defs; print(len(list(defs.resolve_all_asset_specs())))"
    assert int(run(python, "-c", load, cwd=place, env=environment)) >= 2
    said = run(python.with_name("datagw"), "--version", cwd=place, env=environment)
    assert SETTINGS["project"]["version"] in said
