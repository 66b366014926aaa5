"""`datagw demo mirror`: the whole story with real servers; what it refuses; and that it does not believe itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datagw.cli import mirrored
from datagw.demo.mirror import COPIES, Copy, exchange_rates
from datagw.demo.running import DemoFailed, Ended
from datagw_tests.cli.test_dev import processes_with
from datagw_tests.servers.built import program

PROJECT = Path(__file__).resolve().parents[2]


def demo(folder: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, away from the tree, with `folder` for what is temporary."""
    return subprocess.run(
        [sys.executable, "-m", "datagw", "demo", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "DATAGW_JOBS": "/nowhere/jobs.toml", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_three_are_updated_once_and_nothing_is_left(tmp_path: Path):
    servers, temporary = tmp_path / "servers", tmp_path / "temporary"
    for folder in (servers, temporary):
        folder.mkdir()
    for name, one in (("udata", program("python", "udata")), ("rclone", program("rclone", "rclone"))):
        (servers / name).symlink_to(Path(one).parents[1])
    nowhere = "http://127.0.0.1:9"
    elsewhere = {"AWS_ENDPOINT_URL": nowhere, "AWS_PROFILE": "nobody", "HTTP_PROXY": nowhere, "NO_PROXY": ""}
    done = demo(temporary, "mirror", "--servers", servers, **elsewhere)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.count("✓") == 9
    assert "S3           http://127.0.0.1:" in done.stdout
    assert ": rclone\n" in done.stdout
    assert 'to     = ["institute:rates/", "lake:rates/", "gouv:rates.csv"]' in done.stdout
    assert "so far 2 runs, 2 receipts of each copy, 2 uploads" in done.stdout
    assert list(temporary.iterdir()) == []
    assert processes_with(f"{temporary}/datagw-demo-") == set()


def test_another_job_than_those_it_has_is_refused(tmp_path: Path):
    done = demo(tmp_path, "miror")
    assert done.returncode == 2
    assert "'readings', 'mirror'" in done.stderr


@pytest.mark.parametrize(("there", "missing"), [([], "no S3 store"), (["minio"], "no udata")])
def test_what_is_not_installed_is_told_before_anything_is_started(tmp_path: Path, there: list[str], missing: str):
    servers, temporary = tmp_path / "servers", tmp_path / "temporary"
    for folder in (servers, temporary):
        folder.mkdir()
    for name in there:
        (servers / name).touch()
    done = demo(temporary, "mirror", "--servers", servers)
    assert done.returncode == 1
    assert f"{missing} in {servers}" in done.stderr
    assert "make demo JOB=mirror" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(temporary.iterdir()) == []


def test_make_installs_what_the_mirror_needs_and_nothing_for_the_week():
    def told(*words: str) -> str:
        return subprocess.run(
            ["make", "-n", "demo", *words], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout

    assert ".ci/mirror" in told("JOB=mirror")
    assert "datagw demo mirror --once --keep" in " ".join(told("JOB=mirror", "ONCE=1", "ARGS=--keep").split())
    assert ".ci/mirror" not in told()


def bring(tree: Path, servers: str) -> subprocess.CompletedProcess[str]:
    """`.ci/mirror` in a tree of its own, whose `.ci/servers` does what is said."""
    (tree / ".ci").mkdir(exist_ok=True)
    (tree / ".ci" / "mirror").write_bytes((PROJECT / ".ci" / "mirror").read_bytes())
    script = tree / ".ci" / "servers"
    script.write_text(f"#!/bin/sh\n{servers}\n")
    script.chmod(0o755)
    return subprocess.run(["bash", tree / ".ci" / "mirror"], capture_output=True, text=True, check=False)


def test_what_is_missing_is_installed_and_told_of_once(tmp_path: Path):
    made = "for one in $1/bin/python $1/bin/rclone; do mkdir -p .servers/$1/bin; cp /bin/true .servers/$one; done"
    first, again = bring(tmp_path, made), bring(tmp_path, "exit 1")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert [line.split(",")[0] for line in first.stdout.splitlines()] == ["installing udata", "installing rclone"]
    assert (again.stdout, again.stderr) == ("", "")


def test_a_store_that_has_been_built_is_enough(tmp_path: Path):
    (tmp_path / ".servers" / "udata" / "bin").mkdir(parents=True)
    for name in ("udata/bin/python", "versitygw"):
        (tmp_path / ".servers" / name).symlink_to("/bin/true")
    assert bring(tmp_path, "exit 1").returncode == 0


def test_an_installation_that_fails_ends_the_demo_with_its_reason(tmp_path: Path):
    ended = bring(tmp_path, "echo 'no route to pypi.org' >&2; exit 1")
    assert ended.returncode == 1
    assert "no route to pypi.org\n" in ended.stderr
    assert "udata could not be installed" in ended.stderr


# ---- a proof that fails

CONTENT = exchange_rates(3)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FakeMirror:
    """A place where all is well, unless the test changes it."""

    def __init__(self) -> None:
        self.found = [Copy(name, CONTENT, 1, "hash", SHA256, f"place of {name}") for name in COPIES]
        self.runs = self.sent = 1
        checksum = hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()
        self.page: dict[str, Any] = {"checksum": {"value": checksum}, "filesize": len(CONTENT)}
        self.udata = self

    def copies(self) -> list[Copy]:
        return self.found

    def history(self) -> tuple[int, list[dict[str, Any]]]:
        return self.runs, []

    def uploads(self) -> int:
        return self.sent

    def resource(self) -> dict[str, Any]:
        return self.page


def proven(place: FakeMirror) -> None:
    mirrored._proven(place, CONTENT, times=1)  # type: ignore[arg-type]


def test_a_place_where_all_is_well_is_proven(capsys: pytest.CaptureFixture[str]):
    proven(FakeMirror())
    assert capsys.readouterr().out.count(SHA256[:12]) == 3


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"content": CONTENT + b"\n"}, "place of lake is not what the ministry's server has"),
        ({"sha256": "0" * 64}, "the receipt of lake has another SHA-256"),
        ({"verified": "size"}, "lake is only verified by size"),
        ({"receipts": 2}, "lake should have 1 receipts by now, not 2"),
    ],
)
def test_a_copy_that_is_not_right_ends_the_demo(wrong: dict[str, Any], reason: str):
    place = FakeMirror()
    given = {name: getattr(place.found[1], name) for name in Copy.__slots__}
    place.found[1] = Copy(**{**given, **wrong})
    with pytest.raises(DemoFailed, match=reason):
        proven(place)


