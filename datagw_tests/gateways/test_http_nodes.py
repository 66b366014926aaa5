"""A network whose nodes disagree on ETags: a file is of one version or none, and tries are bounded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Changed, GatewayError, Unavailable
from datagw.files import StagedFile
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw_tests.servers.http_misbehaving import Asked, Line, Misbehaving, Reply, file, raw, told

BIG = random.Random(7).randbytes(3_500_000)
OTHER = random.Random(8).randbytes(3_500_000)
NEVER = "Thu, 01 Jan 2026 00:00:00 GMT"
LATER = "Fri, 02 Jan 2026 00:00:00 GMT"


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def portal(server: Misbehaving, **fields: Any) -> Http:
    patient = RetryPolicy(max=2, backoff=0.01, cap=0.02)
    return Http(url=server.url, timeout=5, **fields).using(name="portal", retries=patient)


def got(gateway: Http, folder: Path) -> StagedFile | GatewayError:
    with gateway:
        (found,) = gateway.get_many([gateway.stat("f")], folder)
    if isinstance(found, GatewayError):
        assert list(folder.iterdir()) == []
    return found


def nodes(*replies: Reply) -> Reply:
    """One node after another."""
    turn = iter(range(10**6))
    return lambda asked, line: replies[next(turn) % len(replies)](asked, line)


def node(number: int, content: bytes = BIG, when: str = NEVER) -> Reply:
    return file(content, ETag=f'"node{number}"', Last_Modified=when)


def cut(content: bytes, number: int, when: str = NEVER) -> Reply:
    """A node that ends the line two million bytes into the file."""
    head = {"Content-Length": len(content), "ETag": f'"node{number}"', "Last-Modified": when}
    return raw(told(200, head), content[:2_000_000])


def firsts(server: Misbehaving) -> list[int]:
    return [one.first for one in server.asked if one.method == "GET"]


def test_without_etags_the_version_is_the_same_at_each_node_and_a_file_goes_on_from_another(
    server: Misbehaving, folder: Path
):
    server.head("/f", nodes(node(1), node(2)))
    server.get("/f", cut(BIG, 1), node(2))
    found = got(portal(server, etags=False), folder)
    assert isinstance(found, StagedFile)
    assert found.local.read_bytes() == BIG
    assert found.origin.version == f"size:{len(BIG)} mtime:{1_767_225_600 * 10**9}"
    assert firsts(server) == [0, 2_000_000]
    assert [one.headers.get("if-range") for one in server.asked if one.first] == [NEVER]


def test_with_etags_a_file_of_two_nodes_is_left_for_later_and_the_message_says_what_to_write(
    server: Misbehaving, folder: Path
):
    server.head("/f", node(1))
    server.get("/f", cut(BIG, 1), node(2))
    found = got(portal(server), folder)
    assert isinstance(found, Changed)
    assert "by its ETag alone: if it changes from node to node, etags = false" in str(found)
    assert firsts(server) == [0, 2_000_000]


@pytest.mark.parametrize("etags", [True, False])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_the_rest_of_another_version_is_never_put_behind_what_is_in_hand(
    server: Misbehaving, folder: Path, etags: bool, ranges: bool
):
    server.head("/f", node(1))
    server.get("/f", cut(BIG, 1), file(OTHER, ranges=ranges, ETag='"node2"', Last_Modified=LATER))
    found = got(portal(server, etags=etags), folder)
    assert isinstance(found, Changed)
    assert "etags = false" not in str(found)
    server.head("/f", node(2, OTHER, LATER))
    server.get("/f", node(2, OTHER, LATER))
    fresh = got(portal(server, etags=etags), folder)
    assert isinstance(fresh, StagedFile)
    assert fresh.local.read_bytes() == OTHER


def test_a_node_that_heeds_no_if_range_is_found_out_by_what_it_tells(server: Misbehaving, folder: Path):
    """It sends a part of another version, though it was told which one is meant."""

    def careless(asked: Asked, line: Line) -> None:
        rest = OTHER[asked.first :]
        head = {"Content-Range": f"bytes {asked.first}-{len(OTHER) - 1}/{len(OTHER)}", "Content-Length": len(rest)}
        line.send(told(206, {**head, "ETag": '"node2"', "Last-Modified": LATER}) + rest)

    for etags in (True, False):
        server.head("/f", node(1))
        server.get("/f", cut(BIG, 1), careless)
        assert isinstance(got(portal(server, etags=etags), folder), Changed)


def test_a_weak_tag_is_no_name_for_bytes_so_a_file_that_was_cut_starts_again(server: Misbehaving, folder: Path):
    weak = {"ETag": 'W/"1"', "Last_Modified": NEVER}
    server.head("/f", file(BIG, **weak))
    head = {"Content-Length": len(BIG), "ETag": 'W/"1"', "Last-Modified": NEVER}
    server.get("/f", raw(told(200, head), BIG[:2_000_000]), file(BIG, **weak))
    found = got(portal(server), folder)
    assert isinstance(found, StagedFile)
    assert found.local.read_bytes() == BIG
    assert firsts(server) == [0, 0]


def test_nodes_that_cut_every_line_are_given_up_after_the_tries_of_the_job(server: Misbehaving, folder: Path):
    server.head("/f", node(1))
    server.get("/f", nodes(cut(BIG, 1), cut(BIG, 2)))
    found = got(portal(server, etags=False), folder)
    assert isinstance(found, Unavailable)
    assert "before the end of the file" in str(found)
    assert firsts(server) == [0, 2_000_000, 2_000_000]
