"""Uploads in parts that nobody will complete: aborted, at once or when they are a week old."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from datagw.errors import NotFound, Unavailable
from datagw.gateways.aws import refusals

if TYPE_CHECKING:
    from datagw.gateways.aws.bucket import Bucket

STALE = timedelta(days=7)


def abort_stale(bucket: Bucket, key: str, grace: timedelta = timedelta(0)) -> int:
    """Ends the uploads of this very object that were begun a week ago, but for `grace`; how many they were."""
    ended = 0
    more: dict[str, str] = {}
    while True:
        try:
            page = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix=key, **more)
        except Exception as error:
            if isinstance(refusals.of_client(error), Unavailable):
                raise
            return ended  # not allowed to, or not known here: they stay
        for upload in page.get("Uploads", ()):
            if upload["Key"] == key and datetime.now(UTC) - upload["Initiated"] > STALE - grace:
                ended += abort(bucket, key, upload["UploadId"])
        following = {
            "KeyMarker": page.get("NextKeyMarker", ""),
            "UploadIdMarker": page.get("NextUploadIdMarker", ""),
        }
        if not page.get("IsTruncated") or following == more or not following["KeyMarker"].startswith(key):
            return ended
        more = following


def abort(bucket: Bucket, key: str, upload: str) -> bool:
    """Takes away what has arrived of an upload; False where that fails: then it stays until it is a week old."""
    try:
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload)
    except Exception as error:
        ours = refusals.of_client(error)
        if ours is None:
            raise
        if not isinstance(ours, NotFound):
            bucket.warn(f"{key}: an unfinished upload stays in the bucket: {ours}")
        return False
    return True


def etag_of_parts(etags: Sequence[str]) -> str:
    """The ETag that S3 gives an object made of parts with these: the MD5 of their MD5s, and how many they are."""
    try:
        joined = b"".join(map(bytes.fromhex, etags))
    except ValueError:
        return ""
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(etags)}"
