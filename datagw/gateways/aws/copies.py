"""Copies that the store makes by itself, so that nobody downloads anything: CopyObject, and UploadPartCopy for parts.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html and API_UploadPartCopy.html. What was sent in parts
is copied in the same parts: then an equal ETag says of both, and of any store that makes its ETags as Amazon's, that
they are equal. Of other copies the store is asked for the SHA-256.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from datagw.errors import Changed, NotFound, Rejected, Unavailable, Unsupported
from datagw.gateways.aws import refusals
from datagw.gateways.aws.stale import abort, abort_stale, etag_of_parts
from datagw.gateways.front.duplicates import Known, Memo, NotByItself
from datagw.gateways.objects.store import Copied, Facts, Origin, nanoseconds
from datagw.gateways.objects.threads import Threads

if TYPE_CHECKING:
    from datagw.gateways.aws.bucket import Bucket

_WHOLE = 5 << 30  # bytes that one CopyObject takes
_QUICK = 64 << 20  # bytes; for the copy of a larger object the store is given time
_PART = 512 << 20  # of what has no parts of its own, and is too large
_AT_ONCE = 4
_AS_MD5 = re.compile(r"[0-9a-f]{32}(-\d+)?")
_STRONG = ("ChecksumSHA256", "ChecksumSHA512", "ChecksumSHA1", "ChecksumCRC64NVME")
_KEPT = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
_NO_TYPE = (None, "", "binary/octet-stream", "application/octet-stream")
_NO_COPIES = "the store does not copy by itself"
_Head = dict[str, Any]


def compare(bucket: Bucket, origin: Origin, key: str, etag: str | None) -> Known:
    """What the store knows of an object and of another one, which it did not copy just now."""
    theirs = _look(bucket, origin)
    ours: _Head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
    if etag is not None and _etag(ours) != etag:
        return Known()
    # of what others have uploaded, a store may tell the checksum that it was told
    return Known(_proof(theirs, ours), _sha256(ours) if bucket.account.at_aws else "")


class Copy:
    """One copy of one object."""

    def __init__(self, bucket: Bucket, origin: Origin, key: str, facts: Facts, memo: Memo) -> None:
        self.bucket = bucket
        self.client = bucket.client
        self.origin = origin
        self.key = key
        self.facts = facts
        self.memo = memo
        self.named = {"Bucket": bucket.name, "Key": key}
        self.source: dict[str, Any] = {"CopySource": {"Bucket": origin.bucket, "Key": origin.key}}
        if origin.etag is not None:
            self.source["CopySourceIfMatch"] = f'"{origin.etag}"'

    def make(self) -> Copied:
        """The copy, and how it is known; what it has of its origin beside the content stays with it."""
        if (self.origin.bucket, self.origin.key) == (self.bucket.name, self.key):
            raise Rejected("the source stands at the destination: they are one and the same file")
        if not self.bucket.copies:
            raise NotByItself(_NO_COPIES)
        head = _look(self.bucket, self.origin)
        given = self._given(head)
        if not self.facts.replace and (standing := self._standing(head)) is not None:
            return standing
        sizes = self._parts_of(head)
        try:
            etag = self._in_turn(sizes, given) if sizes else self._whole(given)
        except Exception as error:
            self._tell(error)
            raise
        found: _Head = self.client.head_object(**self.named, ChecksumMode="ENABLED")
        if _etag(found) != etag:
            return Copied(etag, None, Known())  # somebody else's by now, or a store that says so: to be compared
        if found["ContentLength"] != self.origin.size:
            raise Unavailable(f"stands there with {found['ContentLength']} bytes instead of {self.origin.size}")
        return _copied(found, _sha256(found), _proof(head, found))

    # ---- before

    def _given(self, head: _Head) -> dict[str, Any]:
        """What the copy is made with: as a put would have it, and what the origin has and no setting says."""
        given = self.bucket.given(self.facts)
        theirs: dict[str, str] = head.get("Metadata", {})
        plain = {name: value for name, value in theirs.items() if name.isascii() and value.isascii()}
        if len(plain) < len(theirs):
            self.bucket.warn(f"{self.origin.key}: metadata that are not ASCII are not copied")
        given["Metadata"] = {**plain, **self.facts.metadata}
        if nanoseconds(plain.get("mtime")) is not None:
            given["Metadata"]["mtime"] = plain["mtime"]
        kept = {name: head[name] for name in _KEPT if head.get(name)}
        if kept.get("ContentType") in _NO_TYPE:
            kept["ContentType"] = self.facts.content_type or kept.get("ContentType")
        return {**given, **{name: value for name, value in kept.items() if value}}

    def _standing(self, head: _Head) -> Copied | None:
        """What must be kept: nothing; or an equal object, perhaps of an earlier try whose answer was lost."""
        try:
            found: _Head = self.client.head_object(**self.named, ChecksumMode="ENABLED")
        except Exception as error:
            if refusals.is_absence(error):
                return None
            raise
        if _proof(head, found) is None:
            raise Rejected("a file stands there already")
        return _copied(found, "", _proof(head, found))

    def _parts_of(self, head: _Head) -> list[int]:
        """The sizes of the parts that the origin was sent in; none where it was sent whole."""
        count = int((_etag(head) or "").partition("-")[2] or 0)
        size = self.origin.size
        if count and (first := self._part(1, count)) is not None:
            if first * (count - 1) < size <= first * count and self._part(count, count) == size - first * (count - 1):
                return _even(size, first)
            sizes = [first, *(self._part(number, count) or 0 for number in range(2, count + 1))]
            if sum(sizes) == size and all(sizes):
                return sizes
        return _even(size, _PART) if size > _WHOLE else []

    def _part(self, number: int, count: int) -> int | None:
        named = {"Bucket": self.origin.bucket, "Key": self.origin.key}
        try:
            head: _Head = self.client.head_object(**named, PartNumber=number)
        except Exception as error:
            if isinstance(refusals.of_client(error), Rejected | Unsupported):
                return None  # a store that does not tell
            raise
        return int(head["ContentLength"]) if head.get("PartsCount") == count else None

    # ---- in one request

    def _whole(self, given: dict[str, Any]) -> str | None:
        asked = {**given, **self.source, "MetadataDirective": "REPLACE"}
        if self.bucket.extras:
            asked["ChecksumAlgorithm"] = "SHA256"
            if not self.facts.replace:
                asked["IfNoneMatch"] = "*"
        client = self.bucket.patient if self.origin.size > _QUICK else self.client
        try:
            answer = client.copy_object(**self.named, **asked)
        except Exception as error:
            if self.bucket.extras and isinstance(refusals.of_client(error), Unsupported):
                self.bucket.extras = False
                return self._whole(given)
            if _is_unknown(error):
                self.bucket.copies = False
                raise NotByItself(_NO_COPIES) from error
            raise
        return _etag(answer["CopyObjectResult"])

    # ---- in parts

    def _in_turn(self, sizes: list[int], given: dict[str, Any]) -> str | None:
        with self.bucket.copies_in_parts:  # several requests each
            return self._in_parts(sizes, given)

    def _in_parts(self, sizes: list[int], given: dict[str, Any]) -> str | None:
        upload, there = self._gone_on_with(sizes)
        resumed = bool(there)
        if upload is None:
            abort_stale(self.bucket, self.key)
            upload = str(self.client.create_multipart_upload(**self.named, **given)["UploadId"])
            self.memo.put_down(json.dumps({"upload": upload, "parts": len(sizes), "first": sizes[0]}))
        try:
            etags = self._copied_parts(upload, sizes, there)
            if resumed and etag_of_parts(etags) != self.origin.etag:
                raise NotFound("parts of something else")
            return self._complete(upload, etags)
        except Exception as error:
            ours = refusals.of_any(error)
            lasting = isinstance(ours, Changed | NotFound | Rejected | Unsupported)
            if lasting or self.memo.keep is None:
                abort(self.bucket, self.key, upload)
                self.memo.put_down(None)
            if isinstance(ours, NotFound) and (resumed or refusals.code_of(error)[1] == "NoSuchUpload"):
                raise Unavailable("the copy that was begun cannot be gone on with; it is begun again") from error
            raise

    def _gone_on_with(self, sizes: list[int]) -> tuple[str | None, dict[int, str]]:
        """The upload that the memo tells of, and what it has: ETags of parts by number."""
        try:
            note = json.loads(self.memo.note or "{}")
            upload, shape = str(note["upload"]), (note["parts"], note["first"])
        except (ValueError, KeyError, TypeError):
            return None, {}
        if shape != (len(sizes), sizes[0]):
            return None, {}
        there: dict[int, str] = {}
        try:
            for page in self.client.get_paginator("list_parts").paginate(**self.named, UploadId=upload):
                for part in page.get("Parts", ()):
                    if part["PartNumber"] <= len(sizes) and part["Size"] == sizes[part["PartNumber"] - 1]:
                        there[part["PartNumber"]] = part["ETag"].strip('"')
        except Exception as error:
            if refusals.is_absence(error):
                return None, {}
            raise
        return upload, there

    def _copied_parts(self, upload: str, sizes: list[int], there: dict[int, str]) -> list[str]:
        ends = list(accumulate(sizes))

        def missing() -> Iterator[int]:
            return (number for number in range(1, len(sizes) + 1) if number not in there)

        def one(number: int) -> str:
            end, size = ends[number - 1], sizes[number - 1]
            client = self.bucket.patient if size > _QUICK else self.client
            asked = {"PartNumber": number, "CopySourceRange": f"bytes={end - size}-{end - 1}", **self.source}
            try:
                answer = client.upload_part_copy(**self.named, UploadId=upload, **asked)
            except Exception as error:
                if _is_unknown(error):
                    raise NotByItself(_NO_COPIES) from error
                raise
            return str(answer["CopyPartResult"]["ETag"]).strip('"')

        threads = Threads(_AT_ONCE, self.bucket.threads.fence)
        try:
            for number, future in threads.as_done(missing(), one):
                there[number] = future.result()
        finally:
            threads.close()
        return [there[number] for number in range(1, len(sizes) + 1)]

    def _complete(self, upload: str, etags: list[str]) -> str | None:
        listed = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(etags, 1)]
        condition = {} if self.facts.replace else {"IfNoneMatch": "*"}
        answer = self.client.complete_multipart_upload(
            **self.named, UploadId=upload, MultipartUpload={"Parts": listed}, **condition
        )
        self.memo.put_down(None)
        return _etag(answer)

    # ---- what went wrong

    def _tell(self, error: Exception) -> None:
        """Raises what a refusal means: the origin is another one or gone, or something stands at the destination."""
        ours = refusals.of_any(error)
        if isinstance(ours, Changed | NotFound):
            _look(self.bucket, self.origin)
        if isinstance(ours, Changed) and not self.facts.replace:
            raise Rejected("a file stands there already") from error


def _look(bucket: Bucket, origin: Origin) -> _Head:
    """The origin, as it is claimed."""
    where: dict[str, Any] = {"path": origin.path, "gateway": origin.gateway}
    try:
        head: _Head = bucket.client.head_object(Bucket=origin.bucket, Key=origin.key, ChecksumMode="ENABLED")
    except Exception as error:
        if refusals.is_absence(error):
            raise NotFound("the object is gone", **where) from error
        raise
    if head["ContentLength"] != origin.size or origin.etag not in (None, _etag(head)):
        raise Changed("the object is another one by now", **where)
    return head


def _is_unknown(error: Exception) -> bool:
    """Whether the store says that it knows no such request: 501 NotImplemented, or 405 MethodNotAllowed."""
    return isinstance(refusals.of_client(error), Unsupported) or refusals.code_of(error)[0] == 405


def _copied(found: _Head, sha256: str, proof: Any) -> Copied:
    return Copied(_etag(found), nanoseconds(found.get("Metadata", {}).get("mtime")), Known(proof, sha256))


def _proof(theirs: _Head, ours: _Head) -> Any:
    """`hash` where both have the same hash of the whole content, by the store's own account; else None."""
    if theirs["ContentLength"] != ours["ContentLength"]:
        return None
    for name in _STRONG:
        if (found := _checksum(ours, name)) is not None and found == _checksum(theirs, name):
            return "hash"
    etag = _etag(ours)
    plain = all("KMSKeyId" not in name and "Customer" not in name for head in (theirs, ours) for name in head)
    return "hash" if plain and etag == _etag(theirs) and _AS_MD5.fullmatch(etag or "") else None


def _checksum(head: _Head, name: str) -> str | None:
    """A checksum of the whole content; that of an object made of parts may be one of their checksums."""
    found: str | None = head.get(name)
    whole = head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in (found or "")
    return found if whole else None


def _sha256(head: _Head) -> str:
    found = _checksum(head, "ChecksumSHA256")
    return base64.b64decode(found).hex() if found else ""


def _even(size: int, part: int) -> list[int]:
    whole, rest = divmod(size, part)
    return [part] * whole + ([rest] if rest else [])


def _etag(head: _Head) -> str | None:
    found: str | None = head.get("ETag")
    return found.strip('"') if found else None
