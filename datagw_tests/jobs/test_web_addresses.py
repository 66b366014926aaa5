"""Web servers in job files: `https://…` without a declaration, gateways of type http, and what they cannot do."""

from __future__ import annotations

from datetime import date

import pytest

from datagw.gateways.http import Http
from datagw.gateways.secrets import Secret
from datagw.jobs import check_secrets

PORTAL = '[gateways.portal]\ntype = "http"\nurl = "https://data.example.org/exports"\n'


def address(read, source: str, day: date | None = None) -> str:
    """The address that is asked for the file of a job with this source."""
    start = "start = 2026-01-01\n" if day else ""
    jobs = read(f'[j]\nsource = "{source}"\nto = "local:/x/{"%Y%m%d/" if day else ""}"\n{start}')
    assert jobs.problems == ()
    job = jobs.jobs["j"]
    gateway = jobs.gateways[job.source.gateway]
    assert isinstance(gateway, Http)
    path = job.source.pattern.on(day).exact
    assert path is not None
    return gateway._address(path)


@pytest.mark.parametrize(
    "source",
    [
        "https://data.example.org/rna.zip",
        "http://127.0.0.1:8000/a/b/c",
        "https://data.example.org/a%20b%2Fc%25.csv",
        "https://data.example.org/get?id=5&format=csv",
        "https://data.example.org/get?id=%5B5%5D",
        "https://data.example.org/?format=csv",
        "http://[::1]:8000/file.zip",
        "https://user.example.org:8443/~me/;v=1/a+b,c.zip",
    ],
)
def test_an_address_is_understood_without_a_declaration_and_means_what_it_says(read, source):
    assert address(read, source) == source


def test_what_an_address_holds_beside_the_file_is_not_sent_or_packed(read):
    assert address(read, "https://data.example.org/a.html#part") == "https://data.example.org/a.html"
    assert address(read, "https://data.example.org/get?u=a/b*") == "https://data.example.org/get?u=a%2Fb%2A"
    assert address(read, "HTTPS://data.example.org/a") == "https://data.example.org/a"


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("https://data.example.org/{day:%Y-%m-%d}.csv", "https://data.example.org/2026-02-01.csv"),
        ("https://data.example.org/{day:%Y/%m/%d}/a%20b.csv", "https://data.example.org/2026/02/01/a%20b.csv"),
        ("https://data.example.org/get?of={day:%Y-%m-%d}&n=%41", "https://data.example.org/get?of=2026-02-01&n=%41"),
    ],
)
def test_a_dated_address_has_a_day_and_percent_signs_are_its_own(read, source, asked):
    assert address(read, source, date(2026, 2, 1)) == asked


