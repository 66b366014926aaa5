"""What programs leave in {out}: published and proven before their file is taken, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datagw.publishing import sweep
from datagw_tests.pipelines.commands.desk import Desk
from datagw_tests.servers.ports import free_port

SPLIT = """
import os, shutil, sys
source, out = sys.argv[1:3]
name = os.path.basename(source)
open("started", "a").write(name + "\\n")
assert os.listdir(out) == []
os.makedirs(f"{out}/parts")
text = open(source).read()
open(f"{out}/{name}.upper", "w").write(text.upper())
open(f"{out}/parts/{name}.1", "w").write(text[:2])
"""


def desk(folder: Path, script: str = SPLIT, *, to: str = '"lake:made/"', keys: str = "", above: str = "") -> Desk:
    """A job with two files, whose outputs go to the folder `lake`."""
    (folder / "lake").mkdir(exist_ok=True)
    text = (
        f'source = "local:in/"\nwhen = "new files"\nrun = ["./script.py", "{{file}}", "{{out}}"]\nto = [{to}]\n{keys}'
    )
    one = Desk(folder, text, above=f'[gateways.lake]\ntype = "local"\nroot = "{folder}/lake"\n{above}')
    one.script(script)
    one.drop("a", b"aaaa")
    one.drop("sub/b", b"bbbb")
    return one


def lake(one: Desk) -> dict[str, str]:
    """What stands at the destination."""
    root = one.folder / "lake"
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def started(one: Desk) -> list[str]:
    return (one.folder / "started").read_text().split()


def test_all_that_is_left_is_published_with_receipts(tmp_path: Path):
    one = desk(tmp_path)
    assert one.run().state == "published"
    assert lake(one) == {
        "made/a.upper": "AAAA",
        "made/parts/a.1": "aa",
        "made/b.upper": "BBBB",
        "made/parts/b.1": "bb",
    }
    assert one.taken() == {"a", "b"}
    receipts = {receipt.source: receipt for receipt in one.ledger.receipts("j") if receipt.copy == "lake"}
    assert len(receipts) == 4
    assert {receipt.verification for receipt in receipts.values()} <= {"hash", "readback"}
    (of_b,) = [receipt for source, receipt in receipts.items() if source.endswith("sub/b/parts/b.1")]
    assert (of_b.destination, of_b.size) == ("made/parts/b.1", 2)
    assert [day.state for day in one.report.delivered] == ["published", "published"]


def test_a_program_that_fails_leaves_nothing(tmp_path: Path):
    one = desk(tmp_path, SPLIT + "if name == 'a': sys.exit(1)")
    assert one.run().state == "failed"
    assert sorted(lake(one)) == ["made/b.upper", "made/parts/b.1"]
    assert one.taken() == {"b"}


def test_nothing_left_is_no_error_and_is_told(tmp_path: Path):
    one = desk(tmp_path, "")
    assert one.run().state == "published"
    assert lake(one) == {}
    assert one.taken() == {"a", "b"}
    assert "a: nothing was left to publish" in one.lines


def test_links_and_pipes_are_told_of_and_left_alone(tmp_path: Path):
    one = desk(tmp_path, "import os, sys\nos.symlink('/etc', sys.argv[2] + '/link')\nos.mkfifo(sys.argv[2] + '/pipe')")
    assert one.run().state == "published"
    assert lake(one) == {}
    assert "{out}/link: a symlink, not a file; it is not published" in one.lines
    assert "{out}/pipe: a special, not a file; it is not published" in one.lines


@pytest.mark.parametrize("name", ["-rf", "a b", "a\nb", "$(touch x)", "\udcff", "é"])
def test_names_are_published_byte_by_byte(tmp_path: Path, name: str):
    one = desk(tmp_path, f"import os, sys\nopen(os.path.join(sys.argv[2], {name!r}), 'w').write('x')")
    (one.inbox / "sub" / "b").unlink()
    assert one.run().state == "published"
    assert lake(one) == {f"made/{name}": "x"}


def test_of_two_files_that_leave_the_same_name_the_second_is_refused(tmp_path: Path):
    one = desk(tmp_path, "import sys\nopen(sys.argv[2] + '/same', 'w').write(open(sys.argv[1]).read())")
    result = one.run()
    assert result.state == "failed"
    assert one.taken() == {"a"}
    assert lake(one) == {"made/same": "aaaa"}
    assert "what it left is not published: " in result.failures[0].error
    one.drop("a", b"another")  # its own copy it may replace
    one.later(3600)
    one.run()
    assert lake(one) == {"made/same": "another"}


def test_a_new_version_replaces_what_the_old_one_left(tmp_path: Path):
    one = desk(tmp_path)
    one.run()
    one.drop("a", b"xxxx")
    one.later(3600)
    assert one.run().state == "published"
    assert lake(one)["made/a.upper"] == "XXXX"
    assert started(one) == ["a", "b", "a"]


def test_while_the_destination_is_away_nothing_is_taken_and_no_other_program_is_started(tmp_path: Path):
    known = tmp_path / "known_hosts"
    known.touch()
    away = f'[gateways.away]\ntype = "sftp"\nhost = "127.0.0.1"\nport = {free_port()}\nusername = "u"\nknown_hosts = "{known}"\n'
    one = desk(
        tmp_path,
        to='"lake:made/", "away:x/"',
        above=away,
        keys='failed_source = "local:failed/"',
    )
    assert one.run().state == "failed"
    assert one.taken() == set()
    assert started(one) == ["a"]
    assert (one.inbox / "a").exists()
    one.keys = one.keys.replace(', "away:x/"', "")
    one.later(3600)
    assert one.run().state == "published"
    assert one.taken() == {"a", "b"}
    assert sorted(lake(one)) == ["made/a.upper", "made/b.upper", "made/parts/a.1", "made/parts/b.1"]


def test_an_output_that_may_not_replace_what_stands_there_sets_its_file_apart(tmp_path: Path):
    one = desk(tmp_path, to='{ at = "lake:made/", overwrite = false }', keys='failed_source = "local:failed/"')
    (tmp_path / "lake" / "made").mkdir()
    (tmp_path / "lake" / "made" / "a.upper").write_text("theirs")
    assert one.run().state == "failed"
    assert one.taken() == {"b"}
    assert lake(one)["made/a.upper"] == "theirs"
    assert sorted(os.listdir(tmp_path / "failed")) == ["a", "a.error.txt"]
    assert "a.upper" in (tmp_path / "failed" / "a.error.txt").read_text()


def test_a_batch_leaves_its_files_together(tmp_path: Path):
    one = desk(
        tmp_path,
        "import sys\nopen(sys.argv[1] + '/all', 'w').write(''.join(open(name).read() for name in sys.argv[2:]))",
    )
    one.keys = one.keys.replace(
        '["./script.py", "{file}", "{out}"]', '{ command = ["./script.py", "{out}", "{files}"], per = "batch" }'
    )
    assert one.run().state == "published"
    assert lake(one) == {"made/all": "aaaabbbb"}
    one.drop("c", b"cccc")
    one.later(3600)
    assert one.run().state == "published"
    assert lake(one) == {"made/all": "cccc"}


def test_a_job_without_a_source_publishes_what_its_program_makes(tmp_path: Path):
    one = desk(tmp_path, "import sys\nopen(sys.argv[1] + '/report', 'w').write('made')")
    one.keys = 'run = ["./script.py", "{out}"]\nto = ["lake:made/"]'
    assert one.run().state == "published"
    assert lake(one) == {"made/report": "made"}


def test_what_a_program_makes_unreadable_is_no_trouble_afterwards(tmp_path: Path):
    one = desk(tmp_path, "import os, sys\nos.makedirs(sys.argv[2] + '/a/b')\nos.chmod(sys.argv[2] + '/a', 0)")
    assert one.run().state == "published"
    assert not list((tmp_path / "staging").rglob("start-*"))


def test_files_that_are_called_as_those_of_datagw_are_left_alone(tmp_path: Path):
    part = ".datagw-0123456789abcdef0123456789abcdef.part"
    names = (".do-not-touch", part, "made")
    one = desk(tmp_path, f"import sys\nfor name in {names}: open(f'{{sys.argv[2]}}/{{name}}', 'w').write('x')")
    (tmp_path / "in" / "sub" / "b").unlink()
    assert one.run().state == "published"
    assert lake(one) == {"made/made": "x"}
    assert "{out}/.do-not-touch: datagw calls files of its own so; it is not published" in one.lines


@pytest.mark.parametrize("end", ["", "; sys.exit(1)"])
def test_an_input_that_is_moved_to_what_cannot_be_published_is_not_lost(tmp_path: Path, end: str):
    one = desk(tmp_path, f"import os, sys\nos.rename(sys.argv[1], sys.argv[2] + '/moved'){end}")
    (tmp_path / "in" / "sub" / "b").unlink()
    (tmp_path / "lake" / "made").write_text("where a folder is to be")
    assert one.run().state == "failed"
    (kept,) = (tmp_path / "staging").glob("kept-*/moved")
    assert kept.read_bytes() == b"aaaa"
    sweep(tmp_path / "staging")
    (line,) = [line for line in one.lines if str(kept.parent) in line]
    assert line.startswith(f"{tmp_path}/in/a is gone")
    assert kept.exists()
