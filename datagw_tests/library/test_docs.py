"""The blocks of docs/library.md, as they stand there: they run against an OpenSSH server, and are type-checked."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from datagw import Result, Sftp
from datagw_tests.library.conftest import tree, write

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGE = (PROJECT / "docs" / "library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SERVER = re.compile(
    r'host="sftp\.example\.org",\s*username="station7",\s*private_key="~/\.ssh/id_ed25519",\s*root="/upload",'
)
STOCK = b"stock" * 1000


class Basic(BaseHTTPRequestHandler):
    """One file, for whoever says the password; with an ETag."""

    gets: list[str] = []
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        wanted = "Basic " + base64.b64encode(b"user:secret").decode()
        known = self.path == "/files/stock.zip" and self.headers["Authorization"] == wanted
        self.send_response(200 if known else 401)
        body = STOCK if known else b""
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.end_headers()
        if self.command == "GET":
            self.gets.append(self.path)
            self.wfile.write(body)

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def stock() -> Iterator[str]:
    """The address of a server with one file."""
    Basic.gets.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Basic)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


class Run:
    """Runs blocks in a folder of their own, with the places of the test in place of those of the page."""

    def __init__(self, here: Path, institute: Sftp) -> None:
        self.here = here
        self.fields = institute.model_dump(exclude_unset=True)
        for day in ("20260201", "20260202", "20260203"):
            write(here / "readings" / day / "a.csv", day)
            write(here / "readings" / day / "sub" / "b.csv", f"{day} b")

    def block(self, word: str, **replaced: str) -> dict[str, Any]:
        """The names that the block with this word in it leaves."""
        (text,) = [block for block in BLOCKS if word in block]
        text = SERVER.sub("**fields,", text).replace("/data/", f"{self.here}/")
        for old, new in replaced.items():
            text = text.replace({"stock": "https://stock.example.org"}[old], new)
        names: dict[str, Any] = {"fields": self.fields}
        exec(compile(text, "docs/library.md", "exec"), names)
        return names


@pytest.fixture
def run(tmp_path: Path, institute: Sftp, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path, institute)


def test_the_first_lines_publish_days_once(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.block("print(result.state, result.files,")
    assert capsys.readouterr().out == "done 6 files 54 bytes\n"
    assert tree(folder / "readings/20260202") == {"a.csv": "20260202", "sub/b.csv": "20260202 b"}
    run.block("print(result.state, result.files,")
    assert capsys.readouterr().out == "done 0 files 0 bytes\n"


def test_a_plan_and_all_that_a_result_tells(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result: Result = run.block("changes nothing")["result"]
    said = capsys.readouterr().out
    assert "2026-02-01 due ['not there yet', 'not there yet']" in said
    assert "2026-02-03 published 2 freed ['hash']" in said
    assert (len(result.receipts), tree(run.here / "readings")) == (6, {})


def test_a_gateway_alone(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.block("calibrated")
    assert capsys.readouterr().out == "today.txt 11 b'calibrated\\n'\n"
    assert tree(folder) == {"notes/today.txt": "calibrated\n"}


def test_circadians_folders(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(run.here / "readings" / "1234567890.bin" / "x", "no day")
    (run.here / "readings" / "20260203" / ".do-not-touch").touch()
    result: Result = run.block('"/data/readings/",')["result"]
    assert result
    assert [day.day.isoformat() for day in result.days] == ["2026-02-01", "2026-02-02"]
    assert set(tree(folder)) == {f"readings/2026020{n}/{name}" for n in (1, 2) for name in ("a.csv", "sub/b.csv")}
    assert {path.name for path in (run.here / "readings").iterdir()} == {"1234567890.bin", "20260203"}


def test_circadians_files(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("20260201-.txt", "20260201-.csv", "20260202-.csv", "20260231-.csv", "1234567890.bin"):
        write(run.here / "spectra" / name, name)
    result: Result = run.block('"/data/spectra/",')["result"]
    assert (result.state, result.files) == ("done", 3)
    assert set(tree(folder / "spectra")) == {"20260201-.txt", "20260201-.csv", "20260202-.csv"}
    assert set(tree(run.here / "spectra")) == {"20260231-.csv", "1234567890.bin"}
    assert capsys.readouterr().out.endswith("3 of 3 files\n")


def test_sweepers_gateways(run: Run, folder: Path, stock: str) -> None:
    result: Result = run.block("stock.example.org", stock=stock)["result"]
    names = [path for path in tree(folder) if re.fullmatch(r"(\d{4}-\d\d-\d\d-)?stock\.zip", path)]
    assert (result.files, len(names), len(tree(folder))) == (2, 2, 2)
    assert (folder / "stock.zip").read_bytes() == STOCK
    assert {receipt.sha256 for receipt in result.receipts} == {hashlib.sha256(STOCK).hexdigest()}
    again: Result = run.block("stock.example.org", stock=stock)["result"]
    assert (bool(again), again.files, Basic.gets) == (True, 0, ["/files/stock.zip"])


def test_every_block_is_typed(tmp_path: Path) -> None:
    pyright = Path(sys.executable).with_name("pyright")
    if not pyright.exists():
        pytest.skip("pyright is not installed: make setup")
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"block{number}.py").write_text(f"# pyright: strict\n{block}")
    (tmp_path / "wrong.py").write_text('from datagw import publish\npublish("a/", "b/", delete_sorce=True)\n')
    command = [pyright, "--pythonpath", sys.executable, str(tmp_path)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=170, check=False)
    errors = [line.strip() for line in ended.stdout.splitlines() if " error: " in line]
    assert [line for line in errors if "wrong.py" not in line] == []
    assert any("delete_sorce" in line for line in errors), ended.stdout
