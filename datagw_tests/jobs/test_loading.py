"""What a right job file says."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from datagw.errors import ConfigError
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.secrets import Secret
from datagw.jobs import Job, check_secrets, load

EXAMPLE = """\
[main]
tmp_dir  = "/var/tmp/datagw"        # staging
timezone = "Europe/Paris"           # days, cron, dates in paths

[gateways.institute]
type = "sftp"
host = "sftp.example.org"
port = 22
known_hosts = "~/.ssh/known_hosts"  # the default
username = "station7"
private_key = "~/.ssh/id_ed25519"   # or password = { env = "INSTITUTE_PASSWORD" }
root = "/upload"

[gateways.lake]
type = "memory"

[readings]                          # a dated folder is sent when its day is over
source = "local:/data/readings/%Y%m%d/"
to     = ["institute:readings/%Y%m%d/", "lake:readings/%Y/%m/%d/"]
when   = "daily"
start  = 2026-01-01
delete_source = true

[nightly]
source = "lake:items/%Y-%m-%d/*.jl.gz"
to     = ["institute:items/%Y-%m-%d/"]
start  = 2026-01-01

[rna]
source = "lake:rna.zip"
to     = ["institute:rna.zip", { at = "institute:{date:%Y-%m-%d}-rna.zip", name = "archive" }, "lake:rna/"]
every  = "10m"
"""


def test_the_example_of_the_spec_is_right(read):
    jobs = read(EXAMPLE)
    assert [str(problem) for problem in jobs.problems] == []
    assert (list(jobs.jobs), jobs.broken) == (["readings", "nightly", "rna"], {})
    assert sorted(jobs.gateways) == ["institute", "lake", "local"]
    assert {name: gateway.name for name, gateway in jobs.gateways.items()} == {name: name for name in jobs.gateways}
    assert (jobs.main.tmp_dir, jobs.main.timezone, jobs.main.keep) == (
        Path("/var/tmp/datagw"),
        "Europe/Paris",
        timedelta(180),
    )

    readings = jobs.jobs["readings"]
    assert (readings.dated, readings.when, readings.timezone, readings.start) == (
        True,
        "daily",
        "Europe/Paris",
        date(2026, 1, 1),
    )
    assert (readings.source.gateway, readings.source.pattern.text) == ("local", "data/readings/%Y%m%d/")
    assert [(copy.name, copy.template.text) for copy in readings.to] == [
        ("institute", "readings/%Y%m%d/"),
        ("lake", "readings/%Y/%m/%d/"),
    ]
    assert readings.marker == ".do-not-touch"
    assert [copy.marker for copy in readings.to] == [".do-not-touch"] * 2

    rna = jobs.jobs["rna"]
    assert (rna.dated, rna.marker, rna.every, rna.start) == (False, None, timedelta(minutes=10), "first")
    assert [copy.name for copy in rna.to] == ["institute", "archive", "lake"]


def test_what_is_left_out_has_its_default(read):
    job = read('[a]\nsource = "local:/a/"').jobs["a"]
    assert job == Job(name="a", source=job.source)
    assert (job.every, job.settle, job.grace) == (timedelta(seconds=10), timedelta(seconds=10), timedelta(hours=1))
    assert (job.when, job.timezone, job.to, job.retries) == ("manual", "UTC", (), RetryPolicy(5, 2.0, 300.0, True))
    assert (job.verify, job.overwrite, job.if_gone, job.delete_source, job.bandwidth) == (
        "content",
        True,
        "send",
        False,
        None,
    )
    assert (job.source.hidden, job.source.symlinks, job.source.exclude) == (True, "skip", ())


def test_every_key_arrives(read):
    jobs = read("""
        [gateways.m]
        type = "memory"
        bandwidth = "1MB/s"
        timeout = "2m"
        connections = "4"
        mode = "0600"
        [a]
        source = { at = "m:x/%Y%m%d/", exclude = "*.tmp", hidden = false, symlinks = "follow", min_size = "1kB", max_size = "1.5GiB" }
        to = { at = "local:/y/%Y%m%d/", name = "n", verify = "size", marker = ".wait", overwrite = true, if_gone = "send", mode = "0640" }
        when = "daily"
        timezone = "Asia/Kolkata"
        every = "1m30s"
        settle = "500ms"
        start = "2026-02-03"
        grace = "0s"
        verify = "content"
        overwrite = false
        if_gone = "leave"
        marker = false
        bandwidth = "2MB/s"
        retries = { max = 2, backoff = "1s", cap = "1h", jitter = false }
        description = "d"
        owners = ["team:weather", "a@example.org"]
        tags = { topic = "rain", "x/y" = "" }
    """)
    assert [str(problem) for problem in jobs.problems] == []
    gateway = jobs.gateways["m"]
    assert (gateway.bandwidth, gateway.timeout, gateway.mode) == (1_000_000, 120, 0o600)
    job = jobs.jobs["a"]
    source, (copy,) = job.source, job.to
    assert (source.exclude, source.hidden, source.symlinks) == (("*.tmp",), False, "follow")
    assert (source.min_size, source.max_size) == (1000, 3 * 2**29)
    assert (copy.name, copy.verify, copy.marker, copy.overwrite) == ("n", "size", ".wait", True)
    assert (copy.if_gone, copy.mode) == ("send", 0o640)
    assert (job.timezone, job.every, job.settle) == ("Asia/Kolkata", timedelta(seconds=90), timedelta(milliseconds=500))
    assert (job.start, job.grace, job.marker, job.bandwidth) == (date(2026, 2, 3), timedelta(0), None, 2_000_000)
    assert job.retries == RetryPolicy(2, 1.0, 3600.0, False)
    assert (job.description, job.owners, job.tags) == (
        "d",
        ("team:weather", "a@example.org"),
        {"topic": "rain", "x/y": ""},
    )


def test_a_copy_takes_from_its_job_what_it_does_not_say_itself(read):
    job = read("""
        [a]
        source = "local:/a/%Y%m%d/"
        to = ["local:/b/%Y%m%d/", { at = "local:/c/%Y%m%d/", name = "c", marker = false, overwrite = true }]
        verify = "size"
        overwrite = false
        if_gone = "leave"
        marker = true
    """).jobs["a"]
    first, second = job.to
    assert (first.verify, first.overwrite, first.if_gone, first.marker) == ("size", False, "leave", ".do-not-touch")
    assert (second.verify, second.overwrite, second.if_gone, second.marker) == ("size", True, "leave", None)


def test_defaults_are_keys_for_every_job(read):
    jobs = read("""
        [defaults]
        to = "local:/out/{name}"
        grace = "2h"
        retries = { max = 1 }
        [a]
        source = "local:/a/"
        [b]
        source = "local:/b/"
        to = []
        grace = "3h"
    """)
    assert jobs.problems == ()
    assert [(len(job.to), job.grace, job.retries.max) for job in jobs.jobs.values()] == [
        (1, timedelta(hours=2), 1),
        (0, timedelta(hours=3), 1),
    ]


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("local:data/", "HERE/data/"),
        ("local:./data/x*", "HERE/data/x*"),
        ("local:../data/", "PARENT/data/"),
        ("local:/data/", "data/"),
        ("local:~/data/", "HOME/data/"),
        ("local:", "HERE/"),
    ],
)
def test_a_relative_local_path_starts_at_the_job_file(tmp_path, monkeypatch, written, pattern):
    monkeypatch.setenv("HOME", "/home/100%")
    folder = tmp_path / "{a} [b]%d"
    folder.mkdir()
    (folder / "jobs.toml").write_text(f'[a]\nsource = "{written}"\n')
    monkeypatch.chdir(tmp_path)
    jobs = load(Path("{a} [b]%d/jobs.toml"), {})
    assert jobs.problems == ()
    found = jobs.jobs["a"].source.pattern
    places = {"HERE": folder, "PARENT": tmp_path, "HOME": Path("/home/100%")}
    word, _slash, rest = pattern.partition("/")
    assert found.base == "/".join(
        part for part in [str(places.get(word, word)).lstrip("/"), rest.rpartition("/")[0]] if part
    )


def test_a_folder_of_job_files_is_one_job_file(tmp_path):
    (tmp_path / "a.toml").write_text('[main]\ntimezone = "Europe/Paris"\n[gateways.m]\ntype = "memory"\n')
    (tmp_path / "b.toml").write_text('[b]\nsource = "m:b/"\n')
    (tmp_path / "c.toml").write_text('[c]\nsource = "local:c/"\n[d]\n')
    (tmp_path / ".hidden.toml").write_text("no toml")
    (tmp_path / "note.txt").write_text("no toml")
    jobs = load(tmp_path, {})
    assert [path.name for path in jobs.paths] == ["a.toml", "b.toml", "c.toml"]
    assert jobs.base == tmp_path
    assert [(job.name, job.timezone) for job in jobs.jobs.values()] == [("b", "Europe/Paris"), ("c", "Europe/Paris")]
    assert [str(problem) for problem in jobs.problems] == [f"{tmp_path}/c.toml:3:2: [d] source: is required"]


def test_what_stands_in_two_files_is_told_of_the_second(tmp_path):
    (tmp_path / "a.toml").write_text('[main]\n[defaults]\n[gateways.m]\ntype = "memory"\n[j]\nsource = "m:a/"\n')
    (tmp_path / "b.toml").write_text(
        '\n[main]\n[defaults]\n[gateways.m]\ntype = "memory"\n[j]\nsource = "m:b/"\n[J-x]\nsource="m:c/"\n'
    )
    (tmp_path / "c.toml").write_text('[J_x]\nsource = "m:c/"\n')
    jobs = load(tmp_path, {})
    a, b, c = (f"{tmp_path}/{name}.toml" for name in "abc")
    assert [str(problem) for problem in jobs.problems] == [
        f"{b}:2:2: [main]: stands in {a} already",
        f"{b}:3:2: [defaults]: stands in {a} already",
        f"{b}:4:11: [gateways.m]: stands in {a} already",
        f"{b}:6:2: [j]: stands in {a} already",
        f"{c}:1:2: [J_x]: is too like J-x: `-` and `_` are the same to Dagster",
    ]
    assert jobs.jobs == {}
    assert set(jobs.broken) == {"j", "J-x", "J_x"}


def test_the_file_is_the_one_that_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("jobs.toml", "env.toml", "asked.toml"):
        Path(name).write_text(f'[{name.removesuffix(".toml")}]\nsource = "local:a/"\n')
    assert list(load(env={}).jobs) == ["jobs"]
    assert list(load(env={"DATAGW_JOBS": "env.toml"}).jobs) == ["env"]
    assert list(load(Path("asked.toml"), {"DATAGW_JOBS": "env.toml"}).jobs) == ["asked"]
    monkeypatch.setenv("DATAGW_JOBS", "env.toml")
    assert list(load().jobs) == ["env"]


def test_only_what_cannot_be_found_or_read_is_raised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no job file jobs.toml; `datagw init` writes one"):
        load(env={})
    with pytest.raises(ConfigError, match=r"no job file there/x.toml"):
        load(Path("there/x.toml"), {})
    with pytest.raises(ConfigError, match=r"no \*.toml in the folder"):
        load(tmp_path, {})
    (tmp_path / "d.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_the_state_stands_beside_the_job_file_or_in_dagster_home(tmp_path, read):
    text = '[a]\nsource = "local:/a/"'
    jobs = read(text)
    assert (jobs.state, jobs.main.tmp_dir) == (tmp_path / ".datagw", tmp_path / ".datagw/tmp")
    jobs = read(text, DAGSTER_HOME="/srv/dagster")
    assert (jobs.state, jobs.main.tmp_dir) == (Path("/srv/dagster"), Path("/srv/dagster/tmp"))
    assert read('[main]\ntmp_dir = "t"').main.tmp_dir == tmp_path / "t"


def test_the_environment_is_filled_in(read):
    job = read(
        """
        [a]
        source = { at = "local:/${FOLDER}/${EMPTY:}/", exclude = ["${GLOB:a:b}"] }
        timezone = "${ZONE:Europe/Paris}"
        retries = { max = "${MAX}" }
        overwrite = "${OVERWRITE:false}"
        description = "a $ {FOLDER} $FOLDER $${FOLDER}"
        """,
        FOLDER="data",
        MAX="3",
    ).jobs["a"]
    assert (job.source.pattern.base, job.source.exclude, job.timezone) == ("data", ("a:b",), "Europe/Paris")
    assert job.overwrite is False
    assert (job.retries.max, job.description) == (3, "a $ {FOLDER} $FOLDER ${FOLDER}")


def test_secrets_are_looked_at_when_they_are_asked_for(read, tmp_path, monkeypatch):
    monkeypatch.delenv("THE_PASSWORD", raising=False)
    jobs = read("""
