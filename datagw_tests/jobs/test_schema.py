"""The schema for editors is current; what `load` finds right, it finds right; and of what is wrong, the common part."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagw import gateways
from datagw.gateways.base import Gateway
from datagw.gateways.front.amounts import rate
from datagw.jobs import load, template
from datagw.jobs.forms import FORMS as FORMS_OF
from datagw.jobs.quantities import duration, octal, size
from datagw.jobs.schema import main, schema, text
from datagw.jobs.tables import JobTable
from datagw_tests.jobs.test_loading import EXAMPLE
from datagw_tests.jobs.test_mistakes import HEAD

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "docs/jobs.schema.json"
TOML = re.compile(r"^( *)```toml[^\n]*\n(?P<text>.*?)^\1```", re.MULTILINE | re.DOTALL)
RIGHT = Draft202012Validator(schema())


def plain(value: Any) -> Any:
    """What an editor sees: a date is a text to it."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def wrong(job_file: str) -> list[str]:
    """The paths of what the schema finds wrong, below the first of several forms too."""
    found: list[str] = []
    for error in RIGHT.iter_errors(plain(tomllib.loads(job_file))):
        found.append(f"{error.json_path}: {error.message[:200]}")
    return sorted(found)


def texts() -> Iterator[tuple[str, str]]:
    """Everything in the project that may be a job file, with the place where it stands."""
    for path in sorted((PROJECT / "examples").rglob("*.toml")):
        yield str(path.relative_to(PROJECT)), path.read_text(encoding="utf-8")
    for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]:
        for number, block in enumerate(TOML.finditer(path.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(PROJECT)}:{number}", block["text"]
    for path in sorted((PROJECT / "datagw_tests").rglob("*.py")):
        code = path.read_text(encoding="utf-8")
        if "source =" not in code and "[gateways." not in code:
            continue
        for node in ast.walk(ast.parse(code)):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.search(r"^\[", node.value, re.MULTILINE)
            ):
                yield f"{path.relative_to(PROJECT)}:{node.lineno}", node.value


def test_the_file_is_current():
    assert FILE.read_text(encoding="utf-8") == text(), "python -m datagw.jobs.schema docs/jobs.schema.json"


def test_the_file_is_brought_up_to_date_by_a_command(tmp_path: Path):
    main([str(tmp_path / "x.json")])
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == schema()


def test_it_is_a_schema():
    Draft202012Validator.check_schema(schema())


def test_it_has_every_key_of_a_job_and_of_each_type_of_gateway_with_what_it_means():
    tables = schema()["$defs"]
    assert list(tables["job"]["properties"]) == list(JobTable.model_fields)
    for kind in gateways.kinds():
        properties = tables[f"gateway_{kind}"]["properties"]
        assert {*properties} == {"type", *gateways.load(kind).model_fields} >= {*Gateway.model_fields}
        assert [key for key, form in properties.items() if not form.get("description")] == []
    assert [key for key, form in tables["job"]["properties"].items() if not form.get("description")] == []


def test_what_load_finds_right_the_schema_finds_right(tmp_path: Path):
    place, checked, refused = tmp_path / "jobs.toml", 0, dict[str, list[str]]()
    for name, job_file in texts():
        place.write_text(job_file, encoding="utf-8")
        try:
            if load(place, {}).problems or not tomllib.loads(job_file):
                continue
        except tomllib.TOMLDecodeError:  # a text that only looks like a job file, or one that is mended as it is read
            continue
        checked += 1
        if found := wrong(job_file):
            refused[name] = found
    assert refused == {}
    assert checked > 60


@pytest.mark.parametrize("job_file", [template(), EXAMPLE], ids=["init", "spec"])
def test_what_init_writes_and_the_example_of_the_spec_are_right(job_file: str):
    assert wrong(job_file) == []


FORMS = """\
[main]
keep = "90d"
[defaults]
when = "${WHEN:daily}"
retries = { max = 3, backoff = "500ms", cap = "1h30m", jitter = false }
[gateways.web]
type = "http"
url = "https://data.example.org"
password = { file = "/run/secrets/web" }
username = "u"
timeout = "30s"
bandwidth = "2MB/s"
headers = { Accept = "text/csv", X-Api-Key = { env = "KEY" } }
[gateways.here]
type = "local"
root = "/data"
mode = "0640"
connections = "${CONNECTIONS:4}"
timeout = 12.5
[long]
source = { at = "local:in/%Y%m%d/", exclude = "*.tmp", min_size = "1kB", max_size = 2000000 }
to = [{ at = "here:out/%Y%m%d/", name = "first", mode = "0600", marker = false }, "here:again/%Y%m%d/"]
start = 2026-01-31
bandwidth = 500000
owners = "team:data"
delete_source = "${DELETE:false}"
[short]
source = "local:in/*.csv"
to = "here:out/"
when = "*/10 6-20 * * mon-fri"
[program]
source = "local:in/*.csv"
when = "new files"
run = ["./load.sh", "{file}"]
batch = { files = 10, bytes = "1GiB", wait = "1m" }
[code]
backend = "mine:report"
after = "short"
when = "@hourly"
[code.secrets]
token = "TOKEN"
other = { file = "/run/secrets/other" }
[code.config]
anything = { at = [1, "b", 2026-01-01] }
[addresses]
source = { urls = ["https://a.example.org/x.zip"] }
to = "here:x/"
when = "manual"
"""


