"""Each kind of mistake is told with its place and what to write instead; and keeps only its own jobs from running."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagw import gateways
from datagw.jobs import load, template
from datagw.jobs.words import LATER_TYPES
from datagw_tests.jobs.test_loading import EXAMPLE

HEAD = """\
[gateways.lake]
type = "memory"
[gateways.server]
type = "sftp"
host = "a.example"
username = "u"
[good]
source = "local:/good/"
[j]
"""

IN_A_JOB = [
    # ---- keys
    ("to = []", "[j] source: is required"),
    ('source = "local:/a/"\ngrase = "1h"', "[j] grase: unknown key; did you mean grace?"),
    ('source = "local:/a/"\nschedule = "daily"', "[j] schedule: unknown key; did you mean when?"),
    ('source = "local:/a/"\nxyzzy = 1', "[j] xyzzy: unknown key; there are after, again, assets, backend,"),
    ('source = { at = "local:/a/", exlude = "*.tmp" }', "[j] source.exlude: unknown key; did you mean exclude?"),
    ('source = { exclude = "*.tmp" }', "[j] source.at: is required"),
    (
        'source = "local:/a/"\nto = [{ at = "lake:b/", overwrit = true }]',
        "[j] to[0].overwrit: unknown key; did you mean overwrite?",
    ),
    ('source = "local:/a/"\nretries = { tries = 3 }', "[j] retries.tries: unknown key;"),
    # ---- later versions
    *(
        (f'source = "local:/a/"\n{key} = 1', f"[j] {key}: not in this version")
        for key in "records notify filter".split()
    ),
    ('source = { at = "local:/a/", dated_regex = "x" }', "[j] source.dated_regex: a name tells its day by one year"),
    ('source = { at = "local:/a/%Y/", dated_regex = "%Y%m%d" }', "[j] source.at: `%Y` does not tell the day"),
    (
        'source = { at = "local:/a/%Y%m%d/", dated_regex = "%Y%m%d" }',
        "[j] source: dated_regex reads the names in one folder",
    ),
    ('source = { at = "local:/a/*/", dated_regex = "%Y%m%d" }', "`at` has neither dates nor globs"),
    ('source = { at = "local:/a/", date_regex = "%Y%m%d" }', "did you mean dated_regex?"),
    ("source = { at = 'local:/a/', dated_regex = '^.*%Y%m%d.*$' }", r"write `^\D*%Y%m%d(\D.*)?$`"),
    ('source = "s3://bucket/x.zip"', "[j] source: `s3://…` is not in this version"),
    ('source = "local:/a/"\nto = "s3://bucket/x/"', "[j] to: `s3://…` is not in this version"),
    ('source = "local:/a/%Y%m%d/"\nwhen = "change"', '[j] when: "change" is for a source without days; write "daily"'),
    ('source = "local:/a/%Y%m%d/"\nwhen = "new files"', '[j] when: "new files" is for a source without days'),
    ('source = "local:/a/"\nwhen = "75 2 * * *"', '[j] when: "75 2 * * *" is no cron line: bad minute'),
    ('source = "local:/a/"\nwhen = "0 15 2 * * *"', "is no cron line: it has five fields"),
    ('source = "local:/a/"\nwhen = "0 0 30 2 *"', '"0 0 30 2 *" is no cron line: bad day-of-month'),
    ('source = "local:/a/"\nwhen = "0 0 * * 1#2"', '"0 0 * * 1#2" is no cron line: its fields are made of'),
    ('source = "local:/a/"\nwhen = "@reboot"', '"@reboot" is no cron line: there are @hourly'),
    ('source = "local:/a/"\nwhen = "@daily"\nexisting = false', '[j] existing: is for when = "new files"'),
    ('source = "local:/a/"\nexpect = "weekdays"', "[j] expect: needs a dated source"),
    ('source = { at = "local:/a/", regex = "(" }', '[j] source.regex: "(" is no regular expression'),
    (
        'source = "local:/a/"\nto = "lake:"\nwhen = "new files"\nmove_source = "lake:done/"',
        "[j] move_source: files are moved on their own gateway, local; add lake:done/ to `to`",
    ),
    (
        'source = "local:/a/"\nto = "lake:"\nwhen = "new files"\nmove_source = "local:/a/done/"',
        "[j] move_source: a file would be moved into its own source",
    ),
    (
        'source = "local:/a/%Y%m%d/"\nto = "lake:%Y%m%d/"\nmove_source = "local:/done/"',
        "[j] move_source: two days would be moved under the same names; end with the day, as in /done/%Y%m%d/",
    ),
    (
        'source = "local:/a/%Y%m%d/"\nto = "lake:%Y%m%d/"\nmove_source = "local:/a/{day:%Y%m%d}/done/"',
        "[j] move_source: a file would be moved into its own source",
    ),
    (
        'source = "local:/a/"\nto = "lake:"\nmove_source = "local:/done"',
        '[j] move_source: a folder ends with a slash, as in "local:/done/"',
    ),
    (
        'source = "local:/a/"\nto = "lake:"\ndelete_source = true\nmove_source = "local:/done/"',
        "[j] move_source: a file is either moved or deleted",
    ),
    (
        'source = "local:/a/"\nbandwidth = ["8:00 2MB/s", "20:00 off", "20:00 off"]',
        "[j] bandwidth: a time has four digits: 08:00; not 8:00; there are two entries for 20:00; write one",
    ),
    ('source = "local:/a/"\nto = "lake:{group}/"', "[j] to: `{group}` is not in this version"),
    ('source = "local:/a/"\nto = "lake:{part}/"', "[j] to: `{part}` is not in this version"),
    # ---- values
    (
        'source = "local:/a/"\nwhen = "dayly"',
        '[j] when: there are "manual", "daily", "change", "new files" and cron lines; not "dayly"; did you mean daily?',
    ),
    (
        'source = "local:/a/"\nwhen = 3',
        '[j] when: there are "manual", "daily", "change", "new files" and cron lines; not 3',
    ),
    ('source = "local:/a/"\nevery = "10"', '[j] every: a length of time has a unit, as in "10s"'),
    ('source = "local:/a/"\nevery = 10', '[j] every: a length of time has a unit, as in "10s"'),
    ('source = "local:/a/"\nevery = "0s"', "[j] every: is more than 0"),
    ('source = "local:/a/"\nsettle = "-1s"', "[j] settle: a length of time has a unit"),
    ('source = "local:/a/"\ngrace = "99999999999d"', "[j] grace: 99999999999d is too long"),
    (
        'source = "local:/a/"\ntimezone = "Europe/Pariss"',
        '[j] timezone: there is no time zone "Europe/Pariss"; did you mean Europe/Paris?',
    ),
    ('source = "local:/a/"\ntimezone = "../x"', "[j] timezone: there is no time zone"),
    ('source = "local:/a/"\ntimezone = "Europe"', "[j] timezone: there is no time zone"),
    ('source = "local:/a/"\ntimezone = 1', '[j] timezone: a time zone is written "Europe/Paris"; not 1'),
    (
        'source = "local:/a/%Y%m%d/"\nstart = "last"',
        '[j] start: a first day is written 2026-01-31, or "first"; not "last"',
    ),
    ('source = "local:/a/%Y%m%d/"\nstart = 2026-01-01T00:00:00', "[j] start: a first day is written 2026-01-31"),
    ('source = "local:/a/"\ndelete_source = "yes"', "[j] delete_source: is true or false"),
    ('source = "local:/a/"\nverify = "hash"', '[j] verify: is "content" or "size"'),
    ('source = "local:/a/"\nverify = "contents"', '[j] verify: is "content" or "size"; did you mean content?'),
    ('source = "local:/a/"\nif_gone = 1', '[j] if_gone: is "send" or "leave"'),
    (
        'source = "local:/a/"\nmarker = "a/b"',
        '[j] marker: a marker is a file\'s name, as in ".do-not-touch", or false; not "a/b"',
    ),
    ('source = "local:/a/"\nmarker = ".datagw-00000000000000000000000000000000.part"', "[j] marker:"),
    ('source = "local:/a/"\nbandwidth = "2MB"', '[j] bandwidth: a bandwidth is written "2MB/s"'),
    ('source = "local:/a/"\nbandwidth = "2mb/s"', "[j] bandwidth: a size is written"),
    ('source = "local:/a/"\nbandwidth = "0kB/s"', "[j] bandwidth: a bandwidth of nothing would never end"),
    ('source = "local:/a/"\nretries = { max = -1 }', "[j] retries.max: is at least 0"),
    ('source = "local:/a/"\nretries = { max = "many" }', "[j] retries.max: is a whole number"),
    ('source = "local:/a/"\nretries = 5', "[j] retries: is a table"),
    ('source = "local:/a/"\ndescription = 5', "[j] description: is a text in quotes"),
    ('source = "local:/a/"\nowners = ["me"]', '[j] owners[0]: an owner is a mail address or "team:NAME"; not "me"'),
    ('source = "local:/a/"\ntags = { a = 1 }', "[j] tags: a = 1: keys and values of tags"),
    ('source = "local:/a/"\ntags = "a"', "[j] tags: tags are a table"),
    ('source = { at = "local:/a/", min_size = "1 kilo" }', '[j] source.min_size: a size is written "500kB"'),
    ('source = { at = "local:/a/", symlinks = "copy" }', '[j] source.symlinks: is "skip" or "follow"'),
    ('source = { at = "local:/a/", exclude = [1] }', "[j] source.exclude[0]: is a text in quotes"),
    (
        'source = "local:/a/"\nto = [{ at = "lake:b/", mode = 640 }]',
        '[j] to[0].mode: permissions are octal digits in quotes, as in "0640"; not 640',
    ),
    ('source = "local:/a/"\nto = [{ at = "lake:b/", mode = "0999" }]', "[j] to[0].mode: permissions are octal digits"),
    # ---- places
    ('source = "/data/x/"', '[j] source: names no gateway; a path of this machine is written "local:/data/x/"'),
    ("source = 5", "[j] source: is a table"),
    ('source = ""', '[j] source: a place is written "gateway:path"'),
    ('source = "my gateway:x"', '[j] source: "my gateway" is no name of a gateway'),
    ('source = "lak:x/"', "[j] source: there is no gateway lak; declare it in [gateways.lak]; did you mean lake?"),
    (
        'source = "local:/a/"\nto = ["lake:x/", "other:y/"]',
        "[j] to[1]: there is no gateway other; declare it in [gateways.other]; there are lake, local, server",
    ),
    ('source = "local:/a/"\nto = [5]', "[j] to[0]: is a table"),
    ('source = "local:/a/"\nto = 5', "[j] to: is a list"),
    # ---- patterns and templates
    ('source = "local:/a/%Y%m/"', "[j] source: `%Y %m` does not tell the day"),
    ('source = "local:/a/%H/"', "[j] source: `%H` is not known here; there are %Y %m %d %j"),
    ('source = "local:/a/../b"', "[j] source: `..` would leave the gateway's root"),
    ('source = { at = "local:/a/[b" }', "[j] source.at: `[` is not closed"),
    ('source = "local:/a/"\nto = "lake:*/"', "[j] to: a destination is one path"),
    ('source = "local:/a/"\nto = ["lake:a/", "server:{nme}"]', "[j] to[1]: `{nme}` is not known"),
    # ---- keys read together
    ('source = "local:/a/"\nwhen = "daily"', '[j] when: "daily" needs a dated source; put %Y%m%d'),
    (
        'source = "local:/a/"\nto = "lake:%Y/"',
        "[j] to: the source has no days to fill into the destination; {date:%Y-%m-%d}",
    ),
    ('source = "local:/a/"\nto = "lake:{day}/"', "[j] to: the source has no days"),
    (
        'source = "local:/a/*.csv"\nto = "lake:b.csv"',
        "[j] to: all files would be published under one name; end with a slash (b.csv/) or put {name}",
    ),
    ('source = "local:/a/"\nto = "lake:x{suffix}"', "[j] to: all files would be published under one name"),
    (
        'source = "local:/a/%Y%m%d/"\nto = "lake:b/"',
        "[j] to: two days would be published under the same name; put %Y%m%d",
    ),
    ('source = "local:/a/%Y%m%d/x.csv"\nto = "lake:b.csv"', "[j] to: two days would be published under the same name"),
    ('source = "local:/a/%Y%m%d/x.csv"\nto = "lake:{name}"', "[j] to: two days would be published under the same name"),
    ('source = "local:/a/%Y/%m%d.csv"\nto = "lake:b/"', "[j] to: two days would be published under the same name"),
    ('source = "local:/a/%Y%m%d/"\nto = "lake:%Y/%m/"', "[j] to: two days would be published under the same name"),
    ('source = "local:/a/"\ndelete_source = true', "[j] delete_source: there is no copy that could prove a file"),
    (
        'source = "local:/a/"\nto = "lake:b/"\nverify = "size"\ndelete_source = true',
        "[j] verify: nothing is deleted by size alone",
    ),
    (
        'source = "local:/a/"\nto = [{ at = "lake:b/", verify = "size" }]\ndelete_source = true',
        "[j] to[0]: nothing is deleted by size alone",
    ),
    (
        'source = { at = "local:/a/", symlinks = "follow" }\nto = "lake:b/"\ndelete_source = true',
        '[j] source.symlinks: a link that is followed is never deleted; write symlinks = "skip"',
    ),
    (
        'source = "local:/a/"\nto = ["lake:b/", "lake:c/"]',
        '[j] to[1]: another copy is called lake already; give this one a name = "…"',
    ),
    (
        'source = "local:/a/"\nto = ["lake:b/", { at = "server:b/", name = "lake" }]',
        "[j] to[1]: another copy is called lake already",
    ),
    (
        'source = "local:/a/"\nto = [{ at = "lake:b/", name = "x-y" }, { at = "server:b/", name = "x_y" }]',
        "[j] to[1]: another copy is called x_y already",
    ),
    (
        'source = "local:/a/"\nto = ["lake:b/", { at = "lake:b/", name = "c" }]',
        "[j] to[1]: another copy goes to the same path",
    ),
    (
        'source = "local:/a/"\nto = [{ at = "lake:b/", name = "records" }]',
        "[j] to[0].name: no copy is called records, source, work",
    ),
    ('source = "local:/a/"\nto = [{ at = "lake:b/", name = "1st" }]', "[j] to[0].name: a name begins with a letter"),
    (
        f'source = "local:/a/"\nto = [{{ at = "lake:b/", name = "{"x" * 61}" }}]',
        "[j] to[0].name: a name has at most 60 characters",
    ),
    (
        'source = "lake:a/"\nto = "lake:a/"',
        "[j] to: a copy would land in its own source; publish to a folder beside it",
    ),
    ('source = "lake:a/"\nto = "lake:a/b/"', "[j] to: a copy would land in its own source"),
    ('source = "lake:a/b/"\nto = "lake:a/"', "[j] to: a copy would land in its own source"),
    ('source = "lake:a/"\nto = "lake:/"', "[j] to: a copy would land in its own source"),
    ('source = "lake:a/**/*.csv"\nto = "lake:a/done/"', "[j] to: a copy would land in its own source"),
    ('source = "lake:a/x.csv"\nto = "lake:a/"', "[j] to: a copy would land in its own source"),
    ('source = "lake:%Y%m%d/"\nto = "lake:%Y%m%d/"', "[j] to: a copy would land in its own source"),
    ('source = "lake:%Y%m%d/"\nto = "lake:%Y%m%d/sent/"', "[j] to: a copy would land in its own source"),
    ('source = { at = "local:/a/", min_size = "2MB", max_size = "1MB" }', "[j] source.max_size: is less than min_size"),
    # ---- the environment
    (
        'source = "local:/${NOT_THERE}/"',
        "[j] source: the environment variable NOT_THERE is not set; set it, or write ${NOT_THERE:default}",
    ),
    (
        'source = "local:/a/"\nto = ["lake:x/", { at = "server:${NOT_THERE}" }]',
        "[j] to[1].at: the environment variable NOT_THERE",
    ),
    ('source = "local:/a/"\nevery = "${NOT-THERE}"', "[j] every: `${` begins a variable: ${NAME} or ${NAME:default}"),
    ('source = "local:/a/"\nevery = "${NOT_THERE"', "[j] every: `${` begins a variable"),
    # ---- quotes
    ('source = "local:/a/"\ngrace = 1h', '[j] grace: strings need quotes: grace = "1h"'),
    (
        'source = "local:/a/"\ndelete_source = False',
        "[j] delete_source: yes and no are written true and false: delete_source = false",
    ),
    (
        'source = "local:/a/%Y%m%d/"\nstart = 2026-1-5',
        "[j] start: a date has two digits for month and day: start = 2026-01-05",
    ),
]


@pytest.mark.parametrize(("text", "words"), IN_A_JOB, ids=lambda value: str(value)[:60].replace("\n", " "))
def test_a_mistake_in_a_job_is_told_once_and_keeps_that_job_alone_from_running(read, text, words):
    jobs = read(HEAD + text + "\n")
    (problem,) = jobs.problems
    assert words in str(problem)
    assert str(problem).startswith(f"jobs.toml:{problem.line}:{problem.column}: [j] ")
    assert list(jobs.jobs) == ["good"]
    assert jobs.broken == {"j": (problem,)}


RIGHT = [
    'source = "local:/a/*.csv"\nto = "local:/a/done/"',
    'source = "lake:a/*.csv"\nto = "lake:/"',
    'source = "local:/a/%Y%m%d/"\nto = "local:/a/%Y-%m-%d/"',
    'source = "local:/a/%Y%m%d/"\nto = "local:/a/sent/%Y%m%d/"',
    'source = "lake:a/"\nto = "server:a/"',
    'source = "local:/a/%Y%m%d-*.csv"\nto = "lake:b/"',
    'source = "local:/a/%Y%m%d/%Y%m%d-*.csv"\nto = "lake:b/{name}"',
    'source = "local:/a/%Y%m%d/x.csv"\nto = "lake:%Y/x-%j.csv"',
    'source = "local:/a/%Y/%m%d/"\nto = "lake:%G-%V/%A/"',
    'source = "local:/a/%Y/*/%m%d.csv"\nto = "lake:%y/"',
    'source = "local:/a/b.csv"\nto = ["lake:b.csv", "server:{date}-b.csv"]',
    'source = "local:/a/"\nto = "lake:{stem}-x{suffix}"',
    'source = "local:/a/%Y%m%d/"\nto = "lake:%Y%m%d/{name}"',
    'source = "local:/a/"\nmarker = true\nto = "lake:b/"',
    'source = "local:/a/"\nto = []',
    'source = "local:/a/"\ntags = { "x" = "y" }',
    'source = { at = "local:/a/", symlinks = "follow" }\nto = "lake:b/"',
    'source = { at = "local:/a/", symlinks = "skip" }\nto = "lake:b/"\ndelete_source = true',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_comes_near_a_mistake_and_is_none_runs(read, text):
    jobs = read(HEAD + text + "\n")
    assert [str(problem) for problem in jobs.problems] == []
    assert list(jobs.jobs) == ["good", "j"]


IN_A_GATEWAY = [
    ('host = "a"', f"[gateways.g] type: is required; there are {', '.join(gateways.kinds())}"),
    ('type = "sft"', '[gateways.g] type: there is no type "sft"; did you mean sftp?'),
    ("type = 5", "[gateways.g] type: there is no type 5"),
    *(
        (f'type = "{kind}"', f"[gateways.g] type: {kind} is not in this version")
        for kind in sorted(LATER_TYPES.difference(gateways.kinds()))
    ),
    ('type = "memory"\ntimout = 3', "[gateways.g] timout: unknown key; did you mean timeout?"),
    ('type = "memory"\nca_file = "x"', "[gateways.g] ca_file: unknown key; there are"),
    ('type = "sftp"\nhost = "h"\nproxy = "x"', "[gateways.g] proxy: not in this version"),
    ('type = "memory"\ntimeout = 0', "[gateways.g] timeout: is more than 0"),
    ('type = "memory"\ntimeout = "soon"', "[gateways.g] timeout: a length of time has a unit"),
    ('type = "memory"\nconnections = 65', "[gateways.g] connections: is at most 64"),
    ('type = "memory"\nbandwidth = "fast"', "[gateways.g] bandwidth: a bandwidth is written"),
    (
        'type = "memory"\nbandwidth = ["08:00 2MB/s", "20:00"]',
        '[gateways.g] bandwidth: an entry of a timetable is written "08:00 2MB/s" or "20:00 off"; not "20:00"',
    ),
    (
        'type = "memory"\nbandwidth = { entries = ["08:00 off"], timezone = "UTC" }',
        '[gateways.g] bandwidth: a bandwidth is written "2MB/s" or "500KiB/s"; not a table',
    ),
    ('type = "memory"\nmode = "rw"', "[gateways.g] mode: permissions are octal digits"),
    ('type = "memory"\nmode = 640', "[gateways.g] mode: permissions are octal digits in quotes"),
    ('type = "memory"\nroot = 5', "[gateways.g] root: is a text in quotes"),
    ('type = "sftp"\nusername = "u"', "[gateways.g] host: is required"),
    (
        'type = "sftp"\nhost = "h"\nusername = "u"\nhostname = "h"',
        "[gateways.g] hostname: unknown key; did you mean host?",
    ),
    ('type = "memory"\nroot = "${NOT_THERE}"', "[gateways.g] root: the environment variable NOT_THERE is not set"),
    ("type = memory", '[gateways.g] type: strings need quotes: type = "memory"'),
]


@pytest.mark.parametrize(("text", "words"), IN_A_GATEWAY, ids=lambda value: str(value)[:60].replace("\n", " "))
def test_a_mistake_in_a_gateway_is_told_once_and_keeps_its_jobs_alone_from_running(read, text, words):
    jobs = read(
        f'[gateways.g]\n{text}\n[good]\nsource = "local:/good/"\n[from]\nsource = "g:x/"\n[onto]\nsource = "local:/x/"\nto = "g:x/"\n'
    )
    (problem,) = jobs.problems
    assert words in str(problem)
    assert list(jobs.jobs) == ["good"]
    assert jobs.broken == {"from": (problem,), "onto": (problem,)}
    assert "g" not in jobs.gateways


def test_a_secret_that_is_written_out_is_refused_and_not_shown(read):
    for value in ('"hunter2"', '"${PW}"', '{ value = "hunter2" }', '["hunter2"]', '{ env = "A", file = "hunter2" }'):
        jobs = read(f'[gateways.g]\ntype = "sftp"\nhost = "h"\nusername = "u"\npassword = {value}\n', PW="hunter2")
        (problem,) = jobs.problems
        assert str(problem).startswith(
            'jobs.toml:5:1: [gateways.g] password: a secret is a reference: { env = "NAME" } or { file = '
        )
        assert "hunter2" not in f"{problem!r} {jobs!r}"


KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"
ONE_LINE = KEY.replace("\n", " ")
BODY = KEY.splitlines()[1]


@pytest.mark.parametrize("value", [f'"""{KEY}"""', f"'''{KEY}'''", f'"{ONE_LINE}"', f'"{BODY}\\n"', '"${KEY}"'])
def test_a_private_key_in_place_of_its_path_is_refused_and_not_shown(read, value):
    jobs = read(f'[gateways.g]\ntype = "sftp"\nhost = "h"\nusername = "u"\nprivate_key = {value}\n', KEY=KEY)
    (problem,) = jobs.problems
    assert str(problem) == (
        "jobs.toml:5:1: [gateways.g] private_key: the path of a key file is meant, not the key itself"
    )
    assert BODY not in f"{problem!r} {jobs!r}"
    assert "g" not in jobs.gateways


@pytest.mark.parametrize("value", [f'"{KEY}"', f'{{ key = """{KEY}""" }}', f'["""{KEY}"""]', KEY, f"'{ONE_LINE}"])
def test_a_private_key_that_is_no_toml_text_is_not_shown_either(read, value):
    jobs = read(f'[gateways.g]\ntype = "sftp"\nhost = "h"\nusername = "u"\nprivate_key = {value}\n')
    assert jobs.problems
    assert BODY not in f"{jobs!r} {[str(problem) for problem in jobs.problems]}"
    assert "g" not in jobs.gateways


TOP = [
    ("x = 1\n", "jobs.toml:1:1: [x]: stands in no table; a job begins with its name in brackets: [NAME]"),
    ("[notify.mail]\n", "jobs.toml:1:2: [notify]: not in this version"),
    ("[records.clean]\n", "jobs.toml:1:2: [records]: not in this version"),
    ("[gateways]\nx = 1\n", "jobs.toml:2:1: [gateways.x]: is a table; [gateways.x]"),
    ("[defaults]\nsource = 'local:/x/'\n", "jobs.toml:2:1: [defaults] source: each job has a source of its own"),
    ("[gateways.'a b']\ntype = 'memory'\n", "jobs.toml:1:11: [gateways.a b]: a name begins with a letter"),
    (f"[gateways.{'x' * 61}]\ntype = 'memory'\n", ": a name has at most 60 characters"),
    (
        "[gateways.a-b]\ntype='memory'\n[gateways.a_b]\ntype='memory'\n",
        "jobs.toml:3:11: [gateways.a_b]: is too like a-b",
    ),
]


@pytest.mark.parametrize(("text", "words"), TOP)
def test_a_mistake_outside_of_jobs_breaks_none_that_does_not_use_it(read, text, words):
    jobs = read(text + '[good]\nsource = "local:/good/"\n')
    (problem,) = jobs.problems
    assert words in str(problem)
    assert list(jobs.jobs) == ["good"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("1st", "a name begins with a letter"),
        ("a.b", "a name begins"),
        ("a b", "a name begins"),
        ("é", "a name begins"),
        ("x" * 61, "at most 60"),
    ],
)
def test_a_job_has_a_name_that_every_place_can_bear(read, name, words):
    jobs = read(f'["{name}"]\nsource = "local:/a/"\n')
    (problem,) = jobs.problems
    assert (problem.line, problem.column) == (1, 2)
    assert words in problem.message
    assert list(jobs.broken) == [name]


def test_the_local_gateway_is_not_declared(read):
    jobs = read('[gateways.local]\nmode = "0600"\n[a]\nsource = "local:/a/"\n')
    assert "jobs.toml:1:11: [gateways.local]: `local` needs no declaration" in str(jobs.problems[0])
    assert jobs.broken == {"a": jobs.problems}


def test_names_of_jobs_that_dagster_cannot_tell_apart_are_refused(read):
    jobs = read('[a-b]\nsource = "local:/a/"\n[a_b]\nsource = "local:/b/"\n[A-b]\nsource = "local:/c/"\n')
    assert [str(problem) for problem in jobs.problems] == [
        "jobs.toml:3:2: [a_b]: is too like a-b: `-` and `_` are the same to Dagster"
    ]
    assert list(jobs.jobs) == ["a-b", "A-b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[main]\ntimezone = "Mars"', "jobs.toml:2:1: [main] timezone: there is no time zone"),
        ('[main]\ntimezon = "UTC"', "jobs.toml:2:1: [main] timezon: unknown key; did you mean timezone?"),
        ("[main]\ntmp_dir = 5", "jobs.toml:2:1: [main] tmp_dir: is a text in quotes"),
        ('[main]\nkeep = "long"', "jobs.toml:2:1: [main] keep: a length of time has a unit"),
        ('[main]\nkeep = "${NOT_THERE}"', "jobs.toml:2:1: [main] keep: the environment variable"),
        ('[defaults]\ngrase = "1h"', "jobs.toml:2:1: [defaults] grase: unknown key; did you mean grace?"),
        ('[defaults]\nto = ["nowhere:x/"]', "jobs.toml:2:7: [defaults] to[0]: there is no gateway nowhere"),
        ('[defaults]\nwhen = "daily"', 'jobs.toml:2:1: [defaults] when: "daily" needs a dated source'),
    ],
)
def test_a_mistake_in_what_holds_for_every_job_is_told_once_and_keeps_every_job_from_running(read, text, words):
    jobs = read(f'{text}\n[a]\nsource = "local:/a/"\n[b]\nsource = "local:/b/"\n')
    (problem,) = jobs.problems
    assert words in str(problem)
    assert jobs.jobs == {}
    assert jobs.broken == {"a": (problem,), "b": (problem,)}


def test_a_mistake_in_the_defaults_does_not_touch_a_job_that_says_otherwise(read):
    jobs = read('[defaults]\ngrace = "long"\n[a]\nsource = "local:/a/"\n[b]\nsource = "local:/b/"\ngrace = "1h"\n')
    assert len(jobs.problems) == 1
    assert (list(jobs.jobs), list(jobs.broken)) == (["b"], ["a"])


SYNTAX = [
    ("[a]\nfoo = bar\n", 2, 7, 'strings need quotes: foo = "bar"'),
    ("[a]\nto = [\n  lake:x/,\n]\n", 3, 3, 'strings need quotes: "lake:x/"'),
    ('[a]\nx = "a\n', 2, 7, "the quote is not closed on this line"),
    ("[a]\nx = “a”\n", 2, 5, "not typographic ones"),
    ('[a]\nx = "C:\\data"\n', 2, 10, "single quotes take it as it is"),
    ("[a]\n[a]\n", 2, 3, "the table stands twice"),
    ("[a]\nx = 1\nx = 2\n", 3, 6, "the key stands twice"),
    ("[a]\nx\n", 2, 2, 'a key and its value are written key = "value"'),
    ("[a]\nx =\n", 2, 4, "a value is a text in quotes"),
    ('[a]\nto = [\n "x:y"\n "z:w"\n]\n', 4, 2, "elements are parted by commas"),
    ('[a]\npassword = { env = "X",\n}\n', 2, 24, "an inline table `{ … }` stands on one line"),
    ("[a\nx = 1\n", 1, 3, "expected ']'"),
    ("[a]\nstart = 2026-02-30\n", 2, 9, "there is no such day"),
    ("[a]\nx = " + "[" * 2000 + "]" * 2000, 1, 1, "nested too deeply"),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"), SYNTAX, ids=lambda value: str(value)[:40].replace("\n", " ")
)
def test_what_is_no_toml_is_told_with_its_place_and_what_to_write(read, text, line, column, words):
    (problem,) = (problem for problem in read(text).problems if words in str(problem))
    assert (problem.line, problem.column) == (line, column)


def test_a_file_that_cannot_be_read_to_its_end_keeps_the_others_from_running_if_it_holds_what_they_need(tmp_path):
    (tmp_path / "a.toml").write_text('[a]\nsource = "local:/a/"\n')
    (tmp_path / "b.toml").write_text("[b]\nx = \n")
    jobs = load(tmp_path, {})
    assert (list(jobs.jobs), len(jobs.problems)) == (["a"], 1)
    (tmp_path / "b.toml").write_text("[main]\ntimezone = \n")
    jobs = load(tmp_path, {})
    assert (jobs.jobs, jobs.broken) == ({}, {"a": jobs.problems})
    (tmp_path / "b.toml").write_bytes("# é\nx = 'é\xff'".encode("latin-1"))
    jobs = load(tmp_path, {})
    assert [str(problem) for problem in jobs.problems] == [
        f"{tmp_path}/b.toml:1:3: this is no UTF-8; save the file as UTF-8"
    ]
    assert list(jobs.broken) == ["a"]


TEN = """\
[main]
timezone = "Europe/Pariss"

