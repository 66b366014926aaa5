"""The list of commands, in the order of `datagw --help`; each is imported when it is asked for."""

from __future__ import annotations

import importlib

import click
from typing_extensions import override

import datagw
from datagw.cli.settings import SHARED, Settings, shared_options

COMMANDS = {
    "init": "init",
    "check": "check",
    "plan": "plan",
    "apply": "apply",
    "run": "run",
    "jobs": "jobs",
    "history": "history",
    "days": "days",
    "ls": "ls",
    "copy": "copy",
    "trust": "trust",
    "dev": "dev",
    "demo": "demo",
    "schema": "schema",
    "completion": "completion",
    "serve": "later",
}


class Commands(click.Group):
    """A group whose commands are modules, loaded one by one; a wrong name is answered with the nearest right one."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, module in COMMANDS.items() if module != "later"]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        if module == "later":
            from datagw.cli.later import not_yet

            return not_yet(cmd_name)
        command: click.Command = importlib.import_module(f"datagw.cli.{module}").command
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from datagw.cli.words import unknown

            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    params=[*shared_options(SHARED)],
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    epilog="Exit codes: 0 done, or nothing to do; 1 failed; 2 the call or the job file is wrong; 3 partly done;"
    " 130 interrupted, and the next run goes on.",
)
@click.version_option(datagw.__version__, prog_name="datagw", message="%(prog)s %(version)s")
@click.pass_context
def commands(ctx: click.Context) -> None:
    """Publishes files and proves it. `datagw demo` shows how; `datagw init` starts a job file."""
    ctx.ensure_object(Settings)
