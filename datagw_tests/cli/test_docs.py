"""The page on the command says what the command says."""

from __future__ import annotations

import re

import pytest

from datagw.cli.app import COMMANDS
from datagw_tests.cli.commands_page import PAGE, current


def test_the_page_has_the_help_of_each_command_as_it_is_now():
    page = PAGE.read_text(encoding="utf-8")
    assert page == current(page), "python -m datagw_tests.cli.commands_page writes it"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_on_the_page(name: str):
    page = PAGE.read_text(encoding="utf-8")
    later = page.partition("## Not in this version")[2]
    assert (f"\n<!-- datagw {name} -->\n```text\nUsage: datagw {name} " in page) != (
        f"`{name}`" in later or f"`datagw {name}`" in later
    )


def test_the_exit_codes_on_the_page_are_those_of_the_code():
    from datagw.cli import endings

    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)]
    assert codes == [endings.DONE, endings.FAILED, endings.WRONG, endings.PARTLY, endings.INTERRUPTED]
