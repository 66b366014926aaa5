"""The programs that datagw is measured beside: had by pip into an environment of their own, rsync by apt."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

VENV = Path(__file__).resolve().parent.parent / ".venv"


def fetched(package: str) -> str | None:
    """Installs a package into the environment of the peers; None where it is there, else why it is not."""
    python = VENV / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
        if made.returncode != 0:
            return f"python -m venv {VENV}: {_last_line(made.stdout + made.stderr)}"
    have = subprocess.run([python, "-m", "pip", "show", "--quiet", package], check=False, capture_output=True)
    if have.returncode == 0:
        return None
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if ended.returncode == 0 else f"pip install {package}: {_last_line(ended.stderr)}"


def program(name: str) -> str | None:
    """The path of a program: of the peers' environment, else of the machine."""
    own = VENV / "bin" / name
    return str(own) if own.exists() else shutil.which(name)


def version(command: list[str]) -> str:
    """The first line that a program says of itself."""
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return (ended.stdout or ended.stderr).strip().partition("\n")[0]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
