"""The benchmarks run: a short turn of those that need nothing from the network."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.s3.ground import Bucket, sink
from benchmarks.side_by_side.loads import DAY, difference, small
from datagw_tests.conftest import require_server
from datagw_tests.servers import openssh

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_datagw_is_measured_from_its_start_to_its_receipts(tmp_path: Path):
    lacking = openssh.missing()
    if lacking is not None:
        require_server(*lacking)
    command = [sys.executable, "-m", "benchmarks", "sftp", "--rounds", "1", "--load", "small", "--only", "datagw"]
    ended = subprocess.run(
        [*command, "--json", str(tmp_path / "result.json"), "--folder", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (tmp_path / "result.json").exists(), ended.stdout + ended.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    rows = {row["name"]: row for row in result["loads"]["small"]["rows"]}
    assert rows["datagw"]["median"] > rows["datagw, less a run with nothing due"]["median"] > 0
    assert rows["datagw, an empty day"]["median"] > rows["datagw, nothing due"]["median"]
    assert [target["most"] for target in result["targets"]] == [2.5, 2.5]
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.slow
def test_datagw_is_measured_at_the_sink(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "s3", "--rounds", "1", "--load", "small", "--only", "datagw"]
    ended = subprocess.run(
        [*command, "--json", str(tmp_path / "result.json"), "--folder", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    rows = {row["name"]: row for row in result["loads"]["small"]["rows"]}
    assert rows["datagw"]["median"] > rows["datagw, less an empty day's run"]["median"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with sink(tmp_path / "ground") as ground:
        yield ground


def sinks_client(bucket: Bucket) -> Any:
    import botocore.session

    return botocore.session.Session().create_client(
        "s3", endpoint_url=bucket.url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )


def test_the_sink_tells_what_it_was_given(bucket: Bucket):
    client = sinks_client(bucket)
    for number in range(3):
        client.put_object(Bucket="bucket", Key=f"a/{number}", Body=b"content", Metadata={"mtime": "1.5"})
    client.put_object(Bucket="bucket", Key="b c/ü&", Body=b"")
    head = client.head_object(Bucket="bucket", Key="a/1")
    assert (head["ETag"].strip('"'), head["Metadata"]) == (hashlib.md5(b"content").hexdigest(), {"mtime": "1.5"})
    assert client.get_object(Bucket="bucket", Key="a/1")["Body"].read() == b"content"
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket", PaginationConfig={"PageSize": 2})
    assert [[one["Key"] for one in page["Contents"]] for page in pages] == [["a/0", "a/1"], ["a/2", "b c/ü&"]]
    folders = client.list_objects_v2(Bucket="bucket", Delimiter="/")
    assert [one["Prefix"] for one in folders["CommonPrefixes"]] == ["a/", "b c/"]
    client.delete_object(Bucket="bucket", Key="a/1")
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket="bucket", Key="a/1")


@pytest.mark.parametrize("closely", [False, True])
def test_the_sink_says_of_parts_how_large_they_are_and_what_they_hold_if_it_looks(bucket: Bucket, closely: bool):
    source = bucket.source / DAY / "f"
    source.parent.mkdir(parents=True)
    source.write_bytes(random.Random(0).randbytes(7 << 20))
    bucket.closely = closely
    bucket.fresh()
    client = sinks_client(bucket)
    named = {"Bucket": "bucket", "Key": f"{DAY}/f"}
    upload = client.create_multipart_upload(**named)["UploadId"]
    contents = [source.read_bytes()[: 5 << 20], bytes(2 << 20)]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(**named, UploadId=upload, PartNumber=number, Body=content)["ETag"],
        }
        for number, content in enumerate(contents, 1)
    ]
    done = client.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"')
    assert bucket.difference() == (f"1 files differ ['{DAY}/f']" if closely else None)


def test_a_difference_in_name_or_content_is_found(tmp_path: Path):
    for side in ("here", "there"):
        (tmp_path / side / "in").mkdir(parents=True)
        (tmp_path / side / "in" / "f").write_bytes(b"content")
    here, there = tmp_path / "here", tmp_path / "there"
    assert difference(here, there) is None
    (there / "in" / "f").write_bytes(b"Content")
    assert difference(here, there) == "1 files differ ['in/f']"
    (there / "in" / ".left.part").write_bytes(b"")
    assert difference(here, there) == "0 files missing [], 1 too many ['in/.left.part']"


def test_everybody_sends_the_same_bytes(tmp_path: Path):
    for side in ("one", "other"):
        small(most=1).make(tmp_path / side)
    assert difference(tmp_path / "one", tmp_path / "other") is None
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert (len(files), sum(path.stat().st_size for path in files)) == (2_000, small(most=1).bytes)
    assert len({path.parent for path in files}) == 20


@pytest.mark.slow
def test_days_are_measured_beside_a_body_that_only_logs(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "days", "--rounds", "1", "--days", "2", "4", "--files", "3"]
    ended = subprocess.run(
        [*command, "--json", str(tmp_path / "result.json"), "--folder", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert [(load["days"], load["files"]) for load in result["loads"]] == [(2, 2), (4, 2), (1, 3)]
    assert all(
        len(took) == 1 and took[0][0] > 0.1
        for load in result["loads"]
        for took in (load["bodies"][body] for body in ("bare", "run", "command"))
    )
    assert "cost of one more day" in ended.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.slow
def test_switches_are_measured_and_fit_their_targets(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "switches", "--jobs", "20", "--json", str(tmp_path / "result.json")]
    ended = subprocess.run(
        [*command, "--folder", str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False
    )
    results = json.loads((tmp_path / "result.json").read_text())
    assert [result["kind"] for result in results] == ["daily", "change", "new files"], ended.stderr
    assert all([requests for _, _, requests in result["rounds"]] == [20, 0] for result in results)
    assert all(clock < 30 for result in results for _, clock, _ in result["rounds"])
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
