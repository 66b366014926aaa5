"""One bucket of an S3 store: obstore for what is small and many, botocore for what is large, rare or oddly named.

obstore is the quicker one by far, but it takes no name with control characters, does not tell `folder/` from
`folder`, and would have to hold the whole of what it sends.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from datagw.errors import Changed, Denied, Rejected, Unavailable, Unsupported
from datagw.gateways.aws import refusals
from datagw.gateways.aws.account import Account
from datagw.gateways.aws.body import Body
from datagw.gateways.aws.copies import Copy, compare
from datagw.gateways.aws.parts import InParts
from datagw.gateways.aws.stale import abort_stale
from datagw.gateways.front.duplicates import Known, Memo
from datagw.gateways.front.reading import Block, Reading
from datagw.gateways.objects.store import SECOND, Copied, Facts, Found, Origin, Put, nanoseconds
from datagw.gateways.objects.threads import Threads

if TYPE_CHECKING:
    from obstore.store import S3Store

T = TypeVar("T")

_BLOCK = 1 << 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]|/\Z")
_READ_AT_ONCE = 128 * 1024  # bytes; the content of what is larger is read by the thread that sends it
_PATIENCE = 900.0  # seconds
_GRACE = timedelta(days=1)  # by which an upload may be younger than what the ledger knows of it
_LARGE_AT_ONCE = 2  # objects of more than `small` bytes that are held in memory


class Bucket:
    """A session. `written` are what every object is given: storage class, ACL, encryption, by botocore's names."""

    def __init__(
        self,
        account: Account,
        written: dict[str, str],
        fence: Callable[[], None],
        warn: Callable[[str], None],
        *,
        small: int,
        part: int,
    ) -> None:
        self.account = account
        self.name = account.bucket
        self.written = written
        self.warn = warn
        self.small = small
        self.part = part
        self.threads = Threads(account.connections, fence)
        self.stop = threading.Event()
        self._session = account.session()
        self.client = account.client(self._session)
        self._patient: Any = None
        self._store: S3Store | None = None
        self._large = threading.Semaphore(_LARGE_AT_ONCE)
        self.copies_in_parts = threading.Semaphore(_LARGE_AT_ONCE)
        self._lock = threading.Lock()
        self._conditional = True
        self.extras = True  # whether the store takes what not every one knows: a checksum, a condition on a copy
        self.copies = True  # whether it knows CopyObject, as far as we have been told

    def close(self) -> None:
        """Ends what is under way, threads and connections."""
        self.stop.set()
        self.threads.close()
        self.client.close()
        if self._patient is not None:
            self._patient.close()

    # ---- the account

    def reach(self, prefix: str) -> None:
        """One look, so that wrong credentials and a bucket that is not there are told at once, and once.

        A bucket that we may not list is no error yet: what is asked of it will tell.
        """
        try:
            self._list_one(prefix)
        except Exception as error:
            ours = refusals.of_client(error)
            region = refusals.region_of(error)
            if region is not None and self.account.region is None and region != self.client.meta.region_name:
                self.client.close()
                self.client = self.account.client(self._session, region)
                self._list_one(prefix)
            elif (
                not isinstance(ours, Denied)
                or refusals.code_of(error) != (403, "AccessDenied")
                or refusals.is_of_the_role(error)
            ):
                raise

    def _list_one(self, prefix: str) -> bool:
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, MaxKeys=1)
        return bool(found.get("Contents") or found.get("CommonPrefixes"))

    @property
    def store(self) -> S3Store:
        """obstore's client, made when it is needed."""
        with self._lock:
            if self._store is None:
                self._store = self.account.store(self._session, self.client, self.written)
            return self._store

    @property
    def patient(self) -> Any:
        """A client for what takes the store its time: it says nothing before a copy is made."""
        with self._lock:
            if self._patient is None:
                self._patient = self.account.client(self._session, self.client.meta.region_name, patience=_PATIENCE)
            return self._patient

    # ---- looking

    def page(self, prefix: str, after: str | None) -> tuple[list[Found | str], str | None]:
        """At most a thousand."""
        more = {} if after is None else {"ContinuationToken": after}
        page = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, Delimiter="/", **more)
        found: list[Found | str] = [
            Found(entry["Key"], entry["Size"], _etag(entry.get("ETag")), _moment(entry.get("LastModified")))
            for entry in page.get("Contents", ())
        ]
        found += [entry["Prefix"] for entry in page.get("CommonPrefixes", ())]
        found.sort(key=lambda entry: entry if isinstance(entry, str) else entry.key)
        if not page.get("IsTruncated"):
            return found, None
        if not page.get("NextContinuationToken"):
            raise Unavailable("the store broke off a listing without a word on how to go on")
        return found, page["NextContinuationToken"]

    def any_below(self, prefix: str) -> bool:
        return self._list_one(prefix)

    def found(self, key: str) -> Found:
        if _CONTROL.search(key):
            head = self.client.head_object(Bucket=self.name, Key=key)
            mtime = head.get("Metadata", {}).get("mtime")
            return Found(
                key, head["ContentLength"], _etag(head.get("ETag")), _moment(head["LastModified"]), nanoseconds(mtime)
            )
        import obstore

        told = self._quickly(lambda: obstore.get(self.store, key, options={"head": True}))
        metadata = {name.lower(): value for name, value in told.attributes.items()}
        return Found(
            key,
            told.meta["size"],
            _etag(told.meta["e_tag"]),
            _moment(told.meta["last_modified"]),
            nanoseconds(metadata.get("mtime")),
        )

    # ---- reading

    def whole(self, key: str, etag: str | None) -> bytes:
        if _CONTROL.search(key):
            return b"".join(self.stream(key, 0, etag))
        import obstore

        told = self._quickly(
            lambda: obstore.get(self.store, key, options={} if etag is None else {"if_match": f'"{etag}"'})
        )
        _check(etag, told.meta["e_tag"])
        return bytes(told.bytes())

    def stream(self, key: str, offset: int, etag: str | None) -> Iterator[bytes]:
        asked: dict[str, str] = {}
        if offset:
            asked["Range"] = f"bytes={offset}-"
        if etag is not None:
            asked["IfMatch"] = f'"{etag}"'
        try:
            told = self.client.get_object(Bucket=self.name, Key=key, **asked)
        except Exception as error:
            if offset and refusals.code_of(error)[0] == 416:
                return  # nothing behind the last byte
            raise
        body = told["Body"]
        try:
            _check(etag, told.get("ETag"))
            skip = 0 if str(told.get("ContentRange", "")).startswith(f"bytes {offset}-") else offset
            while block := body.read(_BLOCK):
                if skip < len(block):
                    yield block[skip:] if skip else block
                skip = max(0, skip - len(block))
        finally:
            body.close()

    # ---- writing

    def begin(self, key: str, reading: Reading, facts: Facts) -> Callable[[], Put]:
        if reading.size > self.part:
            return partial(self._put_in_parts, key, reading, facts)
        if reading.size > self.small or "ACL" in self.written or _CONTROL.search(key):
            return partial(self._put_plainly, key, reading, facts)
        if reading.size <= _READ_AT_ONCE:
            return self._ready_to_put(key, reading, facts)

        def put() -> Put:
            return self._ready_to_put(key, reading, facts)()

        return put

    def _ready_to_put(self, key: str, reading: Reading, facts: Facts) -> Callable[[], Put]:
        """All that can be done before the request."""
        attributes: dict[Any, str] = dict(facts.metadata)
        if facts.content_type is not None:
            attributes["Content-Type"] = facts.content_type
        if (storage_class := self.written.get("StorageClass")) is not None:
            attributes["Storage-Class"] = storage_class
        content = b"".join(reading.blocks(_BLOCK))
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return partial(self._put_quickly, key, content, digest, attributes, replace=facts.replace)

    def _put_quickly(self, key: str, content: bytes, digest: str, attributes: dict[Any, str], *, replace: bool) -> Put:
        import obstore

        if not replace:
            self._refuse_what_stands(key)
        mode = "overwrite" if replace or not self._conditional else "create"
        try:
            told = self._quickly(
                lambda: obstore.put(self.store, key, content, attributes=attributes, mode=mode, use_multipart=False)
            )
        except Exception as error:
            ours = refusals.of_obstore(error)
            if mode == "create" and isinstance(ours, Unsupported):
                self._conditional = False
                return self._put_quickly(key, content, digest, attributes, replace=replace)
            if mode == "create" and isinstance(ours, Rejected) and self._is_equal(key, digest):
                return Put(digest, "hash")  # of an earlier try whose answer was lost
            raise
        return self._judged(told["e_tag"], digest)

    def _put_plainly(self, key: str, reading: Reading, facts: Facts) -> Put:
        if not facts.replace:
            self._refuse_what_stands(key)
        with self._large:
            return self._put_blocks(key, list(reading.blocks(_BLOCK)), facts)

    def _put_blocks(self, key: str, blocks: Sequence[Block], facts: Facts) -> Put:
        digest = hashlib.md5(usedforsecurity=False)
        for block in blocks:
            digest.update(block)
        given = self.given(facts)
        if not facts.replace and self._conditional:
            given["IfNoneMatch"] = "*"
        md5 = base64.b64encode(digest.digest()).decode("ascii")
        try:
            told = self.client.put_object(
                Bucket=self.name, Key=key, Body=Body(blocks, self.stop), ContentMD5=md5, **given
            )
        except Exception as error:
            ours = refusals.of_client(error)
            if not facts.replace and isinstance(ours, Unsupported):
                self._conditional = False
                return self._put_blocks(key, blocks, facts)
            if not facts.replace and isinstance(ours, Changed):
                if self._is_equal(key, digest.hexdigest()):
                    return Put(digest.hexdigest(), "hash")
                raise Rejected("a file stands there already") from error
            raise
        return self._judged(told.get("ETag"), digest.hexdigest())

    def _put_in_parts(self, key: str, reading: Reading, facts: Facts) -> Put:
        if not facts.replace:
            self._refuse_what_stands(key)
        with self._large:
            return InParts(self, key, facts).put(reading)

    def copy(self, origin: Origin, key: str, facts: Facts, memo: Memo) -> Copied:
        return Copy(self, origin, key, facts, memo).make()

    def compare(self, origin: Origin, key: str, etag: str | None) -> Known:
        return compare(self, origin, key, etag)

    def given(self, facts: Facts) -> dict[str, Any]:
        """What an object is made with, by botocore's names."""
        found: dict[str, Any] = {**self.written, "Metadata": facts.metadata}
        if facts.content_type is not None:
            found["ContentType"] = facts.content_type
        return found

    def _judged(self, etag: str | None, md5: str) -> Put:
        """An ETag that is the MD5 of what was sent is the store's own; Amazon has compared even where it is none."""
        etag = _etag(etag)
        return Put(etag, "hash" if etag == md5 or self.account.at_aws else None)

    def _refuse_what_stands(self, key: str) -> None:
        try:
            self.found(key)
        except Exception as error:
            if refusals.is_absence(error):
                return
            raise
        raise Rejected("a file stands there already")

    def _is_equal(self, key: str, md5: str) -> bool:
        return self.found(key).etag == md5

    def abandon(self, key: str) -> int:
        return abort_stale(self, key, _GRACE)

    def remove(self, key: str) -> None:
        if _CONTROL.search(key):
            self.client.delete_object(Bucket=self.name, Key=key)
            return
        import obstore

        self._quickly(lambda: obstore.delete(self.store, key))

    def _quickly(self, call: Callable[[], T]) -> T:
        """A call of obstore; it does not tell for how long a store wants to be left alone: botocore is asked for it."""
        try:
            return call()
        except Exception as error:
            ours = refusals.of_obstore(error)
            if not isinstance(ours, Unavailable) or not refusals.is_throttling(error):
                raise
            try:
                self.client.head_bucket(Bucket=self.name)
            except Exception as again:
                if (told := refusals.of_client(again)) is None:
                    raise
                ours.retry_after = told.retry_after if isinstance(told, Unavailable) else None
            raise ours from error


def _check(wanted: str | None, found: str | None) -> None:
    """Some stores do not heed a condition."""
    if wanted is not None and _etag(found) != wanted:
        raise Changed("the object is another one by now")


def _etag(text: str | None) -> str | None:
    return text.strip('"') if text else None


def _moment(when: datetime | None) -> int | None:
    """In whole seconds: more is told by some answers of a store and not by others."""
    return None if when is None else int(when.timestamp()) * SECOND