def test_a_run_an_upload_or_a_page_that_is_not_right_ends_the_demo():
    place = FakeMirror()
    place.runs = 2
    with pytest.raises(DemoFailed, match="1 runs by now, not 2"):
        proven(place)
    place = FakeMirror()
    place.sent = 2
    with pytest.raises(DemoFailed, match="sent 1 files by now, not 2"):
        proven(place)
    place = FakeMirror()
    place.page["filesize"] += 1
    with pytest.raises(DemoFailed, match="another checksum or size"):
        proven(place)


def test_another_resource_or_title_ends_the_demo():
    before = {"id": "1", "title": "rates.csv"}
    with pytest.raises(DemoFailed, match="another one: 2"):
        mirrored._kept(before, {"id": "2", "title": mirrored._TITLE})
    with pytest.raises(DemoFailed, match=r"is “rates\.csv”"):
        mirrored._kept(before, {"id": "1", "title": "rates.csv"})


def test_a_run_that_did_not_send_each_copy_once_ends_the_demo():
    def ended(code: int, runs: int, sent: dict[str, int]) -> Ended:
        copies = [{"copy": name, "sent_files": files} for name, files in sent.items()]
        return Ended(code, {"runs": ["run"] * runs, "days": [{"copies": copies}]}, "log", 1.0)

    once = dict.fromkeys(COPIES, 1)
    mirrored._published(ended(0, 1, once), COPIES)
    for wrong, reason in (
        (ended(3, 1, once), "ended with 3"),
        (ended(0, 2, once), "one run, not 2"),
        (ended(0, 1, {**once, "gouv": 2}), "'gouv': 2"),
        (ended(0, 1, {"lake": 1}), "each copy should have been sent once"),
    ):
        with pytest.raises(DemoFailed, match=reason):
            mirrored._published(wrong, COPIES)
