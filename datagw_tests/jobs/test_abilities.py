"""What places cannot do is known when the job file is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from datagw.jobs import load

BUCKET = '[gateways.lake]\ntype = "s3"\nbucket = "opendata"\nendpoint_url = "http://127.0.0.1:9000"\n[j]\n'


def problems(tmp_path: Path, keys: str) -> list[str]:
    (tmp_path / "jobs.toml").write_text(f"{BUCKET}{keys}\n", "utf-8")
    return [str(problem) for problem in load(tmp_path / "jobs.toml", {}).problems]


def test_a_copy_may_go_where_files_are_published_in_one_request(tmp_path):
    assert problems(tmp_path, 'source = "local:/a/"\nto = "lake:b/"\nwhen = "new files"\ndelete_source = true') == []


@pytest.mark.parametrize("key", ["move_source", "failed_source"])
def test_a_store_moves_by_copies_of_its_own(tmp_path, key):
    job = f'source = "lake:a/"\nto = "local:/b/"\nwhen = "new files"\n{key} = "lake:c/"'
    assert problems(tmp_path, job) == []


@pytest.mark.parametrize("key", ["move_source", "failed_source"])
def test_nothing_is_moved_where_there_is_neither_rename_nor_copy(tmp_path, key):
    site = '[gateways.site]\ntype = "http"\nurl = "https://example.org/"\n[j]\n'
    keys = f'source = "site:a.csv"\nto = "local:/b/"\nwhen = "change"\n{key} = "site:c/"'
    (tmp_path / "jobs.toml").write_text(f"{site}{keys}\n", "utf-8")
    found = [str(problem) for problem in load(tmp_path / "jobs.toml", {}).problems]
    assert [text for text in found if f"{key}: a gateway of type http is only read: nothing is moved there" in text]