[gateways.server]
type = "sftp"
host = "a.example"
username = "u"
  password = "hunter2"

[gateways.lake]
type = "gcs"

[readings]
source = "local:/data/%Y%m/"
grase  = "1h"

[inbox]
source = "local:/inbox/"
to     = [
    "lake:x/",
    { at = "server:y/", overwrit = true },
]
every  = 10

[other]
source = "nowhere:%Y%m%d/"
when   = daily
description = "${NOT_THERE}"
"""


def test_ten_different_mistakes_are_ten_problems_each_in_its_place(read):
    jobs = read(TEN)
    assert [(problem.line, problem.column, problem.where) for problem in jobs.problems] == [
        (2, 1, "main.timezone"),
        (8, 3, "gateways.server.password"),
        (11, 1, "gateways.lake.type"),
        (14, 1, "readings.source"),
        (15, 1, "readings.grase"),
        (21, 25, "inbox.to[1].overwrit"),
        (23, 1, "inbox.every"),
        (26, 1, "other.source"),
        (27, 10, "other.when"),
        (28, 1, "other.description"),
    ]
    assert set(jobs.broken) == {"readings", "inbox", "other"}
    assert "hunter2" not in repr(jobs)


def test_a_problem_fits_on_a_line_of_a_terminal_whatever_the_file_holds(read):
    jobs = read('["a\\u001b[31m"]\nsource = "local:/a/"\n[b]\nsource = "local:/b/"\nwhen = "x\\ny"\n')
    assert len(jobs.problems) == 2
    assert all(str(problem).isprintable() for problem in jobs.problems)


@settings(max_examples=300)
@given(st.data())
def test_whatever_happens_to_a_job_file_it_is_told_and_never_raised(tmp_path_factory, data):
    text = data.draw(st.sampled_from([EXAMPLE, TEN, template()]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        put = data.draw(
            st.sampled_from(
                [
                    "",
                    "\n",
                    '"',
                    "'",
                    "=",
                    "[",
                    "]",
                    "{",
                    "}",
                    "#",
                    " x",
                    "1",
                    "a = b",
                    "${",
                    "%",
                    "*",
                    "/",
                    "[a]",
                    "é",
                    "true",
                ]
            )
        )
        text = text[:at] + put + text[at + cut :]
    path = tmp_path_factory.mktemp("any") / "jobs.toml"
    path.write_text(text, encoding="utf-8")
    jobs = load(path, {})
    lines = text.split("\n")
    for problem in jobs.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.message
    assert not jobs.jobs.keys() & jobs.broken.keys()
    assert all(set(reasons) <= set(jobs.problems) and reasons for reasons in jobs.broken.values())
    for job in jobs.jobs.values():
        assert {job.source.gateway, *(copy.gateway for copy in job.to)} <= jobs.gateways.keys()


def test_a_secret_without_quotes_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "jobs.toml"
    path.write_text('[gateways.g]\ntype = "sftp"\nhost = "h"\npassword = hunter2\n')
    found = "\n".join(map(str, load(path).problems))
    assert "strings need quotes" in found
    assert "hunter2" not in found