[gateways.a]
type = "sftp"
host = "a.example"
username = "u"
password = { env = "THE_PASSWORD" }
[gateways.b]
type = "sftp"
host = "b.example"
username = "u"
password = { file = "secret" }
[j]
source = "a:x/"
""")
    assert jobs.problems == ()
    assert list(jobs.jobs) == ["j"]
    assert [str(problem) for problem in check_secrets(jobs)] == [
        "jobs.toml:6:1: [gateways.a] password: the environment variable THE_PASSWORD is not set",
        f"jobs.toml:11:1: [gateways.b] password: the secret file {tmp_path}/secret cannot be read: No such file or directory",
    ]
    monkeypatch.setenv("THE_PASSWORD", "p")
    (tmp_path / "secret").write_text("q\n")
    assert check_secrets(jobs) == []
    assert jobs.gateways["b"].password == Secret(file=f"{tmp_path}/secret")


def test_five_hundred_jobs_are_read_in_a_moment(read):
    text = EXAMPLE + "".join(
        f'[job{n}]\nsource = "local:/d/{n}/%Y%m%d/"\nto = ["lake:{n}/%Y%m%d/", "institute:{n}/%Y%m%d/"]\nwhen = "daily"\n'
        for n in range(500)
    )
    before = time.process_time()
    assert len(read(text).jobs) == 503
    assert time.process_time() - before < 5


def test_a_jobs_fingerprint_changes_with_what_it_does_and_with_nothing_else(read):
    text = '[a]\nsource = "local:/a/%Y%m%d/"\nto = "local:/b/%Y%m%d/"\n'
    job = read(text).jobs["a"]
    assert (
        read("# moved\n\n" + text + 'description = "x"\nowners = "team:a"\ntags = { a = "b" }\n').jobs["a"].fingerprint
        == job.fingerprint
    )
    changes = [
        'grace = "2h"',
        'verify = "size"',
        "start = 2026-01-01",
        "retries = { max = 1 }",
        'timezone = "Asia/Tokyo"',
    ]
    changed = {read(f"{text}{change}\n").jobs["a"].fingerprint for change in changes}
    changed.add(read(text.replace("/b/", "/c/")).jobs["a"].fingerprint)
    assert len(changed | {job.fingerprint}) == len(changes) + 2


def test_a_gateway_of_a_folder_starts_at_the_job_file(read, tmp_path):
    jobs = read('[gateways.disk]\ntype = "local"\nroot = "data"\n[a]\nsource = "disk:x/"\n')
    assert jobs.gateways["disk"].root == str(tmp_path / "data")
    assert jobs.jobs["a"].source.pattern.text == "x/"
