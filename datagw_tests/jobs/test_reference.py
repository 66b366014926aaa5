"""The page on the job file says what the models say; what `datagw init` writes is right."""

from __future__ import annotations

import re
from pathlib import Path

from datagw import gateways
from datagw.gateways.base import Gateway
from datagw.jobs import check_secrets, load, template
from datagw.jobs.own_code import NodeTable, RunTable
from datagw.jobs.reference import current, main
from datagw.jobs.retrying import RetriesTable
from datagw.jobs.tables import CopyTable, JobTable, MainTable, SourceTable

PAGE = Path(__file__).resolve().parents[2] / "docs/job-file.md"


def test_the_page_is_current():
    page = PAGE.read_text(encoding="utf-8")
    assert current(page) == page, "python -m datagw.jobs.reference docs/job-file.md"


def test_the_page_has_every_key_with_its_meaning():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    keys = {key for key, _, _ in rows}
    models = [
        MainTable,
        JobTable,
        SourceTable,
        CopyTable,
        RetriesTable,
        RunTable,
        NodeTable,
        Gateway,
        *map(gateways.load, gateways.kinds()),
    ]
    assert {key for model in models for key in model.model_fields} <= keys
    assert [key for key, default, meaning in rows if not default or not meaning] == []


def test_the_page_is_brought_up_to_date_by_a_command(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- keys of retries -->\nold\n<!-- end -->\nb\n")
    main([str(page)])
    text = page.read_text()
    assert "old" not in text
    assert '| `backoff` | `"2s"` |' in text
    assert text.startswith("a\n<!-- keys of retries -->\n| key |")
    assert text.endswith("|\n<!-- end -->\nb\n")


def test_what_init_writes_is_right_and_has_a_job(tmp_path):
    (tmp_path / "jobs.toml").write_text(template())
    jobs = load(tmp_path / "jobs.toml", {})
    assert [str(problem) for problem in (*jobs.problems, *check_secrets(jobs))] == []
    (job,) = jobs.jobs.values()
    assert (job.name, job.when, job.dated, [copy.name for copy in job.to]) == ("readings", "daily", True, ["local"])


def test_what_init_writes_is_right_with_its_comments_taken_away(tmp_path):
    text = re.sub(r"^( *)# (?=[\w\[\"]+[\w. ]*[\]=\"])", r"\1", template(), flags=re.MULTILINE)
    text = text.replace("    institute", '    "institute')
    text = re.sub(r'^(\s*)# "institute', r'\1"institute', text, flags=re.MULTILINE)
    assert text.count("[gateways.institute]") == 1
    (tmp_path / "jobs.toml").write_text(text)
    jobs = load(tmp_path / "jobs.toml", {})
    assert [str(problem) for problem in jobs.problems] == []
    assert sorted(jobs.gateways) == ["institute", "local"]
    assert [copy.gateway for copy in jobs.jobs["readings"].to] == ["local", "institute"]
    assert jobs.jobs["readings"].delete_source
