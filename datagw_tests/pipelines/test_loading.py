"""Own code is found in the folder of its job file first, and no folder sees another one's."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from datagw.errors import ConfigError
from datagw.pipelines.loading import find, modules_of


def folder(root: Path, name: str, **modules: str) -> Path:
    made = root / name
    made.mkdir()
    for module, text in modules.items():
        path = made / f"{module.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made


def found(reference: str, base: Path) -> object:
    with modules_of(base):
        return find(reference, base)


def test_modules_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    here = folder(tmp_path, "here", mine="import other\nwho = other.who", other="who = 'here'")
    there = folder(tmp_path, "there", mine="import other\nwho = other.who", other="who = 'there'")
    path, modules = list(sys.path), set(sys.modules)
    assert [found("mine:who", base) for base in (here, there, here)] == ["here", "there", "here"]
    assert sys.path == path
    assert set(sys.modules) == modules
    assert list(here.rglob("*.pyc")) == []


def test_code_that_was_mended_is_taken_as_it_is_now(tmp_path: Path) -> None:
    base = folder(tmp_path, "base", mine="x = 1")
    assert found("mine:x", base) == 1
    (base / "mine.py").write_text("x = 2")
    assert found("mine:x", base) == 2


def test_what_is_installed_is_hidden_for_a_while_by_a_file_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder(tmp_path, "site", installed_thing="who = 'installed'")
    monkeypatch.syspath_prepend(str(site))
    import installed_thing  # pyright: ignore[reportMissingImports]

    base = folder(tmp_path, "base", installed_thing="who = 'mine'", json="boom = 1")
    assert found("installed_thing:who", base) == "mine"
    assert sys.modules["installed_thing"] is installed_thing
    assert installed_thing.who == "installed"
    with modules_of(base):
        import json

        assert json.dumps([]) == "[]"  # Python's own library is never hidden
    monkeypatch.delitem(sys.modules, "installed_thing")


def test_imports_inside_functions_find_the_folder_while_the_code_runs(tmp_path: Path) -> None:
    base = folder(tmp_path, "base", mine="def late():\n    import other\n    return other.x", other="x = 5")
    with modules_of(base):
        assert find("mine:late", base)() == 5  # type: ignore[operator]
    assert "other" not in sys.modules


def test_packages_and_folders_without_init_are_found(tmp_path: Path) -> None:
    base = folder(tmp_path, "base", wrapped__deep__mine="x = 1")
    assert found("wrapped.deep.mine:x", base) == 1
    assert not [name for name in sys.modules if name.startswith("wrapped")]


def test_another_thread_waits_for_its_turn(tmp_path: Path) -> None:
    here, there = folder(tmp_path, "here", mine="x = 1"), folder(tmp_path, "there", mine="x = 2")
    seen: list[object] = []
    with modules_of(here):
        thread = threading.Thread(target=lambda: seen.append(found("mine:x", there)))
        thread.start()
        assert find("mine:x", here) == 1
        assert seen == []
    thread.join(10)
    assert seen == [2]


def test_a_path_that_the_code_added_stays_and_ours_goes(tmp_path: Path) -> None:
    base = folder(tmp_path, "base", mine="import sys\nsys.path.append('/somewhere/else')\nx = 1")
    found("mine:x", base)
    assert sys.path[-1] == "/somewhere/else"
    assert str(base) not in sys.path
    sys.path.remove("/somewhere/else")


MISSING = [
    ("pipeline:X", "there is no module pipeline in {base}, or installed; did you mean pipelines?"),
    ("zzz:X", "there is no module zzz in {base}, or installed; in that folder there are pack, pipelines"),
    ("pack.othr:X", "there is no module pack.othr in the package pack; did you mean other?"),
    ("pipelines.deeper:X", "pipelines is a module, not a package, and holds no deeper"),
    ("pipelines:MyPipline", "pipelines.py has no MyPipline; did you mean MyPipeline?"),
]


@pytest.mark.parametrize(("reference", "message"), MISSING)
def test_what_is_missing_is_named_with_the_nearest_right_name(reference: str, message: str, tmp_path: Path) -> None:
    base = folder(tmp_path, "base", pipelines="class MyPipeline: pass", pack__other="")
    (base / "pack" / "__init__.py").touch()
    with pytest.raises(ConfigError) as error:
        found(reference, base)
    assert message.format(base=base) in str(error.value)
    assert str(error.value).startswith(reference)
