"""`docs/commands.md` has the help of each command in it; `python -m datagw_tests.cli.commands_page` brings it up to date.

What stands between a line `<!-- datagw run -->` and the end of the block that follows is written here, the rest by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from datagw.cli.app import commands

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
WIDTH = 100

_BLOCK = re.compile(r"(<!-- datagw( [a-z]+)? -->\n)```text\n.*?```\n", re.DOTALL)


def current(page: str) -> str:
    """The page with every block as the command says it now."""
    return _BLOCK.sub(lambda found: f"{found[1]}```text\n{help_of((found[2] or '').strip())}\n```\n", page)


def help_of(name: str) -> str:
    """What `datagw NAME --help` prints, `datagw --help` for no name."""
    settings = {**commands.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    top = click.Context(commands, info_name="datagw", **settings)
    if not name:
        return commands.get_help(top).rstrip()
    command = commands.get_command(top, name)
    assert command is not None, name
    with click.Context(command, parent=top, info_name=name) as context:
        return command.get_help(context).rstrip()


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
