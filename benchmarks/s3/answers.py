"""What an S3 server says, byte for byte."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote
from xml.sax.saxutils import escape

_REASONS = {200: "OK", 204: "No Content", 404: "Not Found", 501: "Not Implemented"}
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMES = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Listed(Protocol):
    """What a list tells of an object."""

    etag: str
    changed: float

    @property
    def size(self) -> int: ...


def now() -> float:
    return time.time()


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request that are given back with the object."""
    return {name: value for name, value in headers.items() if name.startswith("x-amz-meta-") or name == "content-type"}


def plain(content: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
    if not (headers and "Content-Length" in headers) and status != 204:
        lines.append(f"Content-Length: {len(content)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def _xml(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    headers = {"Content-Type": "application/xml", **(headers or {})}
    return plain((_XML + text).encode(), status=status, headers=headers)


def refused(status: int, code: str, method: str = "") -> bytes:
    if method == "HEAD":
        return plain(status=status)
    return _xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)


def location() -> bytes:
    return _xml(f"<LocationConstraint {_NAMES}></LocationConstraint>")


def no_uploads() -> bytes:
    return _xml(f"<ListMultipartUploadsResult {_NAMES}><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")


def begun(key: str, upload: str, algorithm: str | None) -> bytes:
    """An upload, and the hash of its parts that is to be told at its end."""
    return _xml(
        f"<InitiateMultipartUploadResult {_NAMES}><Bucket>bucket</Bucket><Key>{escape(key)}</Key>"
        f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>",
        headers={"x-amz-checksum-algorithm": "SHA256"} if algorithm == "SHA256" else {},
    )


def completed(key: str, etag: str, sha256: str | None) -> bytes:
    checksum = f"<ChecksumSHA256>{sha256}</ChecksumSHA256>" if sha256 else ""
    return _xml(
        f"<CompleteMultipartUploadResult {_NAMES}><Bucket>bucket</Bucket><Key>{escape(key)}</Key>"
        f'<ETag>"{etag}"</ETag>{checksum}</CompleteMultipartUploadResult>'
    )


def parts(upload: str, known: Mapping[int, tuple[int, str]]) -> bytes:
    listed = "".join(
        f'<Part><PartNumber>{number}</PartNumber><ETag>"{etag}"</ETag><Size>{size}</Size></Part>'
        for number, (size, etag) in sorted(known.items())
    )
    return _xml(
        f"<ListPartsResult {_NAMES}><UploadId>{upload}</UploadId><IsTruncated>false</IsTruncated>{listed}"
        "</ListPartsResult>"
    )


def listing(query: Mapping[str, str], objects: Mapping[str, Listed]) -> bytes:
    """ListObjectsV2, or the older list; the token is the last name that was told."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = min(int(query.get("max-keys") or 1000), 1000)
    after = query.get("continuation-token") or query.get("start-after") or query.get("marker") or ""
    names: list[str] = []
    for key in sorted(objects):
        if not key.startswith(prefix):
            continue
        name, within, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key[len(prefix) :], "", "")
        told = prefix + name + within
        if told > after and (not names or names[-1] != told):
            names.append(told)
    more, names = len(names) > most, names[:most]

    def shown(text: str) -> str:
        return quote(text) if query.get("encoding-type") == "url" else escape(text)

    found = [f"<Name>bucket</Name><Prefix>{shown(prefix)}</Prefix><KeyCount>{len(names)}</KeyCount>"]
    found.append(f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>")
    if query.get("encoding-type") == "url":
        found.append("<EncodingType>url</EncodingType>")
    if more:
        found.append(f"<NextContinuationToken>{escape(names[-1])}</NextContinuationToken>")
        found.append(f"<NextMarker>{shown(names[-1])}</NextMarker>")
    for name in names:
        if delimiter and name.endswith(delimiter) and name not in objects:
            found.append(f"<CommonPrefixes><Prefix>{shown(name)}</Prefix></CommonPrefixes>")
            continue
        entry = objects[name]
        found.append(
            f"<Contents><Key>{shown(name)}</Key><LastModified>{_moment(entry.changed)}</LastModified>"
            f'<ETag>"{entry.etag}"</ETag><Size>{entry.size}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        )
    return _xml(f"<ListBucketResult {_NAMES}>{''.join(found)}</ListBucketResult>")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
