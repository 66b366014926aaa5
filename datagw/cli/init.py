"""`datagw init`: a job file to start from."""

from __future__ import annotations

import click

from datagw.cli.printing import print_line
from datagw.cli.settings import Settings, SilentCommand, pass_settings
from datagw.errors import ConfigError


@click.command(cls=SilentCommand)
@pass_settings
def command(settings: Settings) -> None:
    """Writes a commented job file that passes `datagw check`; never over one that is there."""
    from datagw.jobs import template

    path = settings.config or "jobs.toml"
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise ConfigError(
            f"{path} is there already and stays as it is; `datagw check` says whether it is right"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    print_line(f"wrote {path}; next: edit it, then `datagw check --connect`")
