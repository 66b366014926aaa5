"""Commands as jobs, by real runs: each new file once, exactly what failed again, nothing lost by a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagw.gateways.front.retries import RetryPolicy
from datagw_tests.conftest import require_server
from datagw_tests.pipelines.commands.desk import Desk
from datagw_tests.servers.openssh import OpenSSH, missing

NEW_FILES = 'source = "local:in/"\nwhen = "new files"\nrun = ["./script.py", "{file}"]\n'
NOTING = "import os, sys\nname = os.path.basename(sys.argv[1])\nopen('started', 'a').write(name + '\\n')\n"
BAD_SEVEN = NOTING + "print('looking at', name)\nif name == '7': sys.exit('seven is no good')\n"


def desk(folder: Path, script: str, keys: str = "") -> Desk:
    """Ten files for a script."""
    one = Desk(folder, NEW_FILES + keys)
    one.script(script)
    for number in range(10):
        one.drop(str(number))
    return one


def started(one: Desk) -> list[str]:
    return (one.folder / "started").read_text().split()


def test_of_ten_files_exactly_the_one_that_is_no_good_fails(tmp_path: Path):
    one = desk(tmp_path, BAD_SEVEN)
    result = one.run()
    assert result.state == "failed"
    assert [failure.source.rpartition("/")[2] for failure in result.failures] == ["7"]
    (row,) = one.ledger.failures("j")
    assert row.error.splitlines()[0].endswith("`./script.py` ended with exit status 1, and said last:")
    assert row.error.splitlines()[1:] == ["    looking at 7", "    seven is no good"]
    assert one.taken() == set("012345689")
    assert {receipt.verification for receipt in one.ledger.receipts("j")} == {"accepted"}
    assert "3: looking at 3" in one.lines


def test_what_failed_is_tried_again_with_patience_and_nothing_else_is(tmp_path: Path):
    one = desk(tmp_path, BAD_SEVEN)
    one.run()
    assert sorted(started(one)) == list("0123456789")
    waiting = one.plan()
    assert not waiting.due
    (reason,) = {action.reason for action in waiting.of("wait")}
    assert "failed once, last:" in reason
    assert "\n" not in reason
    one.later(31)
    assert one.plan().due
    assert one.run().state == "failed"
    one.later(31)
    assert not one.plan().due  # twice as long
    one.script(NOTING)
    one.later(31)
    assert one.run().state == "published"
    assert started(one)[10:] == ["7", "7"]
    assert one.taken() == set("0123456789")


def test_a_new_version_is_a_new_file_and_the_same_content_is_not(tmp_path: Path):
    one = desk(tmp_path, NOTING)
    one.run()
    one.drop("3", b"another content")
    os.utime(one.inbox / "4")
    one.later(3600)
    one.run()
    assert started(one)[10:] == ["3"]


def test_taken_files_are_moved_and_the_one_that_failed_is_set_apart_with_the_reason(tmp_path: Path):
    one = desk(tmp_path, BAD_SEVEN, 'move_source = "local:done/"\nfailed_source = "local:failed/"\n')
    one.run()
    assert sorted(os.listdir(tmp_path / "done")) == list("012345689")
    assert sorted(os.listdir(tmp_path / "failed")) == ["7", "7.error.txt"]
    assert os.listdir(one.inbox) == []
    text = (tmp_path / "failed" / "7.error.txt").read_text()
    assert "exit status 1, and said last:\n    looking at 7\n    seven is no good\n" in text
    os.rename(tmp_path / "failed" / "7", one.inbox / "7")
    one.script(NOTING)
    one.later(3600)
    assert one.run().state == "published"
    assert started(one)[10:] == ["7"]


def test_a_program_that_cannot_be_started_is_no_fault_of_any_file(tmp_path: Path):
    one = desk(tmp_path, NOTING, 'failed_source = "local:failed/"\n')
    (tmp_path / "script.py").unlink()
    result = one.run()
    assert result.state == "failed"
    assert sum("there is no program `./script.py` here" in line for line in one.lines) == 1
    assert len(os.listdir(one.inbox)) == 10
    assert not (tmp_path / "failed").exists()
    one.script(NOTING)
    one.later(3600)
    assert one.run().state == "published"
    assert one.taken() == set("0123456789")


def test_exit_status_75_is_tried_again_within_the_run(tmp_path: Path):
    one = desk(tmp_path, NOTING + "if name == '7' and open('started').read().count('7') < 3: sys.exit(75)")
    assert one.run(retries=RetryPolicy(max=5, backoff=0.01, cap=0.02)).state == "published"
    assert sorted(started(one)) == sorted("012345678977")


def test_exit_status_75_that_stays_sets_no_file_apart(tmp_path: Path):
    one = desk(tmp_path, NOTING + "if name == '7': sys.exit(75)", 'failed_source = "local:failed/"\n')
    assert one.run().state == "failed"
    assert one.taken() == set("012345689")
    assert (one.inbox / "7").exists()


def test_a_program_gets_whole_paths_of_a_place_with_a_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path.parent)
    one = Desk(
        tmp_path,
        'source = "here:-odd/"\nwhen = "new files"\nrun = ["./script.py", "{file}"]\n',
        '[gateways.here]\ntype = "local"\nroot = "in"\n',
    )
    one.script("import sys\nprint(sys.argv[1])")
    one.drop("-odd/a")
    assert one.run().state == "published"
    assert f"a: {tmp_path}/in/-odd/a" in one.lines


def test_a_batch_is_one_start(tmp_path: Path):
    one = desk(tmp_path, "import os, sys\nprint(' '.join(map(os.path.basename, sys.argv[1:])))")
    one.keys = 'source = "local:in/"\nwhen = "new files"\nrun = { command = ["./script.py", "{files}"], per = "batch" }'
    assert one.run().state == "published"
    assert "j: 0 1 2 3 4 5 6 7 8 9" in one.lines
    assert one.taken() == set("0123456789")


def test_a_job_without_a_source_starts_its_program_each_time(tmp_path: Path):
    one = Desk(tmp_path, 'run = ["./script.py"]')
    one.script("import os\nprint('run', os.environ['DATAGW_RUN'])")
    assert [one.run(run="one").state, one.run(run="two").state] == ["published", "published"]
    assert [line for line in one.lines if ": run " in line] == ["j: run one", "j: run two"]


RUN = """
import sys
from pathlib import Path
from datagw_tests.pipelines.commands.desk import Desk
desk = Desk(Path(sys.argv[1]), Path(sys.argv[1], "keys").read_text())
desk.run()
"""


@pytest.mark.parametrize("at", ["2", "9"])
def test_nothing_is_lost_and_nothing_done_is_done_again_after_a_kill(tmp_path: Path, at: str):
    one = desk(tmp_path, NOTING + f"import time\nif name == '{at}' and not os.path.exists('go'): time.sleep(600)\n")
    (tmp_path / "keys").write_text(one.keys)
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)])
    try:
        end = time.monotonic() + 30
        while not (tmp_path / "started").exists() or at not in started(one):
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    assert one.taken() == {str(number) for number in range(int(at))}
    (tmp_path / "go").touch()
    assert one.run(patient=False).state == "published"
    assert one.taken() == set("0123456789")
    assert sorted(started(one)) == sorted([*"0123456789", at])


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def test_a_file_of_another_machine_is_brought_under_its_own_name(sshd: OpenSSH, tmp_path: Path):
    folder = sshd.root / uuid.uuid4().hex
    (folder / "in" / "sub").mkdir(parents=True)
    path = folder / "in" / "sub" / "a b.csv"
    path.write_text("what it holds")
    os.utime(path, (time.time() - 200_000,) * 2)  # so old that nobody writes to it any more
    fields = "\n".join(f"{key} = {value!r}" for key, value in sshd.fields(root=str(folder)).items())
    one = Desk(
        tmp_path,
        'source = "far:in/"\nwhen = "new files"\nrun = ["./script.py", "{file}"]\nmove_source = "far:done/"\n',
        f'[gateways.far]\ntype = "sftp"\n{fields}\n',
    )
    one.script("import os, sys\nprint(sys.argv[1])\nprint(open(sys.argv[1]).read())")
    assert one.run(patient=False).state == "published"
    assert "sub/a b.csv: what it holds" in one.lines
    (line,) = [line for line in one.lines if "/start-" in line]
    assert line.endswith("/sub/a b.csv")
    assert not Path(line.partition(": ")[2]).exists()  # the copy is gone with the run
    assert (folder / "done" / "sub" / "a b.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_the_command_ends_the_program_and_the_next_run_goes_on(tmp_path: Path, number: signal.Signals):
    one = desk(
        tmp_path,
        NOTING
        + "import time\nprint(os.getpid(), flush=True)\nif name == '2' and not os.path.exists('go'): time.sleep(600)\n",
    )
    assert one.job.name == "j"  # its job file is written
    command = [sys.executable, "-m", "datagw", "-c", str(tmp_path / "jobs.toml"), "run", "j"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        (program,) = [
            line.split()[-1] for line in iter(run.stderr.readline, "") if " 2: " in line and not run.send_signal(number)
        ]
        begin = time.monotonic()
        run.communicate(timeout=30)
    assert run.returncode == 130
    assert time.monotonic() - begin < 10
    assert not Path("/proc", program).exists()
    (tmp_path / "go").touch()
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode == 0
    assert sorted(started(one)) == sorted("01223456789")