def test_a_gateway_for_addresses_is_there_only_where_a_job_has_one(read):
    jobs = read('[j]\nsource = "local:/a/"\ndescription = "see https://example.org/ and http://example.org/"\n')
    assert sorted(jobs.gateways) == ["local"]
    jobs = read('[j]\nsource = "https://example.org/a"\n[k]\nsource = "http://example.org/a"\n')
    assert sorted(jobs.gateways) == ["http", "https", "local"]
    assert jobs.gateways["https"].shown("example.org/a") == "https://example.org/a"
    assert jobs.gateways["https"].shown("example.org/a?id=5&x") == "https://example.org/a?id=…&…"


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("example.org/rna.zip", "rna.zip"),
        ("example.org/a%20b.csv?id=5", "a b.csv"),
        ("example.org/a%2Fb", "a_b"),
        ("example.org/?id=5", "index"),
        ("example.org/%E2%9C%93.csv", "✓.csv"),
    ],
)
def test_a_copy_of_an_address_has_the_name_that_its_last_part_stands_for(name, copy):
    assert Http(url="https://").named(name.rpartition("/")[2]) == copy


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('source = "https://u:hunter2@example.org/a"', "[j] source: credentials do not stand in a web address"),
        ('source = "https://hunter2@example.org/a"', "[j] source: credentials do not stand in a web address"),
        ('source = "https://example.org/a?token=hunter2"', "[j] source: token looks like a secret"),
        ('source = "https://example.org/a?x=1&api_key=hunter2"', "[j] source: api_key looks like a secret"),
        ('source = "https://example.org/a?X-Amz-Signature=hunter2"', "X-Amz-Signature looks like a secret"),
        ('source = "https://example.org"', "[j] source: the address names a server, but no file on it"),
        ('source = "https://example.org/"', "[j] source: the address names a server, but no file on it"),
        ('source = "https:///a"', "[j] source: `https://` is followed by a server"),
        ('source = "https://example.org:x/a"', "[j] source: `https://` is followed by a server"),
        ('source = "https://example.org/a b"', "[j] source: a web address holds neither blanks"),
        ('source = "https://example.org/a//b"', "[j] source: the path of a web address has no empty"),
        ('source = "https://example.org/a/../b"', "[j] source: the path of a web address has no empty"),
        ('source = "https:example.org/a"', "[j] source: a web address is written https://…"),
        ('source = "https://example.org/*.csv"', "[j] source: a gateway of type http cannot be listed; name one file"),
        ('source = "https://example.org/a/"', "[j] source: a gateway of type http cannot be listed; name one file"),
        ('source = "https://example.org/{date:%Y}"', "[j] source: `{date}` is for destinations"),
        ('source = "portal:a/*.csv"', "[j] source: a gateway of type http cannot be listed; name one file"),
        ('source = "portal:a/**/b"', "[j] source: a gateway of type http cannot be listed; name one file"),
        ('source = "portal:a/%Y%m%d/"\nstart = 2026-01-01', "[j] source: a gateway of type http cannot be listed"),
        ('source = "portal:a"\nwhen = "new files"', "[j] when: a gateway of type http cannot be listed, so that new"),
        ('source = "portal:%Y%m%d.csv"\nto = "local:/x/"', "[j] start: is required: a gateway of type http cannot be"),
        ('source = "local:/a"\nto = "portal:a/"', "[j] to: a gateway of type http is only read: no copy can go there"),
        ('source = "local:/a"\nto = "https://example.org/a"', "[j] to: a gateway of type http is only read"),
        ('source = "portal:a"\nto = "local:/x/"\ndelete_source = true', "[j] delete_source: a gateway of type http is"),
        ('source = "portal:a"\nto = "local:/x/"\nmove_source = "portal:b/"', "[j] move_source: a gateway of type http"),
    ],
)
def test_what_a_web_server_cannot_do_is_refused_when_the_job_file_is_loaded(read, keys, words):
    jobs = read(f"{PORTAL}[j]\n{keys}\n")
    (problem,) = jobs.problems
    assert words in str(problem)
    assert "hunter2" not in f"{problem!r} {jobs!r}"
    assert jobs.jobs == {}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ('url = "https://u:hunter2@example.org"', "url: credentials do not stand in the address"),
        ('url = "https://example.org/?token=hunter2"', "url: has neither query nor fragment; a query is given by"),
        ('url = "example.org"', "url: is a web address, as in"),
        ('url = "ftp://example.org"', "url: is a web address, as in"),
        ('url = "https://example.org/a b"', "url: is a web address, as in"),
        ('url = "https://example.org:x"', "url: is no web address"),
        ("", "url: is required"),
        ('base_url = "https://example.org"', "base_url: unknown key; did you mean url?"),
        ('password = "hunter2"', "password: a secret is a reference"),
        ('token = "hunter2"', "token: a secret is a reference"),
        ('headers = { X-Api-Key = "hunter2" }', "headers: X-Api-Key is a secret: write { env ="),
        ('headers = { Authorization = "hunter2" }', "headers: Authorization is a secret: write { env ="),
        ('headers = { X = ["hunter2"] }', "headers.X: a secret is a reference"),
        ('headers = { "a b" = "x" }', "headers: the name of a header holds"),
        ('headers = { Accept = "a\\nb" }', "headers: the value of the header Accept holds what a header cannot carry"),
        ('headers = { Range = "bytes=1-" }', "headers: the header Range is datagw's own business"),
        (
            'username = "u"\ntoken = { env = "HUNTER" }',
            "token: either a token, or username and password",
        ),
        ('params = { token = "hunter2" }', "params: token is a secret: write { env ="),
        ('proxy = "http://u:hunter2@127.0.0.1:3128"', "proxy: an address with credentials is a secret: write { env ="),
        ('proxy = "u:hunter2@127.0.0.1:3128"', "proxy: an address with credentials is a secret"),
        ('proxy = "socks5://127.0.0.1:3128"', "proxy: is the address of a proxy, as in"),
        ('proxy = "http://127.0.0.1:x"', "proxy: is no address of a proxy"),
        ('insecure = "yes please"', "insecure: is true or false"),
        ('client_key = "me.key"', "client_key: client_key is of no use without client_cert"),
        ('cert = "me.pem"', "cert: unknown key; did you mean client_cert?"),
        ('cacert = "ca.pem"', "cacert: unknown key; did you mean ca_file?"),
        ('username = "u"\nauth = "digest"', "auth: digest needs username and password"),
        ('auth = "ntlm"', "auth: "),
        ("digest = true", "digest: unknown key; did you mean auth?"),
    ],
)
def test_a_mistake_in_a_gateway_of_a_web_server_is_told_and_no_secret_shown(read, key, words):
    url = "" if "url" in key or not key else 'url = "https://example.org"\n'
    jobs = read(f'[gateways.portal]\ntype = "http"\n{url}{key}\n')
    assert any(words in str(problem) for problem in jobs.problems), [str(problem) for problem in jobs.problems]
    assert "hunter2" not in f"{jobs.problems!r} {jobs!r}"
    assert sorted(jobs.gateways) == ["local"]


def test_files_of_certificates_are_looked_for_beside_the_job_file(read, tmp_path):
    keys = 'ca_file = "ca.pem"\nclient_cert = "keys/me.pem"\nclient_key = "/etc/me.key"\nproxy = { env = "PROXY" }\n'
    jobs = read(f"{PORTAL}{keys}")
    assert [str(problem) for problem in jobs.problems] == []
    portal, base = jobs.gateways["portal"], tmp_path
    assert (portal.ca_file, portal.client_cert, portal.client_key) == (
        f"{base}/ca.pem",
        f"{base}/keys/me.pem",
        "/etc/me.key",
    )
    assert portal.proxy == Secret(env="PROXY")


def test_the_names_of_schemes_are_taken(read):
    jobs = read('[gateways.https]\ntype = "http"\nurl = "https://example.org"\n')
    (problem,) = jobs.problems
    assert "`https://…` needs no declaration; another name" in str(problem)


def test_secrets_among_headers_and_params_are_looked_for_by_check(read, monkeypatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    jobs = read(f'{PORTAL}headers = {{ X-Api-Key = {{ env = "THE_KEY" }}, Accept = "text/csv" }}\n')
    assert jobs.gateways["portal"].headers == {"X-Api-Key": Secret(env="THE_KEY"), "Accept": "text/csv"}
    (problem,) = check_secrets(jobs)
    assert "[gateways.portal] headers.X-Api-Key: the environment variable THE_KEY is not set" in str(problem)
