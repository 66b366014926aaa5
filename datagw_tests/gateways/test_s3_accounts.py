"""Who we are to an S3 store: the ways in that AWS's tools know, secrets that stay where they are, certificates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from datagw.errors import Denied
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.s3 import S3
from datagw_tests.gateways.s3_stores import a_gateway, minio
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.s3 import KEY, SECRET, Minio, S3Server

__all__ = ["minio"]

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::%s/*"]}],
}


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """No settings of the machine: neither its environment nor its files nor the address of an instance."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def of(server: S3Server, **fields: Any) -> S3:
    given = {"endpoint_url": server.url, "bucket": server.bucket(), "timeout": 10, **fields}
    return S3(**given).using(name="lake", retries=RetryPolicy(max=0))


def it_works(gateway: S3) -> None:
    with gateway:
        gateway.check(write=True)
        gateway.put(b"x" * (5 << 20), "middling")
        assert gateway.read("middling")[:2] == b"xx"


def test_credentials_of_the_environment(minio, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    it_works(of(minio))


def test_a_profile_and_its_files(minio, home):
    (home / ".aws").mkdir()
    (home / ".aws/credentials").write_text(f"[station7]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    (home / ".aws/config").write_text("[profile station7]\nregion = us-east-1\n")
    it_works(of(minio, profile="station7"))
    with pytest.raises(Denied, match="nobody"):
        of(minio, profile="nobody").stat("x")


def test_a_role_is_taken_on_and_its_temporary_credentials_are_used(minio, monkeypatch):
    monkeypatch.setenv("S3_SECRET", SECRET)
    own = {"access_key_id": KEY, "secret_access_key": {"env": "S3_SECRET"}}
    gateway = of(minio, **own, role_arn="arn:minio:iam:::role/any", region="us-east-1")
    it_works(gateway)
    used = gateway.session().client._request_signer._credentials
    assert (used.method, used.access_key == KEY, bool(used.token)) == ("assume-role", False, True)
    with pytest.raises(Denied, match="role cannot be taken on"):
        of(minio, access_key_id=KEY, secret_access_key="wrong", role_arn="arn:minio:iam:::role/any").stat("x")


def test_no_credentials_at_all_is_told_and_never_tried_again(minio):
    gateway = of(minio).using(retries=RetryPolicy(max=3, backoff=0.01))
    with pytest.raises(Denied, match="no credentials.*anonymous"):
        gateway.stat("x")


def test_a_public_bucket_needs_no_account(minio, monkeypatch):
    owner = a_gateway(minio, monkeypatch)
    owner.put(b"for all", "open.csv")
    policy = json.dumps(POLICY).replace("%s", owner.bucket)
    minio.client.put_bucket_policy(Bucket=owner.bucket, Policy=policy)
    visitor = of(minio, bucket=owner.bucket, anonymous=True)
    assert visitor.read("open.csv") == b"for all"
    with pytest.raises(Denied):
        visitor.put(b"mine now", "open.csv")
    assert owner.read("open.csv") == b"for all"


def test_no_secret_is_told(minio, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("S3_TOKEN", "a-session-token-of-ours")
    gateway = a_gateway(minio, monkeypatch, session_token={"env": "S3_TOKEN"})
    with pytest.raises(Denied) as error:
        gateway.stat("x")
    told = f"{error.value}{gateway!r}{gateway.model_dump_json()}{caplog.text}"
    assert "a-session-token-of-ours" not in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"bucket": "s3://opendata"}, "the name of a bucket alone"),
        ({"bucket": "opendata/folder"}, "the name of a bucket alone"),
        ({"endpoint_url": "s3.example.org"}, "https://s3.example.org"),
        ({"endpoint_url": "https://key:secret@s3.example.org"}, "https://s3.example.org"),
        ({"access_key_id": "KEY"}, "access_key_id needs secret_access_key"),
        ({"secret_access_key": {"env": "X"}}, "is of no use without access_key_id"),
        ({"anonymous": True, "profile": "p"}, "not both"),
        ({"sse_kms_key_id": "k"}, 'needs sse = "aws:kms"'),
    ],
)
def test_settings_that_cannot_be_right(fields, text):
    with pytest.raises(ValidationError) as error:
        S3(**{"bucket": "opendata", **fields})
    assert text in str(error.value)


def test_where_it_is_and_how_it_is_shown():
    amazon = S3(bucket="opendata", root="station7")
    other = S3(bucket="opendata", root="station7", endpoint_url="https://s3.example.org/")
    assert amazon.link("a b.csv") == "s3://opendata/station7/a b.csv"
    assert other.link("a b.csv") == "https://s3.example.org/opendata/station7/a%20b.csv"
    assert len({amazon.place, other.place, S3(bucket="opendata").place}) == 3


class SafeMinio(Minio):
    """MinIO under TLS."""

    def command(self) -> list[str]:
        *command, data = super().command()
        return [*command, "--certs-dir", str(self.folder / "certs"), data]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SafeMinio]:
    folder = tmp_path_factory.mktemp("safe")
    authority = Authority(folder)
    key, begin, certificate = authority.signed().read_text().partition("-----BEGIN CERTIFICATE")
    (folder / "certs").mkdir()
    (folder / "certs/private.key").write_text(key)
    (folder / "certs/public.crt").write_text(begin + certificate)
    server = SafeMinio(folder)
    server.ca_file = str(authority.file)
    with server:
        yield server


def test_a_certificate_is_checked(safe, monkeypatch, tmp_path):
    it_works(a_gateway(safe, monkeypatch, ca_file=safe.ca_file))
    it_works(a_gateway(safe, monkeypatch, insecure=True))
    with pytest.raises(Denied, match="certificate is not trusted"):
        a_gateway(safe, monkeypatch).stat("x")
    with pytest.raises(Denied, match="cannot be read"):
        a_gateway(safe, monkeypatch, ca_file=str(tmp_path / "none.pem")).stat("x")
