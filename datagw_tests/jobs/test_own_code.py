"""Jobs of own code: what they mean, and every mistake that can be made in them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from datagw.jobs import JobFile, load
from datagw.jobs.words import OCCASION, WORK


def loaded(tmp_path, text: str) -> JobFile:
    (tmp_path / "jobs.toml").write_text(f'[gateways.lake]\ntype = "memory"\n{text}', encoding="utf-8")
    return load(tmp_path / "jobs.toml", {})


def test_a_class_with_settings_and_secrets_is_a_job_that_watches_nothing(tmp_path):
    text = '[j]\nbackend = "pack.age:Pipe"\n[j.config]\nfoo = "bar"\n[j.secrets]\na = "NAME"\nb = { file = "f" }\n'
    job = loaded(tmp_path, text).jobs["j"]
    assert (job.watches, job.dated, job.source.gateway, job.gateways) == (False, False, OCCASION, frozenset())
    assert [(copy.name, copy.gateway, copy.if_gone) for copy in job.to] == [("work", WORK, "leave")]
    assert (job.work.backend, job.work.config) == ("pack.age:Pipe", {"foo": "bar"})
    assert job.work.secrets["a"].env == "NAME"
    assert job.work.secrets["b"].file == str(tmp_path / "f")


def test_a_daily_job_without_a_source_has_days_from_its_start(tmp_path):
    job = loaded(tmp_path, '[j]\nbackend = "m:f"\nwhen = "daily"\nstart = 2026-11-01\n').jobs["j"]
    assert job.dated
    assert job.start == date(2026, 11, 1)
    assert job.marker is None


def test_nodes_stand_in_an_order_that_works(tmp_path):
    text = (
        '[j]\n[j.nodes.last]\nrun = "m:c"\nafter = ["first", "second"]\n[j.nodes.second]\nrun = "m:b"\nafter = "first"\n'
        'each = true\ntimeout = "10m"\nretries = { max = 2 }\n[j.nodes.first]\nrun = "m:a"\npayload = { n = 1 }\n'
    )
    nodes = loaded(tmp_path, text).jobs["j"].work.nodes
    assert [node.name for node in nodes] == ["first", "second", "last"]
    assert nodes[1].each
    assert nodes[1].timeout == timedelta(minutes=10)
    assert [node.retries.max for node in nodes] == [0, 2, 0]
    assert nodes[0].payload == {"n": 1}


def test_a_command_with_copies_publishes_what_it_leaves(tmp_path):
    text = '[j]\nsource = "local:in/*"\nwhen = "new files"\nrun = ["sh", "{file}", "{out}"]\nto = "lake:done/"\n'
    job = loaded(tmp_path, text).jobs["j"]
    assert [copy.name for copy in job.to] == ["work"]
    assert [copy.name for copy in job.work.outputs] == [copy.name for copy in job.published] == ["lake"]
    assert (job.work.command.arguments, job.work.command.per) == (("sh", "{file}", "{out}"), "file")
    assert job.gateways == {"local", "lake"}


def test_what_own_code_has_taken_may_be_moved(tmp_path):
    text = '[j]\nsource = "local:in/*"\nwhen = "new files"\nrun = ["true"]\nmove_source = "local:done/"\n'
    assert loaded(tmp_path, text).jobs["j"].move_source is not None


MISTAKES = [
    ('backend = "a.b.C"', 'backend: Python code is named "module:name"; not "a.b.C"; did you mean "a.b:C"?'),
    ('backend = "m:f"\nrun = ["true"]', "run: a job has one kind of own code, and this one has backend"),
    ('backend = "m:f"\nto = "lake:x/"', "to: Python code publishes by itself"),
    ('backend = "m:f"\nwhen = "new files"', 'when: "new files" needs a source'),
    ('backend = "m:f"\nwhen = "change"', 'when: "change" needs a source, or jobs whose news it waits for'),
    ('backend = "m:f"\nwhen = "daily"', "start: is required"),
    ('backend = "m:f"\nsettle = "1s"', "settle: is for jobs with a source"),
    ('backend = "m:f"\nafter = ["nobody"]', "after: there is no job nobody"),
    ('backend = "m:f"\nafter = ["j"]', "after: these jobs wait for each other: j → j"),
    ('backend = "m:f"\nsource = "lake:x/"\ndelete_source = true', "delete_source: own code proves nothing"),
    ('run = "sort a b"', 'run: no shell takes it apart: write a list, ["sort", "a", "b"]'),
    ('run = ["sort", "{fiel}"]', "run.command: `{fiel}` is not known"),
    ('run = ["sort", "{file}"]', "run.command: {file} is for jobs with a source"),
    ('run = ["sort", "{"]', "run.command: `{` is not known"),
    ('run = ["sort", "{day:%Y}"]', "run.command: the job has no days to fill into it"),
    ('run = { command = ["a"], image = "b" }', "run.image: not in this version"),
    ('run = { command = ["a"], timeout = "0s" }', "run.timeout: is more than 0"),
    ('run = { command = ["a"], env = { "a-b" = "c" } }', 'run.env: "a-b" is no name of a variable'),
    ('run = ["a"]\nconfig = { b = 1 }', "config: is for Python code; a command has `env`"),
    ('run = ["a"]\nto = "lake:x/"', "to: the command leaves nothing to publish"),
    ('run = ["a", "{out}"]', "run.command: what is left in {out} is published, but there is no `to`"),
    (
        'source = "lake:x/"\nrun = { command = ["a", "{file}"], per = "batch" }',
        "{file} is one file; a batch has {files}",
    ),
    ('source = "lake:x/"\nrun = ["a", "{files}"]', "run.command: {files} are those of a batch"),
    ('nodes = { a = { run = "m:f", after = ["b"] } }', "nodes.a.after: there is no node b"),
    ('nodes = { a = { run = "m:f", after = ["b"] }, b = { run = "m:f", after = ["a"] } }', "nodes: these nodes wait"),
    ('nodes = { a = { run = "m:f", each = true } }', "nodes.a.each: takes its items from one node"),
    ('nodes = { work = { run = "m:f" } }', "nodes.work: no node is called so"),
    ('nodes = { a-b = { run = "m:f" }, a_b = { run = "m:f" } }', "nodes.a_b: is too like a-b"),
    ('backend = "m:f"\nsecrets = { a = "b c" }', "secrets: a: the name of an environment variable"),
]


@pytest.mark.parametrize(("keys", "told"), MISTAKES)
def test_a_mistake_in_own_code_is_told_where_it_stands(tmp_path, keys, told):
    file = loaded(tmp_path, f"[j]\n{keys}\n")
    assert any(told in str(problem) for problem in file.problems), [str(problem) for problem in file.problems]
    assert "j" in file.broken
