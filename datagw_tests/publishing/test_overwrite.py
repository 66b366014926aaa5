"""Whose file is it: what stands at a final name, comes there meanwhile, or is asked to be sent again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import DAY, Station

MINE = {"overwrite": False}


def there(station: Station, name: str) -> Path:
    return Path(station.archive.root) / "days/20260201" / name


def test_a_file_that_comes_to_a_final_name_meanwhile_is_not_replaced_where_that_is_forbidden(station: Station) -> None:
    station.write("20260201/a", b"a" * 1000)
    station.write("20260201/b", b"b" * 1000)
    coming = Meanwhile(lambda: there(station, "b").write_bytes(b"theirs"), after=1000)
    (result,) = station.run(world={"progress": coming}, delete_source=True, **MINE)
    assert [failure.source for failure in result.failures] == ["20260201/b"]
    assert published(station)["b"] == b"theirs"
    assert set(station.left()) == {"20260201/b", "20260201/.do-not-touch"}


def test_a_file_that_comes_to_a_final_name_meanwhile_is_replaced_as_a_whole_where_that_is_allowed(
    station: Station,
) -> None:
    station.write("20260201/a", b"a" * 1000)
    coming = Meanwhile(lambda: there(station, "a").write_bytes(b"theirs"), after=1000)
    (result,) = station.run(world={"progress": coming})
    assert (result.state, published(station)) == ("published", {"a": b"a" * 1000})


def test_sending_again_replaces_only_what_datagw_wrote_where_the_rest_is_forbidden(station: Station) -> None:
    for name in ("a", "b"):
        station.write(f"20260201/{name}", name.encode())
    station.run(**MINE)
    there(station, "b").unlink()
    there(station, "b").write_bytes(b"theirs now")
    (result,) = station.run(asked={"resend": True}, **MINE)
    assert [failure.source for failure in result.failures] == ["20260201/b"]
    assert "overwrite = false" in result.failures[0].error
    assert published(station)["b"] == b"theirs now"
    assert result.copies["archive"].sent_files == 1


def test_a_file_is_sent_again_by_its_relative_path_or_by_that_on_the_gateway(near: Station) -> None:
    for name in ("a", "sub/a"):
        near.write(f"20260201/{name}", name.encode())
    near.run()
    for asked, sent in (("sub/a", 1), ("20260201/a", 1), ("nothing", 0)):
        (result,) = near.run(asked={"resend": True, "resend_file": asked})
        assert result.copies["archive"].sent_files == sent


@pytest.mark.parametrize("kind", ["symlink", "dangling", "folder"])
def test_what_is_no_file_at_a_final_name_is_never_replaced_nor_followed(station: Station, kind: str) -> None:
    station.write("20260201/a", b"a")
    station.write("20260201/b", b"b")
    outside = station.folder / "outside"
    there(station, "a").parent.mkdir(parents=True)
    if kind == "folder":
        there(station, "a").mkdir()
    else:
        there(station, "a").symlink_to(outside)
        if kind == "symlink":
            outside.write_bytes(b"theirs")
    (result,) = station.run(delete_source=True)
    assert [failure.source for failure in result.failures] == ["20260201/a"]
    assert there(station, "a").is_symlink() or there(station, "a").is_dir()
    assert not outside.exists() or outside.read_bytes() == b"theirs"
    assert there(station, "b").read_bytes() == b"b"
    assert "20260201/a" in station.left()


def test_a_part_that_is_a_link_to_somewhere_is_not_written_through(near: Station) -> None:
    """Somebody guesses the hidden name, and lays a link there."""
    near.write("20260201/a", b"a" * 1000)
    secret = near.folder / "secret"
    secret.write_bytes(b"secret")

    class Laying(Meanwhile):
        def plan(self, label: str, files: int, size: int) -> None:
            from datagw.files import part_name

            claim = Local(root=str(near.data)).stat("20260201/a")
            name = part_name(f"{near.ledger.id} {near.job().name} {DAY} {claim.content_version}", "days/20260201/a")
            there(near, "a").parent.mkdir(parents=True, exist_ok=True)
            (Path(near.archive.root) / name).symlink_to(secret)

    (result,) = near.run(world={"progress": Laying(lambda: None)})
    assert result.state == "published"
    assert secret.read_bytes() == b"secret"
    assert not there(near, "a").is_symlink()
    assert list(Path(near.archive.root).rglob(".datagw-*")) == []


def test_a_place_that_cannot_rename_over_a_name_puts_the_old_file_aside_and_back(
    far: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without posix-rename; the run ends in the gap, and the next one fills it."""
    from datagw.gateways.ssh.wire import Wire

    class Stop(BaseException):
        pass

    greet = Wire._greet
    monkeypatch.setattr(Wire, "_greet", lambda self: {k: v for k, v in greet(self).items() if "posix" not in k})
    path = far.write("20260201/a", b"old")
    far.run()
    path.write_bytes(b"the new one")
    rename_many = Sftp._rename_many

    def killed(self: Sftp, session: Any, renames: Any) -> Any:
        asked = list(renames)
        if any(one.target.endswith("/a") and not one.replace for one in asked):
            raise Stop
        return rename_many(self, session, iter(asked))

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Sftp, "_rename_many", killed)
        far.run()
    assert not there(far, "a").exists()
    assert b"old" in published(far).values()
    (result,) = far.run(delete_source=True)
    assert (result.state, published(far), far.left()) == ("published", {"a": b"the new one"}, {})
    assert [receipt.gap for receipt in far.receipts()] == [False, True]
