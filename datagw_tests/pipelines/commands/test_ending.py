"""How programs end: what their exit status means, when their time is over, and that nothing of them is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datagw.errors import Aborted, Changed, Rejected, Unavailable
from datagw.gateways.front.reading import Published
from datagw.pipelines.commands import keeper
from datagw_tests.pipelines.commands.desk import Desk

FAMILY = """
import os, subprocess, sys, time
# a child, a grandchild in a session of its own, and a daemon without a parent
def note(): open(f"pids/{os.getpid()}", "w").close()
def stay():
    note()
    if "deaf" in sys.argv:
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
os.makedirs("pids", exist_ok=True)
note()
if os.fork() == 0:
    stay()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stay()
    stay()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stay()
    os._exit(0)
while len(os.listdir("pids")) < 5: time.sleep(0.01)
print("all there", flush=True)
if "leave" not in sys.argv: stay()
"""


def desk(folder: Path, command: str, more: str = "") -> Desk:
    one = Desk(folder, f'source = "local:in/*"\nwhen = "new files"\nrun = {{ command = {command}{more} }}')
    one.script(FAMILY, "family.py")
    one.drop("a")
    return one


def alive(folder: Path) -> set[int]:
    """The processes of the family that run still."""
    found = set[int]()
    for name in os.listdir(folder / "pids"):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{name}/stat").read_bytes()
            if (
                b"family.py" in Path(f"/proc/{name}/cmdline").read_bytes()
                and text.rpartition(b")")[2].split()[0] != b"Z"
            ):
                found.add(int(name))
    return found


def wait_for(what, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("sys.exit(3)", "`./script.py` ended with exit status 3, and said nothing"),
        (
            "print('x', flush=True); os.kill(os.getpid(), 9)",
            "`./script.py` was ended by SIGKILL, and said last:\n    x",
        ),
        ("sys.exit('no\\nway')", "ended with exit status 1, and said last:\n    no\n    way"),
    ],
)
def test_a_program_that_fails_rejects_its_file(tmp_path: Path, code: str, told: str):
    one = desk(tmp_path, '["./script.py"]')
    one.script(f"import os, sys\n{code}")
    outcome = one.start("a")["a"]
    assert isinstance(outcome, Rejected)
    assert told in str(outcome)


def test_the_last_twenty_lines_are_in_the_error(tmp_path: Path):
    one = desk(tmp_path, '["./script.py"]')
    one.script("import sys\nfor n in range(100): print(f'line {n}' + 'x' * 1000 * (n == 99))\nsys.exit(1)")
    lines = str(one.start("a")["a"]).splitlines()
    assert lines[1:20] == [f"    line {number}" for number in range(80, 99)]
    assert lines[20] == "    line 99" + "x" * 293 + "…"


def test_exit_status_75_asks_for_another_try(tmp_path: Path):
    one = desk(tmp_path, '["./script.py"]')
    one.script("import sys\nprint('the database is away')\nsys.exit(75)")
    outcome = one.start("a")["a"]
    assert isinstance(outcome, Unavailable)
    assert "asks for another try later (exit status 75); it said last: the database is away" in str(outcome)


def test_a_batch_succeeds_or_fails_as_one(tmp_path: Path):
    one = desk(tmp_path, '["./script.py", "{files}"]', ', per = "batch"')
    one.script("import sys\nsys.exit(sum('bad' in name for name in sys.argv[1:]))")
    for name in ("b", "bad"):
        one.drop(name)
    assert {name: type(found) for name, found in one.start("a", "b").items()} == {"a": Published, "b": Published}
    outcomes = one.start("a", "b", "bad")
    assert {name: type(found).__mro__[1] for name, found in outcomes.items()} == dict.fromkeys(
        ["a", "b", "bad"], Rejected
    )
    assert len({id(outcome) for outcome in outcomes.values()}) == 3


def test_a_file_that_changed_under_the_program_is_left_for_later(tmp_path: Path):
    one = desk(tmp_path, '["./script.py", "{file}"]')
    one.script("import sys\nopen(sys.argv[1], 'a').write('more')")
    assert isinstance(one.start("a")["a"], Changed)


def test_a_program_may_take_its_file_away(tmp_path: Path):
    one = desk(tmp_path, '["rm", "{file}"]')
    assert isinstance(one.start("a")["a"], Published)
    assert not (one.inbox / "a").exists()


def test_a_program_whose_time_is_over_ends_with_all_that_it_started(tmp_path: Path):
    one = desk(tmp_path, '["./family.py"]', ', timeout = "2s"')
    outcome = one.start("a")["a"]
    assert isinstance(outcome, Rejected)
    assert "`./family.py` took longer than 2 s and was ended, and said last:\n    all there" in str(outcome)
    assert len(os.listdir(tmp_path / "pids")) == 5
    assert alive(tmp_path) == set()


@pytest.mark.slow
def test_who_does_not_hear_sigterm_is_killed_five_seconds_later(tmp_path: Path):
    one = desk(tmp_path, '["./family.py", "deaf"]', ', timeout = "2s"')
    begin = time.monotonic()
    assert isinstance(one.start("a")["a"], Rejected)
    assert 7 <= time.monotonic() - begin < 15
    assert len(os.listdir(tmp_path / "pids")) == 5
    assert alive(tmp_path) == set()


def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path):
    one = desk(tmp_path, '["./family.py", "leave"]')
    assert isinstance(one.start("a")["a"], Published)
    assert len(os.listdir(tmp_path / "pids")) == 5
    assert alive(tmp_path) == set()
    assert "a: ended 4 processes that the program had left running" in one.lines


def test_what_ends_soon_after_the_program_is_waited_for(tmp_path: Path):
    one = desk(tmp_path, '["sh", "-c", "(sleep 0.1; echo late) & echo early"]')
    assert isinstance(one.start("a")["a"], Published)
    assert one.lines == ["a: early", "a: late"]


def test_nothing_runs_any_more_once_a_run_is_aborted(tmp_path: Path):
    one = desk(tmp_path, '["./family.py"]')
    with pytest.raises(Aborted):
        one.start("a", should_abort=lambda: "a: all there" in one.lines)
    assert len(os.listdir(tmp_path / "pids")) == 5
    assert alive(tmp_path) == set()


def test_nothing_runs_any_more_after_ctrl_c(tmp_path: Path):
    one = desk(tmp_path, '["./family.py"]')

    def pressed() -> bool:
        if "a: all there" in one.lines:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        one.start("a", should_abort=pressed)
    assert alive(tmp_path) == set()


RUN = """
import sys
from pathlib import Path
from datagw_tests.pipelines.commands.desk import Desk
desk = Desk(Path(sys.argv[1]), Path(sys.argv[1], "keys").read_text())
print(desk.start("a"))
"""


@pytest.mark.parametrize("group", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["alone", "with its group"])
def test_nothing_runs_any_more_once_datagw_is_killed(tmp_path: Path, group: bool):
    one = desk(tmp_path, '["./family.py"]')
    (tmp_path / "keys").write_text(one.keys)
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], start_new_session=True)
    try:
        wait_for(lambda: (tmp_path / "pids").exists() and len(os.listdir(tmp_path / "pids")) == 5)
        assert len(alive(tmp_path)) == 5
    finally:
        (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
    wait_for(lambda: not alive(tmp_path))


def keepers_of(parent: int) -> list[int]:
    """The keepers that a process has started."""
    return [pid for pid in keeper.descendants(parent) if b"keeper.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_keeper_that_is_killed_takes_its_program_with_it(tmp_path: Path):
    one = desk(tmp_path, '["sh", "-c", "echo $$; sleep 600 & sleep 600"]')

    def kill() -> bool:
        if one.lines:
            for pid in keepers_of(os.getpid()):
                os.kill(pid, signal.SIGKILL)
        return False

    outcome = one.start("a", should_abort=kill)["a"]
    assert isinstance(outcome, Unavailable)
    assert "the process that keeps the program was killed" in str(outcome)
    wait_for(lambda: not group(int(one.lines[0].partition(": ")[2])))


def group(number: int) -> list[str]:
    """The processes of a group that run."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its = path.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            found += [path.parent.name] if state not in "ZX" and int(its) == number else []
    return found


def test_one_keeper_serves_many_starts(tmp_path: Path):
    one = desk(tmp_path, '["./script.py", "{name}"]')
    one.script("import os, sys\nprint(os.getppid())\nsys.exit(sys.argv[1] == '7')")
    names = [str(number) for number in range(10)]
    for name in names:
        one.drop(name)
    outcomes = one.start(*names)
    assert [name for name in names if not isinstance(outcomes[name], Published)] == ["7"]
    assert len({line.partition(": ")[2] for line in one.lines}) == 1
    assert keepers_of(os.getpid()) == []


def test_a_program_that_is_ended_with_the_run_fails_no_file(tmp_path: Path):
    one = desk(tmp_path, '["./script.py", "{file}"]')
    one.script("import os, signal\nopen('ending', 'w').close()\nos.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()")
    one.drop("a")
    with pytest.raises(Aborted):
        one.run(should_abort=(tmp_path / "ending").exists)
    assert list(one.ledger.failures("j")) == []