def test_each_form_that_a_value_may_have_is_right(tmp_path: Path):
    (tmp_path / "jobs.toml").write_text(FORMS, encoding="utf-8")
    assert [str(problem) for problem in load(tmp_path / "jobs.toml", {}).problems] == []
    assert wrong(FORMS) == []


@pytest.mark.parametrize(
    ("mistake", "where"),
    [
        ('[j]\nsource = "local:a/"\ngrase = "1h"', "$.j: "),
        ('[j]\nsource = "local:a/"\nwhen = 5', "$.j.when: "),
        ('[j]\nsource = "local:a/"\nwhen = "dayly"', "$.j.when: "),
        ('[j]\nsource = "local:a/"\nwhen = "15 2 * *"', "$.j.when: "),
        ('[j]\nsource = "/data/a"', "$.j.source: "),
        ('[j]\nsource = { exclude = "*.tmp" }', "$.j.source: "),
        ('[j]\nsource = { at = "local:a/", exlude = "*.tmp" }', "$.j.source: "),
        ('[j]\nsource = "local:a/"\nto = [{ at = "local:b/", overwrit = true }]', "$.j.to: "),
        ('[j]\nsource = "local:a/"\nevery = 10', "$.j.every: "),
        ('[j]\nsource = "local:a/"\ngrace = "10"', "$.j.grace: "),
        ('[j]\nsource = "local:a/"\nbandwidth = "2MB"', "$.j.bandwidth: "),
        ('[j]\nsource = "local:a/"\ndelete_source = "yes"', "$.j.delete_source: "),
        ('[j]\nsource = "local:a/"\nstart = "today"', "$.j.start: "),
        ('[j]\nsource = "local:a/"\nverify = "hash"', "$.j.verify: "),
        ('[j]\nsource = "local:a/"\nretries = { tries = 3 }', "$.j.retries: "),
        ('[j]\nsource = "local:a/"\nrun = "./load.sh {file}"', "$.j.run: "),
        ('[j]\nbackend = "mine.report"', "$.j.backend: "),
        ('[j]\nbackend = "mine:report"\nsecrets = { token = "not-a-name" }', "$.j.secrets.token: "),
        ('[j]\nsource = "local:a/"\nmove_source = "local:done"', "$.j.move_source: "),
        ('[gateways.server]\ntype = "sftp"\nusername = "u"', "$.gateways.server: "),
        ('[gateways.server]\ntype = "sftp"\nhost = "a"\npassword = "hunter2"', "$.gateways.server: "),
        ('[gateways.server]\ntype = "sftp"\nhost = "a"\nport = 700000', "$.gateways.server: "),
        ('[gateways.server]\ntype = "local"\nmode = 640', "$.gateways.server: "),
        ('[gateways.server]\nhost = "a"', "$.gateways.server: "),
        ('[gateways.server]\ntype = "webdav"', "$.gateways.server: "),
        ('[gateways.local]\ntype = "local"', "$.gateways: "),
        ('[defaults]\nsource = "local:a/"', "$.defaults: "),
        ('[main]\ntime_zone = "UTC"', "$.main: "),
        ('[notify]\nsource = "local:a/"', "$: "),
        ("[2nd]\nsource = 'local:a/'", "$: "),
    ],
)
def test_a_typical_mistake_is_told_at_its_place_and_by_load_as_well(mistake: str, where: str, tmp_path: Path):
    (tmp_path / "jobs.toml").write_text(mistake, encoding="utf-8")
    assert load(tmp_path / "jobs.toml", {}).problems
    found = wrong(mistake)
    assert any(one.startswith(where) for one in found)
    assert all(one.startswith(where.removesuffix(": ")) for one in found)


def test_a_secret_that_is_written_out_is_wrong_wherever_a_secret_stands():
    whole = schema()
    secrets = 0
    for kind in gateways.kinds():
        properties = whole["$defs"][f"gateway_{kind}"]["properties"]
        for key in {"password", "passphrase", "account", "token", "secret_access_key", "session_token"} & {*properties}:
            form = Draft202012Validator({**properties[key], "$defs": whole["$defs"]})
            assert form.is_valid({"env": "NAME"})
            assert form.is_valid({"file": "/run/secrets/name"})
            assert not form.is_valid("hunter2")
            assert not form.is_valid({"env": "NAME", "file": "/run/secrets/name"})
            secrets += 1
    assert secrets >= 9


@settings(max_examples=300, deadline=None)
@given(st.text("0159.kKMGTiBmshd/ ", max_size=12) | st.sampled_from(["5MB/s", "1.5GiB", "1h30m", "500ms", "0640"]))
def test_a_quantity_is_written_as_its_validator_reads_it(written: str):
    for name, read in {"duration": duration, "size": size, "rate": rate, "octal": octal}.items():
        try:
            read(written)
        except ValueError as error:
            if "nothing" in str(error):  # a bandwidth of 0 has the form of one
                continue
            known = False
        else:
            known = True
        assert Draft202012Validator(FORMS_OF[name]).is_valid(written) == known, name


def test_the_head_of_the_mistakes_is_right():
    assert wrong(HEAD + 'source = "local:/a/"') == []
