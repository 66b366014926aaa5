"""A large object, sent in parts that a later run goes on with: S3's multipart upload.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html. The upload's id is remembered by whoever asked
for it (`Reading.keep_note`); what has arrived is asked of the store, and each part's hash compared with the file in
hand before it counts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datagw.errors import Changed, Full, NotFound, Rejected, Unavailable, Unsupported
from datagw.gateways.aws import refusals
from datagw.gateways.aws.body import Body
from datagw.gateways.aws.stale import abort, abort_stale, etag_of_parts
from datagw.gateways.front.reading import Block, Reading
from datagw.gateways.objects.store import Facts, Put
from datagw.gateways.objects.threads import Threads

if TYPE_CHECKING:
    from datagw.gateways.aws.bucket import Bucket

_AT_ONCE = 3
_MOST = 10_000  # parts of an upload
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the store has: its number, from 1, its size and the hash by which it is known."""

    number: int
    size: int
    etag: str
    digest: str


class InParts:
    """One upload of one object."""

    def __init__(self, bucket: Bucket, key: str, facts: Facts) -> None:
        self.bucket = bucket
        self.key = key
        self.facts = facts
        self.named = {"Bucket": bucket.name, "Key": key}
        self.client = bucket.client
        self.at_aws = bucket.account.at_aws  # where an ETag may be no MD5, and the checksum is computed for sure
        self.by_sha256 = self.at_aws
        self.id = ""
        self.size = bucket.part
        self.there: dict[int, Part] = {}
        self.gone = False

    def put(self, reading: Reading) -> Put:
        """Goes on with the upload that the note tells of, or begins one; what may go on later is left for that."""
        if not self._goes_on(reading):
            if self.gone and (done := self._done_already(reading)) is not None:
                return done
            self._begin(reading)
        try:
            return self._complete(reading, self._send(reading))
        except Exception as error:
            ours = refusals.of_any(error)
            if refusals.code_of(error)[1] == "NoSuchUpload":
                reading.keep_note(None)
                raise Unavailable("the upload was ended by somebody else; it is begun again") from error
            if isinstance(ours, Changed | NotFound | Rejected) and not isinstance(ours, Full):
                self._abort(reading)
            raise

    # ---- the upload

    def _begin(self, reading: Reading) -> None:
        abort_stale(self.bucket, self.key)
        self.size = max(self.bucket.part, -(-reading.size // _MOST // _BLOCK) * _BLOCK)
        while self.size * _MOST < reading.size:
            self.size += _BLOCK
        answer = self._created()
        self.id = answer["UploadId"]
        self.by_sha256 = self.at_aws or answer.get("ChecksumAlgorithm") == "SHA256"
        self.there = {}
        by = "sha256" if self.by_sha256 else "md5"
        reading.keep_note(json.dumps({"upload": self.id, "part": self.size, "by": by}))

    def _created(self) -> dict[str, Any]:
        """The answer to a new upload, whose parts the store is asked to hash; some refuse what they do not know."""
        given = self.bucket.given(self.facts)
        try:
            return self.client.create_multipart_upload(**self.named, **given, ChecksumAlgorithm="SHA256")
        except Exception as error:
            if self.at_aws or not isinstance(refusals.of_client(error), Rejected | Unsupported):
                raise
            return self.client.create_multipart_upload(**self.named, **given)

    def _goes_on(self, reading: Reading) -> bool:
        """Whether the remembered upload is there, with parts that are those of the file in hand."""
        try:
            note = json.loads(reading.note or "{}")
            self.id, self.size = str(note["upload"]), int(note["part"])
            self.by_sha256 = note.get("by", "sha256" if self.at_aws else "md5") == "sha256"
        except (ValueError, KeyError, TypeError):
            return False
        try:
            self.there = {part.number: part for part in self._listed()}
        except Exception as error:
            if refusals.is_absence(error):
                self.gone = True
                return False
            raise
        count = 0
        while (part := self.there.get(count + 1)) and part.size == min(self.size, reading.size - count * self.size):
            count += 1
        digests = _digests(reading, min(count * self.size, reading.size), self.size, self._hash)
        if digests != [self.there[number + 1].digest for number in range(count)]:
            reading.forget_prefix()
            self._abort(reading)
            return False
        return True

    def _done_already(self, reading: Reading) -> Put | None:
        """The object, where it stands as this file in these parts: an upload that was completed, and nobody heard."""
        try:
            found = self.bucket.found(self.key)
        except Exception as error:
            if refusals.is_absence(error):
                return None
            raise
        if found.size != reading.size:
            return None
        if found.etag == etag_of_parts(_digests(reading, reading.size, self.size, _md5)):
            for _ in reading.blocks(_BLOCK):
                pass  # nothing is left of it; but now it has been read to its end
            reading.keep_note(None)
            return Put(found.etag, "hash")
        reading.forget_prefix()
        return None

    def _listed(self) -> Iterator[Part]:
        more: dict[str, int] = {}
        while True:
            page = self.client.list_parts(**self.named, UploadId=self.id, **more)
            for part in page.get("Parts", ()):
                etag = part["ETag"].strip('"')
                told = part.get("ChecksumSHA256", "")
                digest = base64.b64decode(told).hex() if self.by_sha256 else etag
                yield Part(part["PartNumber"], part["Size"], etag, digest)
            if not page.get("IsTruncated"):
                return
            more = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def _abort(self, reading: Reading) -> None:
        abort(self.bucket, self.key, self.id)
        reading.keep_note(None)

    # ---- the parts

    def _send(self, reading: Reading) -> list[Part]:
        threads = Threads(_AT_ONCE, self.bucket.threads.fence)
        done = dict(self.there)
        stop = threading.Event()
        try:
            for _, future in threads.as_done(self._missing(reading), lambda part: self._send_one(*part, stop)):
                part = future.result()
                done[part.number] = part
                reading.spared += part.size if part is self.there.get(part.number) else 0
        finally:
            stop.set()
            threads.close()
        count = -(-reading.size // self.size)
        return [done[number] for number in range(1, count + 1)]

    def _missing(self, reading: Reading) -> Iterator[tuple[int, list[Block]]]:
        """The parts that follow what was gone on with: number and content."""
        number = reading.offset // self.size + 1
        blocks: list[Block] = []
        size = 0
        for block in reading.blocks(_BLOCK):
            view = memoryview(block)
            while view:
                piece = view[: self.size - size]
                blocks.append(piece)
                size += len(piece)
                view = view[len(piece) :]
                if size == self.size:
                    yield number, blocks
                    number, blocks, size = number + 1, [], 0
        if blocks:
            yield number, blocks

    def _send_one(self, number: int, blocks: list[Block], stop: threading.Event) -> Part:
        try:
            return self._sent(number, blocks, stop)
        finally:
            blocks.clear()  # whoever still holds the list holds no part of the file

    def _sent(self, number: int, blocks: list[Block], stop: threading.Event) -> Part:
        digest = self._hash()
        for block in blocks:
            digest.update(block)
        size = sum(map(len, blocks))
        there = self.there.get(number)
        if there is not None and (there.size, there.digest) == (size, digest.hexdigest()):
            return there
        told = base64.b64encode(digest.digest()).decode("ascii")
        checked = {"ChecksumSHA256": told} if self.by_sha256 else {"ContentMD5": told}
        answer = self.client.upload_part(
            **self.named, UploadId=self.id, PartNumber=number, Body=Body(blocks, stop), **checked
        )
        return Part(number, size, answer["ETag"].strip('"'), digest.hexdigest())

    def _hash(self) -> Any:
        return hashlib.sha256() if self.by_sha256 else _md5()

    # ---- the end

    def _complete(self, reading: Reading, parts: list[Part]) -> Put:
        listed: list[dict[str, Any]] = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        if self.by_sha256:
            for part, entry in zip(parts, listed, strict=True):
                entry["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(part.digest)).decode("ascii")
        condition = {} if self.facts.replace else {"IfNoneMatch": "*"}
        try:
            answer = self.client.complete_multipart_upload(
                **self.named, UploadId=self.id, MultipartUpload={"Parts": listed}, **condition
            )
        except Exception as error:
            if isinstance(refusals.of_client(error), Changed):
                raise Rejected("a file stands there already") from error
            raise
        reading.keep_note(None)
        etag = str(answer.get("ETag", "")).strip('"') or None
        ours = all(part.etag == part.digest for part in parts) and etag == etag_of_parts([part.etag for part in parts])
        return Put(etag, "hash" if ours or self._has_hashed(answer, parts) else None)

    def _has_hashed(self, answer: dict[str, Any], parts: list[Part]) -> bool:
        """Whether the store has compared each part's SHA-256: it tells theirs together, which nobody has told it."""
        if not self.by_sha256 or self.at_aws:
            return self.by_sha256
        joined = hashlib.sha256(b"".join(bytes.fromhex(part.digest) for part in parts))
        told = base64.b64encode(joined.digest()).decode("ascii")
        return answer.get("ChecksumSHA256") == f"{told}-{len(parts)}"


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _digests(reading: Reading, length: int, size: int, make: Callable[[], Any]) -> list[str]:
    """The hashes of the parts that the first `length` bytes make, which are then taken as sent."""
    digests = [make() for _ in range(-(-length // size))]
    at = 0

    def see(block: bytes) -> None:
        nonlocal at
        view = memoryview(block)
        while view:
            number, within = divmod(at, size)
            piece = view[: size - within]
            digests[number].update(piece)
            at += len(piece)
            view = view[len(piece) :]

    reading.hash_prefix(length, see)
    return [digest.hexdigest() for digest in digests]
