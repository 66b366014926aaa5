"""One's own class as a job: what it finds, how it ends, and what is on record then."""

from __future__ import annotations

import logging
import sys
from datetime import date
from pathlib import Path

import pytest

from datagw_tests.pipelines.workshop import Workshop, errors_of

SWEEPERS = """
from datagw.pipelines import BasePipeline


class MyPipeline(BasePipeline):
    def pre_run(self):
        self.steps = ["pre_run"]

    def run(self):
        self.steps.append("run")
        self.log.info("foo is %s", self.config["foo"])
        path = self.tmp_dir / "file.txt"
        path.write_text(self.secrets["secret_value"][::-1])
        if self.file_has_changed("file.txt", size=path.stat().st_size):
            self.register_file(name="file.txt", file=path)

    def post_run(self):
        self.log.info("steps: %s, then post_run", self.steps)
"""
JOBS = """
[mypipeline]
backend = "mypackage.pipelines:MyPipeline"
[mypipeline.config]
foo = "bar"
[mypipeline.secrets]
secret_value = "SECRET_ENV_VAR"
"""


def a_class(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"from datagw.pipelines import BasePipeline\n\nclass Mine(BasePipeline):\n{lines}\n"


def test_sweepers_sample_runs_as_it_is_written(
    shop: Workshop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_ENV_VAR", "s3cr3t-value")
    shop.write(JOBS)
    (shop.folder / "mypackage").mkdir()
    (shop.folder / "mypackage" / "__init__.py").touch()
    (shop.folder / "mypackage" / "pipelines.py").write_text(SWEEPERS)
    with caplog.at_level(logging.INFO):
        assert shop.run("mypipeline").state == "published"
    assert "foo is bar" in caplog.messages
    assert "steps: ['pre_run', 'run'], then post_run" in caplog.messages
    assert [(one.name, one.size, one.error) for one in shop.report.registered] == [("file.txt", 12, None)]
    assert shop.run("mypipeline").state == "published"
    assert shop.report.registered == []
    assert [row.name for row in shop.ledger.registrations("mypipeline")] == ["file.txt"]
    assert shop.left() == []


def test_one_class_serves_several_jobs_each_with_its_own_settings(shop: Workshop) -> None:
    shop.write(
        '[one]\nbackend = "mine:Mine"\nconfig = { file = "a" }\n[two]\nbackend = "mine:Mine"\nconfig = { file = "b" }\n',
        mine=a_class("def run(self):\n    self.register_file(name=f\"{self.name} {self.config['file']}\", size=1)"),
    )
    assert [shop.run(name).state for name in ("one", "two")] == ["published", "published"]
    assert [(row.job, row.name) for row in shop.ledger.registrations()] == [("one", "one a"), ("two", "two b")]


def test_what_a_class_finds_is_there_before_its_own_init(shop: Workshop) -> None:
    body = """
def __init__(self):
    self.days = [self.day, self.payload["n"], self.run_id, list(self.tmp_dir.iterdir()), self.files]
def run(self):
    self.ledger.set_position(self.name, "seen", [str(one) for one in self.days])
"""
    shop.write('[work]\nbackend = "mine:Mine"\nwhen = "daily"\nstart = 2026-01-01\n', mine=a_class(body))
    assert shop.run(days=[date(2026, 1, 31)], payload={"n": 3}).state == "published"
    assert shop.ledger.position("work", "seen") == ["2026-01-31", "3", shop.run_id, "[]", "[]"]


def test_an_error_is_recorded_with_its_last_line_and_post_run_has_run(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    body = """
def run(self):
    (self.tmp_dir / "half").write_text("x")
    self.register_file(name="kept", size=0)
    int("twelve")
def post_run(self):
    self.register_file(name="after", size=len(list(self.tmp_dir.iterdir())))
"""
    shop.write('[work]\nbackend = "mine:Mine"\n', mine=a_class(body))
    with caplog.at_level(logging.INFO):
        result = shop.run()
    said = "ValueError: invalid literal for int() with base 10: 'twelve' (mine.py:7 in run)"
    assert (result.state, errors_of(result)) == ("failed", [f"work: {said}"])
    assert [row.error for row in shop.ledger.failures("work")] == [f"work: {said}"]
    assert [(row.state, row.error) for row in shop.ledger.runs("work")][-1][0] in ("failed", "partly")
    assert [(row.name, row.size) for row in shop.ledger.registrations("work")] == [("kept", 0), ("after", 1)]
    assert [(node.state, node.error) for node in shop.report.nodes] == [("failed", said)]
    traceback = next(text for text in caplog.messages if "Traceback" in text)
    assert 'mine.py", line 7, in run' in traceback
    assert "trying.py" not in traceback
    assert shop.left() == []


def test_an_error_in_post_run_fails_the_run_and_hides_no_earlier_one(shop: Workshop) -> None:
    shop.write(
        '[work]\nbackend = "mine:Mine"\n[first]\nbackend = "mine:Both"\n',
        mine=a_class("def run(self): pass\ndef post_run(self): 1 / 0")
        + "class Both(Mine):\n    def run(self): raise KeyError('first')\n",
    )
    assert "ZeroDivisionError" in errors_of(shop.run())[0]
    assert "KeyError: 'first'" in errors_of(shop.run("first"))[0]


def test_a_file_that_failed_fails_the_run_by_its_name_and_the_rest_is_kept(shop: Workshop) -> None:
    body = """
def run(self):
    for name in ["a", "b", "c", "d", "e"]:
        try:
            if name in "bcde":
                raise OSError(f"{name} is broken")
            self.register_file(name=name, size=1)
        except OSError as error:
            self.register_error(name=name, error=error)
    assert len(self.errors) == 4
"""
    shop.write('[work]\nbackend = "mine:Mine"\n', mine=a_class(body))
    result = shop.run()
    listed = "b: OSError: b is broken; c: OSError: c is broken; d: OSError: d is broken; and 1 more"
    assert (result.state, errors_of(result)) == ("failed", [f"work: 4 files failed: {listed}"])
    assert [one.name for one in shop.report.registered if one.error is None] == ["a"]
    assert shop.report.did_something


def test_an_outage_that_the_code_meets_is_tried_again_and_reported_once(shop: Workshop) -> None:
    body = """
def run(self):
    from datagw.errors import Unavailable
    tries = self.ledger.position(self.name, "tries", 0) + 1
    self.ledger.set_position(self.name, "tries", tries)
    if tries < 3:
        raise Unavailable("nobody answers")
"""
    retries = 'retries = { max = 3, backoff = "10ms", jitter = false }\n'
    shop.write(f'[work]\nbackend = "mine:Mine"\n{retries}', mine=a_class(body))
    assert shop.run().state == "published"
    assert shop.ledger.position("work", "tries") == 3
    assert [(node.name, node.state) for node in shop.report.nodes] == [("work", "done")]


def test_a_place_that_has_been_asked_often_enough_is_not_asked_from_the_start_again(shop: Workshop) -> None:
    body = """
def run(self):
    self.ledger.set_position(self.name, "calls", self.ledger.position(self.name, "calls", 0) + 1)
    path = self.tmp_dir / "a.txt"
    path.write_text("x")
    self.publish(path, "lost:a.txt")
"""
    job = '[work]\nbackend = "mine:Mine"\nretries = { max = 2, backoff = "10ms", jitter = false }\n'
    shop.write(f'{job}[gateways.lost]\ntype = "local"\nroot = "/nowhere"\n', mine=a_class(body))
    result = shop.run()
    assert (result.state, shop.ledger.position("work", "calls")) == ("failed", 1)
    assert "the gateway's root is not there" in errors_of(result)[0]


def test_ctrl_c_passes_and_nothing_is_left(shop: Workshop) -> None:
    body = """
def run(self):
    (self.tmp_dir / "half").write_text("x")
    raise KeyboardInterrupt
def post_run(self):
    self.register_file(name="after", size=0)
"""
    shop.write('[work]\nbackend = "mine:Mine"\n', mine=a_class(body))
    with pytest.raises(KeyboardInterrupt):
        shop.run()
    assert [run.state for run in shop.ledger.runs("work")] == ["cancelled"]
    assert [row.name for row in shop.ledger.registrations("work")] == ["after"]
    assert shop.left() == []


def test_a_wish_for_the_end_is_heard_by_progress(shop: Workshop) -> None:
    from datagw.errors import Aborted

    shop.write(
        '[work]\nbackend = "mine:Mine"\n',
        mine=a_class('def run(self):\n    for n in range(10**9):\n        self.progress(n, what="counting")'),
    )
    asked = iter([False] * 40)
    with pytest.raises(Aborted):
        shop.run(should_abort=lambda: next(asked, True))
    assert shop.left() == []


WRONG = [
    ("class Mine: pass", "mine:Mine is no pipeline: from datagw.pipelines import BasePipeline; class Mine(BasePipeline)"),
    (a_class("def pre_run(self): pass"), "mine:Mine has no method run: def run(self)"),
    ("Mine = 3", "mine:Mine is of type int; a function that takes `event` is wanted"),
    ("mine = 3", "mine.py has no Mine; did you mean mine?"),
    ("import nowhere_to_be_found\n", "it needs nowhere_to_be_found, which is neither in"),
    ("def f(:\n", "mine.py:1 is not Python"),
    ("1 / 0\n", "the module mine cannot be loaded: ZeroDivisionError: division by zero (mine.py:1 in <module>)"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "message"), WRONG)
def test_code_that_cannot_be_called_is_told_and_blames_no_file(module: str, message: str, shop: Workshop) -> None:
    shop.write('[work]\nbackend = "mine:Mine"\n', mine=module)
    result = shop.run()
    assert result.state == "failed"
    (error,) = errors_of(result)
    assert message in error
    assert not any(failure.final for failure in result.failures)
    assert shop.left() == []


def test_a_missing_secret_is_named_and_the_code_does_not_run(shop: Workshop) -> None:
    shop.write(
        '[work]\nbackend = "mine:Mine"\nsecrets = { one = "NOT_SET_1", two = "NOT_SET_2" }\n',
        mine=a_class('def run(self):\n    self.register_file(name="a", size=1)'),
    )
    (error,) = errors_of(shop.run())
    assert error.startswith("work: secrets.one: the environment variable NOT_SET_1 is not set; secrets.two: ")
    assert "NOT_SET_2" in error
    assert shop.ledger.registrations() == []


def test_an_installed_package_does_as_well(shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "installed_pipelines"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(a_class('def run(self):\n    self.register_file(name="a", size=1)'))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    shop.write('[work]\nbackend = "installed_pipelines:Mine"\n')
    assert shop.run().state == "published"
    assert "installed_pipelines" in sys.modules  # what is installed stays loaded, as ever
    monkeypatch.delitem(sys.modules, "installed_pipelines")


NEW = """
[work]
source = "local:{folder}/in/"
when = "new files"
settle = "0s"
backend = "mine:Mine"
retries = {{ max = 0 }}
"""


def test_new_files_come_one_by_one_so_that_one_that_fails_fails_alone(shop: Workshop) -> None:
    shop.write(
        NEW.format(folder=shop.folder),
        mine=a_class("""
def run(self):
    (path,) = self.files
    if "bad" in path.read_text():
        raise ValueError("bad")
    self.register_file(name=path.name, file=path)
"""),
    )
    (shop.folder / "in").mkdir()
    for name, text in {"a": "good", "b": "bad", "c": "good"}.items():
        (shop.folder / "in" / name).write_text(text)
    result = shop.run()
    assert (result.state, errors_of(result)) == ("failed", ["b: ValueError: bad (mine.py:7 in run)"])
    assert [one.name for one in shop.report.registered] == ["a", "c"]
    (shop.folder / "in" / "b").write_text("better")
    assert shop.run().state == "published"
    assert [one.name for one in shop.report.registered] == ["b"]


def test_a_class_may_ask_for_all_new_files_at_once_and_fail_some_of_them(shop: Workshop) -> None:
    body = """
per = "batch"
def run(self):
    for path in self.files:
        if path.name == "b":
            self.register_error(name=path.name, error="bad")
        else:
            self.register_file(name=path.name, file=path)
"""
    shop.write(NEW.format(folder=shop.folder), mine=a_class(body))
    (shop.folder / "in").mkdir()
    for name in "abc":
        (shop.folder / "in" / name).write_text(name)
    result = shop.run()
    assert (errors_of(result), result.copies["work"].files) == (["b: 1 file failed: b: bad"], 2)
    assert shop.report.nodes[0].tries == 1
