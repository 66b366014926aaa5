"""What an S3 store's answers mean: retries, refusals, ETags of its own mind, and what it mangles."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Changed, Denied, Full, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.aws.account import Account
from datagw.gateways.base import Sent, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.s3 import S3
from datagw_tests.servers.s3_misbehaving import Answer, Asked, MisbehavingStore, refusal

SMALL, MIDDLING = b"content", b"m" * (4 << 20) + b"!"
BOTH = pytest.mark.parametrize("content", [SMALL, MIDDLING], ids=["obstore", "botocore"])


@pytest.fixture
def store() -> Iterator[MisbehavingStore]:
    with MisbehavingStore() as made:
        yield made


@pytest.fixture
def gateway(store: MisbehavingStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with a_gateway(store, monkeypatch) as made:
        yield made


def a_gateway(store: MisbehavingStore, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> S3:
    monkeypatch.setenv("S3_SECRET", "s3cret-of-station7")
    secret: dict[str, Any] = {"access_key_id": "KEY", "secret_access_key": {"env": "S3_SECRET"}}
    given = {"bucket": "bucket", "endpoint_url": store.url, "timeout": 5, "addressing_style": "path"}
    return S3(**{**given, **secret, **fields}).using(name="lake", retries=RetryPolicy(max=0))


def published(gateway: S3, content: bytes, **more: Any) -> Sent:
    (sent,) = gateway.publish([Upload(content, "part", "f", **more)])
    return sent


def puts(answer: Answer) -> Any:
    return lambda asked: answer if asked.method == "PUT" else None


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(503, "SlowDown"), Unavailable),
        (refusal(429, "TooManyRequests"), Unavailable),
        (refusal(500, "InternalError"), Unavailable),
        (Answer(502, b"<html>bad gateway</html>"), Unavailable),
        (refusal(400, "RequestTimeout"), Unavailable),
        (refusal(400, "BadDigest"), Unavailable),
        (refusal(400, "XAmzContentChecksumMismatch"), Unavailable),
        (refusal(409, "OperationAborted"), Unavailable),
        (refusal(403, "AccessDenied"), Denied),
        (refusal(403, "SignatureDoesNotMatch"), Denied),
        (refusal(403, "RequestTimeTooSkewed"), Denied),
        (refusal(400, "ExpiredToken"), Denied),
        (refusal(404, "NoSuchBucket"), Denied),
        (refusal(301, "PermanentRedirect"), Denied),
        (refusal(507, "XMinioStorageFull"), Full),
        (refusal(400, "QuotaExceeded"), Full),
        (refusal(400, "KeyTooLongError"), Rejected),
        (refusal(400, "EntityTooLarge"), Rejected),
        (refusal(409, "ObjectParentIsFile"), Rejected),
    ],
    ids=lambda value: value.body.decode()[13:40] if isinstance(value, Answer) else "",
)
def test_what_a_refusal_of_a_put_means(gateway, store, content, answer, kind):
    store.says = puts(answer)
    error = published(gateway, content).error
    assert type(error) is kind, error
    assert str(error).startswith("lake:f: ") or isinstance(error, Unavailable)
    assert "s3cret-of-station7" not in str(error)


@BOTH
def test_the_store_says_when_it_wants_to_be_asked_again(gateway, store, content):
    gateway.session()
    store.says = lambda _asked: refusal(503, "SlowDown", ("Retry-After", "7"))
    error = published(gateway, content).error
    assert isinstance(error, Unavailable)
    assert error.retry_after == 7


def test_what_a_busy_store_did_not_take_is_sent_again_and_nothing_twice(gateway, store):
    busy = {"f1", "f3"}

    def says(asked: Asked) -> Answer | None:
        if asked.method == "PUT" and asked.key in busy:
            busy.discard(asked.key)
            return refusal(503, "SlowDown")
        return None

    store.says = says
    patient = gateway.using(retries=RetryPolicy(max=2, backoff=0.01, cap=0.02))
    sent = list(patient.publish([Upload(b"%d" % n, f"p{n}", f"f{n}") for n in range(6)]))
    assert {one.error for one in sent} == {None}
    assert sorted(store.objects) == [f"f{n}" for n in range(6)]
    assert store.count("PUT") == 8


@BOTH
def test_an_etag_that_is_no_md5_leads_to_a_comparison(gateway, store, content):
    store.etag = lambda _content: "of-its-own-mind"
    sent = published(gateway, content)
    assert sent.published.proof is None
    assert gateway.verify([sent], "content") == ["readback"]
    store.objects["f"] = bytes(len(content))
    (error,) = gateway.verify([sent], "content")
    assert isinstance(error, Unavailable)


@BOTH
def test_a_store_that_keeps_other_bytes_is_found_out(gateway, store, content):
    def says(asked: Asked) -> Answer | None:
        if asked.method != "PUT":
            return None
        return store.plainly(asked._replace(body=asked.body[:-1] + b"?"))

    store.says = says
    sent = published(gateway, content)
    assert (sent.error, sent.published.proof) == (None, None)
    assert isinstance(gateway.verify([sent], "content")[0], Unavailable)


def test_a_checksum_that_the_store_repeats_proves_nothing(gateway, store):
    def says(asked: Asked) -> Answer | None:
        if asked.method != "PUT":
            return None
        told = (("ETag", '"0"'), ("x-amz-checksum-sha256", asked.headers.get("x-amz-checksum-sha256", "")))
        return store.plainly(asked)._replace(headers=told)

    store.says = says
    assert published(gateway, SMALL).published.proof is None


def in_parts(store: MisbehavingStore, sha256: str | None) -> None:
    """Lets a store take an upload, and tell this SHA-256 at its end; None: it refuses to hear of one."""
    algorithm, md5s = "x-amz-checksum-algorithm", dict[str, bytes]()

    def says(asked: Asked) -> Answer | None:
        if asked.method == "PUT":
            md5s[asked.query] = hashlib.md5(asked.body).digest()
        if asked.method != "POST":
            return None
        if "uploadId" not in asked.query:
            if sha256 is None and algorithm in asked.headers:
                return refusal(501, "NotImplemented")
            begun = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            return Answer(200, begun, () if sha256 is None else ((algorithm, "SHA256"),))
        etag = hashlib.md5(b"".join(md5s[query] for query in sorted(md5s))).hexdigest()
        told = f"<ChecksumSHA256>{sha256}</ChecksumSHA256>" if sha256 else ""
        done = f"<CompleteMultipartUploadResult><ETag>{etag}-{len(md5s)}</ETag>{told}</CompleteMultipartUploadResult>"
        return Answer(200, done.encode())

    store.says = says


def together(*contents: bytes) -> str:
    """The SHA-256 of an upload of these parts."""
    joined = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents))
    return f"{base64.b64encode(joined.digest()).decode()}-{len(contents)}"


@pytest.mark.parametrize(
    ("told", "header", "proof"),
    [
        (together(MIDDLING[:-1], b"!"), "x-amz-checksum-sha256", "hash"),
        (together(MIDDLING[:-1], b"?"), "x-amz-checksum-sha256", None),
        ("", "x-amz-checksum-sha256", None),
        (None, "content-md5", "hash"),
    ],
    ids=["theirs", "another one", "none", "refused"],
)
def test_parts_are_known_by_the_hash_that_the_store_tells_of_them_together(
    gateway, store, monkeypatch, told, header, proof
):
    monkeypatch.setattr(S3, "part", len(MIDDLING) - 1)
    in_parts(store, told)
    sent = published(gateway, MIDDLING)
    assert (sent.error, sent.published.proof) == (None, proof)
    assert [header in asked.headers for asked in store.asked if asked.method == "PUT"] == [True, True]


def test_amazon_is_sent_a_sha256_and_believed(store, monkeypatch):
    monkeypatch.setattr(Account, "at_aws", True)
    store.etag = lambda _content: "encrypted"
    with a_gateway(store, monkeypatch, region="eu-west-3") as gateway:
        assert published(gateway, SMALL).published.proof == "hash"
        assert published(gateway, MIDDLING).published.proof == "hash"
    small, middling = (asked for asked in store.asked if asked.method == "PUT")
    assert "x-amz-checksum-sha256" in small.headers
    assert "content-md5" in middling.headers


@BOTH
def test_a_store_that_heeds_no_condition_is_looked_at_before(gateway, store, content):
    store.objects["f"] = b"theirs"
    error = published(gateway, content, replace=False).error
    assert isinstance(error, Rejected)
    assert (store.objects, store.count("PUT")) == ({"f": b"theirs"}, 0)


@BOTH
def test_a_store_that_does_not_know_conditions_takes_the_file_all_the_same(gateway, store, content):
    def says(asked: Asked) -> Answer | None:
        return refusal(501, "NotImplemented") if "if-none-match" in asked.headers else None

    store.says = says
    assert published(gateway, content, replace=False).error is None
    assert store.objects == {"f": content}


@BOTH
def test_our_own_object_whose_answer_was_lost_is_nobody_elses(gateway, store, content):
    def says(asked: Asked) -> Answer | None:
        if asked.method != "PUT":
            return None
        store.plainly(asked)
        return refusal(412, "PreconditionFailed")

    store.says = says
    sent = published(gateway, content, replace=False)
    assert (sent.error, sent.published.proof) == (None, "hash")


def test_an_object_that_is_another_one_by_now_is_not_read(gateway, store, tmp_path):
    store.objects["f"] = b"new"  # and the store does not heed If-Match
    for size in (3, 5 << 20):
        (found,) = gateway.get_many([RemoteFile("f", size, etag="of-the-old")], tmp_path)
        assert isinstance(found, Changed)
    with pytest.raises(Changed):
        list(gateway._read_on(gateway.session(), RemoteFile("f", 3, etag="of-the-old"), 1))


def test_a_store_without_ranges_is_read_from_the_start(gateway, store):
    store.objects["f"] = b"0123456789"
    assert b"".join(gateway._read(gateway.session(), "f", 4)) == b"456789"


def test_a_bucket_that_is_not_there_is_no_absence(store, monkeypatch):
    with a_gateway(store, monkeypatch) as gateway:
        gateway.session()
        store.says = lambda asked: Answer(404) if asked.method == "HEAD" else refusal(404, "NoSuchBucket")
        for call in (gateway.stat, gateway.read, lambda path: gateway.stat_many([path, "other"]), gateway.ls):
            with pytest.raises(Denied, match="no such bucket"):
                list(call("f"))


def test_wrong_credentials_are_told_once_and_never_asked_for_again(store, monkeypatch):
    store.says = lambda _asked: refusal(403, "InvalidAccessKeyId")
    gateway = a_gateway(store, monkeypatch).using(retries=RetryPolicy(max=3, backoff=0.01))
    for _ in range(3):
        with pytest.raises(Denied, match="access key is not known"):
            gateway.stat("f")
    assert len(store.asked) == 1


def test_who_may_not_list_may_still_publish(store, monkeypatch):
    store.says = lambda asked: None if asked.key else refusal(403, "AccessDenied")
    with a_gateway(store, monkeypatch) as gateway:
        assert published(gateway, SMALL).error is None


def test_a_store_in_another_region_is_followed_there(store, monkeypatch):
    """As Amazon answers somebody who did not say where the bucket is."""

    def says(asked: Asked) -> Answer | None:
        if "/eu-west-3/s3/" in asked.headers.get("authorization", ""):
            return None
        return refusal(400, "AuthorizationHeaderMalformed", ("x-amz-bucket-region", "eu-west-3"))

    store.says = says
    with a_gateway(store, monkeypatch) as gateway:
        assert published(gateway, SMALL).error is None
    with pytest.raises(Denied, match="region = 'eu-west-3'"):
        a_gateway(store, monkeypatch, region="us-west-1").stat("f")


def test_a_listing_leaves_out_what_makes_no_path_and_says_so(gateway, store, caplog):
    def entry(key: str) -> str:
        when = "<LastModified>2026-11-21T18:00:00.123Z</LastModified>"
        return f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;e&quot;</ETag>{when}</Contents>"

    keys = "".join(map(entry, ["d/", "d/a", "d/.", "d/.."]))
    prefixes = "".join(f"<CommonPrefixes><Prefix>{p}</Prefix></CommonPrefixes>" for p in ("d//", "d/../", "d/sub/"))
    store.says = lambda asked: None if asked.key else Answer(200, EMPTY_BEGIN + f"{keys}{prefixes}".encode() + END)
    found = list(gateway.ls("d"))
    assert [(one.path, one.kind) for one in found] == [("d/a", "file"), ("d/sub", "folder")]
    assert (found[0].mtime_ns, found[0].clock) == (1_795_284_000_000_000_000, 1_000_000_000)
    assert "4 keys" in caplog.text


EMPTY_BEGIN, END = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">', b"</ListBucketResult>"


def test_a_broken_off_listing_is_an_outage(gateway, store):
    store.says = lambda asked: (
        None if asked.key else Answer(200, EMPTY_BEGIN + b"<IsTruncated>true</IsTruncated>" + END)
    )
    with pytest.raises(Unavailable):
        list(gateway.ls("d"))


@pytest.mark.parametrize("name", [b"\xff".decode("utf-8", "surrogateescape"), "n" * 1025], ids=["no utf-8", "too long"])
def test_a_name_that_no_key_can_be_is_refused_before_a_byte_moves(gateway, store, name):
    (sent,) = gateway.publish([Upload(b"x", "part", name)])
    assert isinstance(sent.error, Rejected)
    with pytest.raises(Rejected):
        gateway.stat(name)
    assert store.count("PUT") == 0


def test_the_time_in_the_metadata_is_told_and_another_one_left_alone(gateway, store):
    def says(asked: Asked) -> Answer | None:
        found = store.plainly(asked)
        told = ("X-Amz-Meta-Mtime", asked.key)
        return found._replace(headers=(*found.headers, told)) if asked.method == "HEAD" else None

    store.says = says
    for key, told in (("1.5", 1_500_000_000), ("-1.5", -1_500_000_000), ("yesterday", 1_795_284_000_000_000_000)):
        store.objects[key] = b"x"
        assert gateway.stat(key).mtime_ns == told


def test_an_empty_answer_to_a_look_is_an_absence_only_if_the_bucket_stands(gateway):
    with pytest.raises(NotFound):
        gateway.stat("f")
    assert isinstance(gateway.stat_many(["f", "g"])[1], NotFound)


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.csv", "text/csv"), ("a.csv.gz", "application/gzip"), ("a.jl.xz", "application/x-xz"), ("README", None)],
)
def test_the_store_is_told_what_a_name_says_of_the_content(gateway, store, name, told):
    gateway.put(b"x", name)
    (put,) = (asked for asked in store.asked if asked.method == "PUT")
    assert put.headers.get("content-type") == told


def test_what_was_put_is_what_was_hashed(gateway, store, tmp_path: Path):
    sent = published(gateway, MIDDLING)
    assert sent.sha256 == hashlib.sha256(MIDDLING).hexdigest()
    assert store.objects["f"] == MIDDLING
