from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from datagw.ledger.owner import Owner


@pytest.fixture
def me() -> Owner:
    return Owner.current()


def test_this_process_is_alive(me: Owner) -> None:
    assert me.pid == os.getpid()
    assert me.started_ticks > 0
    assert me.alive() is True
    assert Owner.current() == me


def test_of_another_host_nothing_is_known(me: Owner) -> None:
    assert replace(me, host="elsewhere", pid=2**22 + 1).alive() is None


def test_before_the_last_boot_nobody_lives(me: Owner) -> None:
    assert replace(me, boot="0" * 36 + "/" + me.boot.partition("/")[2]).alive() is False


def test_of_another_container_nothing_is_known(me: Owner) -> None:
    other = replace(me, boot=me.boot.partition("/")[0] + "/1", pid=2**22 + 1)
    assert other.alive() is None


def test_a_pid_that_was_given_again_is_not_the_owner(me: Owner) -> None:
    assert replace(me, started_ticks=me.started_ticks - 1).alive() is False


def test_a_start_that_is_not_known_does_not_make_an_owner_dead(me: Owner) -> None:
    assert replace(me, started_ticks=0).alive() is True


def test_a_process_of_somebody_else_is_alive(me: Owner) -> None:
    assert replace(me, pid=1, started_ticks=0).alive() is True


def test_a_dead_process_is_dead_before_and_after_its_parent_has_noticed(me: Owner) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child:
        owner = replace(me, pid=child.pid, started_ticks=0)
        assert owner.alive() is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie
        assert owner.alive() is False
        child.wait()
        assert owner.alive() is False


def test_a_machine_that_tells_no_boot_still_knows_its_processes(me: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datagw.ledger.owner._boot", lambda: "")
    here = Owner.current()
    assert here.boot == ""
    assert here.alive() is True
