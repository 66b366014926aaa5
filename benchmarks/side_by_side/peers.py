"""The programs that datagw is measured beside: by pip or by Go into an environment of their own, rsync by apt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VENV = Path(__file__).resolve().parent.parent / ".venv"


def fetched(package: str) -> str | None:
    """Installs a package into the environment of the peers; None where it is there, else why it is not."""
    python = VENV / "bin" / "python"
    if (problem := _made()) is not None:
        return problem
    have = subprocess.run([python, "-m", "pip", "show", "--quiet", package], check=False, capture_output=True)
    if have.returncode == 0:
        return None
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if ended.returncode == 0 else f"pip install {package}: {_last_line(ended.stderr)}"


def built(name: str, module: str, release: str) -> str | None:
    """Builds the program of a Go module into that environment; None where it is there, else why it is not.

    As a tool of a module of our own: then only this one release is asked for, which any proxy has.
    """
    if program(name) is not None:
        return None
    if (problem := _made()) is not None:
        return problem
    path = os.pathsep.join([os.environ["PATH"], "/usr/local/go/bin"])
    if (go := shutil.which("go", path=path)) is None:
        return "no go on this machine: https://go.dev/dl/"
    with tempfile.TemporaryDirectory(prefix="datagw-bench-") as scratch:

        def run(*command: str) -> subprocess.CompletedProcess[str]:
            environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -trimpath"}
            return subprocess.run(
                [go, *command], cwd=scratch, env=environment, check=False, capture_output=True, text=True
            )

        had = run("mod", "download", "-json", f"{module}@{release}")
        if had.returncode == 0:
            shutil.copyfile(Path(json.loads(had.stdout)["Dir"]) / "go.sum", Path(scratch) / "go.sum")
            text = f"module datagw.test/peers\n\ngo 1.22\n\nrequire {module} {release}\n\ntool {module}\n"
            (Path(scratch) / "go.mod").write_text(text)
            had = run("mod", "tidy")
        if had.returncode == 0:
            had = run("build", "-ldflags=-s -w", "-o", str(VENV / "bin" / name), module)
    return None if had.returncode == 0 else f"go build {module}@{release}: {_last_line(had.stderr or had.stdout)}"


def program(name: str) -> str | None:
    """The path of a program: of the peers' environment, else of the machine."""
    own = VENV / "bin" / name
    return str(own) if own.exists() else shutil.which(name)


def version(command: list[str]) -> str:
    """The first line that a program says of itself."""
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return (ended.stdout or ended.stderr).strip().partition("\n")[0]


def _made() -> str | None:
    """The environment, made where there is none; why it cannot be."""
    if (VENV / "bin" / "python").exists():
        return None
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
    return None if made.returncode == 0 else f"python -m venv {VENV}: {_last_line(made.stdout + made.stderr)}"


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
