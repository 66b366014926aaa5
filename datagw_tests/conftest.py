"""What all tests share: a home of their own, so that nothing of the user's is read or touched, and servers that are asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest

_FOREIGN = ("DATABASE_URL", "DATAGW_JOBS", "SSH_AUTH_SOCK", "PYTHONDONTWRITEBYTECODE")

hypothesis.settings.register_profile("default", deadline=None, max_examples=50)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)


def require_server(reason: str, install: str) -> NoReturn:
    """Skips the test, with the reason and the command that brings what is missing.

    With DATAGW_REQUIRE_SERVERS=1 (continuous integration) the test fails instead: nothing is left untested in silence.
    """
    message = f"{reason}; to have it: {install}"
    if os.environ.get("DATAGW_REQUIRE_SERVERS") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
    real_home = Path(os.environ.get("HOME") or "/nonexistent")
    os.environ.setdefault("UV_CACHE_DIR", str(real_home / ".cache" / "uv"))  # the wheel test installs from it
    for name in [*_FOREIGN, *(name for name in os.environ if name.startswith(("DAGSTER_", "XDG_")))]:
        os.environ.pop(name, None)
    home = tempfile.mkdtemp(prefix="datagw-tests-")
    os.environ["HOME"] = home
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """What a test has to say, in UTF-8: names of files may hold lone surrogates, which end the whole run on their way."""
    return _in_utf8((yield))


def _in_utf8(told: Any) -> Any:
    match told:
        case str():
            return told.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {_in_utf8(key): _in_utf8(value) for key, value in told.items()}
        case list() | tuple():
            return type(told)(_in_utf8(value) for value in told)
        case _:
            return told


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HOME of this test alone, empty."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder
