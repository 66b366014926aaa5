"""Manifests: one document that says of a copy of a day, or of a job without days, which files belong to it.

It is written last, when every file of the set is proven: whoever waits for it never sees half a set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from datagw.errors import NotFound, Rejected
from datagw.files import RemoteFile, part_name
from datagw.ledger import Receipt
from datagw.publishing.copying import CopyWork

_LONGEST = 1 << 28  # bytes; what is longer, no manifest of ours is


def write_manifest(work: CopyWork) -> bool:
    """Publishes the manifest of a copy that is whole; False where it stands there as it is. Raises GatewayError."""
    path = work.sight.manifest
    if path is None:
        return False
    content = manifest_of(work, _standing(work))
    return put_last(work, path, content, "manifest", lambda held: _is_ours(held, work.job.name))


def put_last(work: CopyWork, path: str, content: bytes, what: str, is_ours: Callable[[bytes], bool]) -> bool:
    """Publishes a document of a copy that is whole; False where it stands there as it is. Raises GatewayError."""
    copies = work.world.ledger.receipts_at(work.job.name, work.copy.name, [path])  # of any day
    if any(receipt.place == work.sight.place for receipt in copies):
        why = f"a copy was published there, perhaps of a file that is gone: choose another `{what}`"
        raise Rejected(why, path=path)
    try:
        there = work.gateway.stat(path)
    except NotFound:
        held = None
    else:
        if there.kind != "file":
            raise Rejected(f"a {there.kind} stands where the {what} goes; move it away", path=path)
        held = work.gateway.read(path) if there.size <= _LONGEST else b""
    if held == content:
        return False
    if held is not None and not work.copy.overwrite and not is_ours(held):
        raise Rejected("a file that datagw did not write stands there, and overwrite = false", path=path)
    part = part_name(f"{work.world.ledger.id} {what} of {work.job.name} {work.day}", path)
    work.gateway.put(content, path, replace=held is not None or work.copy.overwrite, part=part)
    return True


def manifest_of(work: CopyWork, receipts: Iterable[Receipt]) -> bytes:
    """JSON: `job`, `day`, and `files` in the order of their paths, each with `path`, `size`, `sha256` and `version`.

    Paths are relative to the manifest's folder. `sha256` is null where nobody has computed it, `version` (the ETag)
    where the place has none.
    """
    folder = work.copy.template.folder(work.day)
    files = [
        {
            "path": receipt.destination.removeprefix(f"{folder}/"),
            "size": receipt.size,
            "sha256": receipt.sha256 or None,
            "version": receipt.copy_etag,
        }
        for receipt in sorted(receipts, key=lambda receipt: receipt.destination)
    ]
    day = work.day.isoformat() if work.day else None
    return json.dumps({"job": work.job.name, "day": day, "files": files}, indent=1).encode("ascii") + b"\n"


def _standing(work: CopyWork) -> list[Receipt]:
    """The receipts of what belongs to the set: files whose source is gone by now as well."""
    known = [receipt for source, receipt in work.receipts.items() if source in work.done]
    others = [receipt for source, receipt in work.receipts.items() if source not in work.done]
    for receipt, look in zip(others, work.gateway.stat_many([receipt.destination for receipt in others]), strict=True):
        if isinstance(look, RemoteFile):
            known.append(receipt)
        elif not isinstance(look, NotFound):
            raise look
    return known


def _is_ours(held: bytes, job: str) -> bool:
    try:
        said = json.loads(held)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("job") == job and "files" in said  # type: ignore[arg-type]
