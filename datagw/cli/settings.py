"""The options that stand before or after every command, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click
from typing_extensions import override

SHARED = ("config", "quiet", "json", "log_json", "debug")


@dataclass
class Settings:
    """What the shared options said. Where `config` is None, DATAGW_JOBS decides, else it is `jobs.toml`."""

    config: str | None = None
    quiet: bool = False
    json: bool = False
    log_json: bool = False
    debug: bool = False


def shared_options(names: Iterable[str]) -> Iterator[click.Option]:
    """New options of these names; each leaves its value in the context's Settings."""
    flag = {"is_flag": True, "default": None}
    made: dict[str, tuple[list[str], dict[str, Any]]] = {
        "config": (
            ["--config", "-c", "config"],
            {
                "metavar": "FILE",
                "type": click.Path(),  # which shells complete
                "help": "The job file, or a folder of them.  [default: $DATAGW_JOBS, else jobs.toml]",
            },
        ),
        "quiet": (["--quiet", "-q", "quiet"], {**flag, "help": "No progress; only warnings and errors in the log."}),
        "json": (["--json", "json"], {**flag, "help": "The result as one JSON document on stdout."}),
        "log_json": (["--log-json", "log_json"], {**flag, "help": "The log as JSON, one line an event."}),
        "debug": (["--debug", "debug"], {**flag, "help": "Where in the code an error came from."}),
    }
    for name in names:
        declared, options = made[name]
        yield click.Option(declared, **options, expose_value=False, callback=_keep)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and param.name is not None:
        setattr(ctx.ensure_object(Settings), param.name, value)


class Command(click.Command):
    """A command with the shared options behind its own; `--json` only where it prints a result."""

    prints_result = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = SHARED if self.prints_result else tuple(name for name in SHARED if name != "json")
        self.params.extend(shared_options(names))

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Starts the log as the options want it, then the command."""
        from datagw.cli.logs import start_log

        settings = ctx.ensure_object(Settings)
        if settings.json and not self.prints_result:
            raise click.UsageError(f"`datagw {ctx.info_name}` prints no result, so --json has no meaning.", ctx)
        start_log(quiet=settings.quiet, as_json=settings.log_json)
        return super().invoke(ctx)


class SilentCommand(Command):
    """A command without a result of its own."""

    prints_result = False


pass_settings = click.make_pass_decorator(Settings, ensure=True)
