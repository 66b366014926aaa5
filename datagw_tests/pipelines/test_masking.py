"""Secrets in the hands of own code are nowhere to be read afterwards."""

from __future__ import annotations

import base64
import io
import json
import logging
import pprint
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.gateways.secrets import Secret
from datagw.pipelines.secrets import STARS, Masker, Secrets, masked_logger
from datagw_tests.pipelines.workshop import Workshop, errors_of

SECRET = "pa ss/w\"ö'r%d&\\n"


@given(st.text(min_size=1), st.text(), st.text())
def test_no_text_around_a_secret_lets_it_through(secret: str, before: str, after: str) -> None:
    masked = Masker([secret])(f"{before}{secret}{after}")
    assert secret not in masked or secret in STARS or secret in f"{before[-20:]}{STARS}{after[:20]}" * 2


@pytest.mark.parametrize(
    "shape",
    [str, repr, quote, lambda s: quote(s, safe=""), json.dumps, lambda s: base64.b64encode(s.encode()).decode()],
)
def test_a_secret_is_known_in_other_shapes(shape: object) -> None:
    text = f"GET /?k={shape(SECRET)} failed"  # type: ignore[operator]
    masked = Masker([SECRET])(text)
    assert STARS in masked
    assert "w" not in masked.replace("GET", "").replace("failed", "")


def test_a_key_of_several_lines_is_hidden_line_by_line() -> None:
    mask = Masker(["-----BEGIN KEY-----\nabcdefghijkl\nmn\n"])
    assert mask("line: abcdefghijkl, mn") == f"line: {STARS}, mn"


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert Masker(["abc", "abcdef"])("abcdef abc") == f"{STARS} {STARS}"


def test_values_in_json_are_masked_in_every_place() -> None:
    mask = Masker(["1234", "name"])
    assert mask.json({"name": ["x1234", 1234, 12340.5, True, None, {"a": 5}]}) == {
        STARS: [f"x{STARS}", STARS, STARS, True, None, {"a": 5}]
    }


def test_the_mapping_gives_plain_texts_and_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", SECRET)
    secrets = Secrets.resolved({"one": Secret(env="ONE")})
    assert (secrets["one"], dict(secrets)) == (SECRET, {"one": SECRET})
    assert [SECRET in shown for shown in (repr(secrets), str(secrets), f"{secrets}", pprint.pformat(secrets))] == [
        False, False, False, False,
    ]  # fmt: skip
    with pytest.raises(KeyError, match="there is no secret 'two' in the job file; there are: one"):
        secrets["two"]


def test_a_log_line_has_none_whatever_it_is_made_of() -> None:
    out = io.StringIO()
    target = logging.Logger("target", logging.DEBUG)  # noqa: LOG001
    target.addHandler(logging.StreamHandler(out))
    log = masked_logger(target, "mine", Masker([SECRET]))
    log.info("%s and %r", SECRET, {"a": SECRET})
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("it said %s", SECRET)
    log.warning("%d bytes", "a text", "too many")  # noqa: PLE1205 - a mistake of whoever wrote it is no secret
    assert SECRET not in out.getvalue()
    assert repr(SECRET)[1:-1] not in out.getvalue()
    assert "ValueError" in out.getvalue()


LEAKS = """
import logging, sys
from datagw.pipelines import BasePipeline

def leak(secret):
    logging.getLogger("some.library").warning("connecting with %s", secret)
    logging.getLogger("datagw.something").error("and %s", secret)
    print("printed", secret)
    print("printed", secret, file=sys.stderr)

class Mine(BasePipeline):
    def run(self):
        secret = self.secrets["key"]
        leak(secret)
        self.log.info("%s", secret)
        self.register_file(name=f"a {secret}", etag=secret, modified=secret)
        self.register_error(name=f"b {secret}", error=f"c {secret}")
        raise RuntimeError(f"d {secret} {self.secrets}")

def function(event, tools):
    secret = tools.secrets["key"]
    leak(secret)
    if event["payload"]["fail"]:
        raise RuntimeError(f"d {secret}")
    return {"hidden": secret, "number": 5}

def each(event, tools):
    raise RuntimeError(f"{event['hidden']} {tools.secrets['key']}")

def many(event, tools):
    yield {"hidden": tools.secrets["key"]}
    yield {"hidden": "nothing"}
"""
JOBS = """
[class]
backend = "mine:Mine"
secrets = { key = "KEY" }
[function]
backend = "mine:function"
secrets = { key = "KEY" }
[graph]
secrets = { key = "KEY" }
nodes.many = { run = "mine:many" }
nodes.each = { run = "mine:each", after = "many", each = true }
"""


@pytest.mark.parametrize("job", ["class", "function", "graph"])
def test_no_secret_is_left_anywhere(
    job: str,
    shop: Workshop,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    secret = "Zk9-very/secret+value"
    monkeypatch.setenv("KEY", secret)
    shop.write(JOBS, mine=LEAKS)
    with caplog.at_level(logging.DEBUG):
        results = [shop.run(job, payload={"fail": fail}) for fail in (True, False)]
    out, err = capsys.readouterr()
    shop.ledger.close()
    said = [out, err, caplog.text, *map(repr, caplog.records), repr(results), repr(shop.report)]
    said += [text for result in results for text in errors_of(result)]
    said += [str(record.exc_info) + str(record.args) + str(record.msg) for record in caplog.records]
    said += [path.read_bytes().decode("latin-1") for path in (shop.folder / "state").rglob("*") if path.is_file()]
    for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
        assert [text for text in said if form in text] == []
    assert STARS in caplog.text + out


def test_what_a_function_returned_reaches_the_next_one_whole_though_it_is_not_kept(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "Zk9-very-secret")
    module = """
def first(event, tools): return {"hidden": tools.secrets["key"]}
def second(event, tools): assert event["hidden"] == "Zk9-very-secret"
"""
    shop.write(
        '[work]\nsecrets = { key = "KEY" }\n'
        'nodes.first = { run = "mine:first" }\nnodes.second = { run = "mine:second", after = "first" }\n',
        mine=module,
    )
    assert shop.run().state == "published"
    assert [node.output for node in shop.report.nodes] == [{"hidden": STARS}, None]


def test_no_way_to_end_a_function_tells_a_secret(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "Zk9-very-secret")
    shop.write(
        '[work]\nbackend = "mine:f"\nsecrets = { key = "KEY" }\n',
        mine="import asyncio\ndef f(event, tools): raise asyncio.CancelledError(tools.secrets['key'])\n",
    )
    (error,) = errors_of(shop.run())
    assert f"CancelledError: {STARS}" in error
    assert [run.state for run in shop.ledger.runs("work")] == ["failed"]
