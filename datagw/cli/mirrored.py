"""`datagw demo mirror`: a file from a web server to SFTP, S3 and data.gouv.fr, before and after it changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from datagw.cli.endings import DONE
from datagw.cli.printing import print_table
from datagw.cli.telling import check, expect, fact, step
from datagw.cli.units import seconds_of, size_of

if TYPE_CHECKING:
    from datagw.demo.mirror import Mirror
    from datagw.demo.running import Ended

_TITLE = "Exchange rates of the euro, day by day"
_DAYS = 600  # in the file, before it changes


def show_mirror(place: Mirror) -> None:
    """The whole story; raises DemoFailed where something did not go as told."""
    from datagw.demo.mirror import COPIES, DATA_SET, FILE, JOB, exchange_rates

    step("Four servers")
    before, after = exchange_rates(_DAYS), exchange_rates(_DAYS + 1)
    place.publish(before, seconds_ago=3600)
    fact(f"HTTP         {place.web.address(FILE)}: the ministry's file, {size_of(len(before))}")
    fact(f"SFTP         127.0.0.1:{place.sftp.port}: {place.sftp.kind}, its key pinned")
    fact(f"S3           {place.store.url}: {place.store.kind}")
    fact(f"data.gouv.fr {place.udata.page}: udata, the application itself; data set “{DATA_SET}”")

    step(f"The job file, {place.jobs}")
    for line in place.jobs.read_text(encoding="utf-8").splitlines():
        fact(line)

    step(f"datagw run {JOB}")
    _published(place.run(JOB), COPIES)
    _proven(place, before, times=1)
    resource = place.resource()
    for name, where in place.links().items():
        fact(f"{name:<9}  {where}")

    step("Somebody gives it a better title on its page, and then the ministry's file changes")
    place.udata.retitle(str(resource["id"]), _TITLE)
    place.publish(after, seconds_ago=10)
    fact(f"“{resource['title']}” is now called “{_TITLE}”")
    fact(f"{size_of(len(before))}, sha256 {_sha256(before)[:12]} → {size_of(len(after))}, sha256 {_sha256(after)[:12]}")
    said = place.look(JOB)
    expect(said == "run requests for 1 run", f"the switch should have asked for one run, not said: {said}")
    check(f"the switch {JOB}_due has seen it, and asks for a run")

    step(f"datagw run {JOB}, once")
    _published(place.run(JOB), COPIES)
    _proven(place, after, times=2)
    _kept(resource, place.resource())

    step("A third look")
    ended = place.run(JOB)
    expect(ended.code == DONE, f"it ended with {ended.code}\n{ended.log}")
    expect(not ended.document["runs"], f"it should not have cost a run, but did: {ended.document['runs']}")
    said = place.look(JOB)
    expect(said == "skipping: nothing due", f"the switch should have found nothing due, not said: {said}")
    _counted(place, times=2)
    check(f"nothing due, found out in {seconds_of(ended.seconds)}: no run, no receipt, no upload more")


def _published(ended: Ended, copies: tuple[str, ...]) -> None:
    """One run in which each copy was sent once."""
    expect(ended.code == DONE, f"the run ended with {ended.code}\n{ended.log}")
    expect(len(ended.document["runs"]) == 1, f"there should have been one run, not {len(ended.document['runs'])}")
    sent = {copy["copy"]: copy["sent_files"] for day in ended.document["days"] for copy in day["copies"]}
    expect(sent == dict.fromkeys(copies, 1), f"each copy should have been sent once, not {sent}")
    check(f"one run, {seconds_of(ended.seconds)}: sent once to each of {', '.join(copies)}")


def _proven(place: Mirror, content: bytes, *, times: int) -> None:
    """What each place has is the file of the ministry, and the receipt says the same; as a table."""
    copies = place.copies()
    rows: list[tuple[str, ...]] = []
    for copy in copies:
        expect(copy.content == content, f"{copy.where} is not what the ministry's server has")
        expect(copy.sha256 == _sha256(content), f"the receipt of {copy.name} has another SHA-256: {copy.sha256}")
        expect(copy.verified in ("hash", "readback"), f"{copy.name} is only verified by {copy.verified}")
        rows.append(
            (copy.name, size_of(len(copy.content)), copy.verified, str(copy.receipts), _sha256(copy.content)[:12])
        )
    columns = [("copy", "left"), ("size", "right"), ("verified", "left"), ("receipts", "right"), ("sha256", "left")]
    print_table(columns, rows, indent="  ")  # type: ignore[arg-type]
    resource = place.resource()
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    told = (resource["checksum"]["value"], resource["filesize"])
    expect(told == (sha1, len(content)), f"the page on data.gouv.fr tells another checksum or size: {told}")
    check("each fetched by other code and equal, byte for byte; data.gouv.fr tells this size and checksum")
    _counted(place, times=times)
    s = "" if times == 1 else "s"
    check(f"so far {times} run{s}, {times} receipt{s} of each copy, {times} upload{s} by udata's own log")


def _counted(place: Mirror, *, times: int) -> None:
    """As many runs, receipts of each copy and uploads, and one resource."""
    runs, _ = place.history()
    expect(runs == times, f"there should have been {times} runs by now, not {runs}")
    for copy in place.copies():
        expect(copy.receipts == times, f"{copy.name} should have {times} receipts by now, not {copy.receipts}")
    uploads = place.udata.uploads()
    expect(uploads == times, f"udata should have been sent {times} files by now, not {uploads}")


def _kept(before: dict[str, Any], now: dict[str, Any]) -> None:
    expect(now["id"] == before["id"], f"the resource is another one: {now['id']}, not {before['id']}")
    expect(now["title"] == _TITLE, f"its title should have stayed “{_TITLE}”, but is “{now['title']}”")
    check(f"still the one resource {now['id']}, called “{now['title']}”")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
