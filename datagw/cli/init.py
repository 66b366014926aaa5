"""`datagw init`: a job file to start from."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from datagw.cli.printing import print_line
from datagw.cli.settings import Settings, SilentCommand, pass_settings
from datagw.errors import ConfigError


@click.command(cls=SilentCommand)
@pass_settings
def command(settings: Settings) -> None:
    """Writes a commented job file that passes `datagw check`; never over one that is there.

    Beside it jobs.schema.json, by which editors complete and check it.
    """
    from datagw.jobs import template
    from datagw.jobs.schema import FILE_NAME, text

    path = settings.config or "jobs.toml"
    try:
        _write(path, template())
    except FileExistsError:
        raise ConfigError(
            f"{path} is there already and stays as it is; `datagw check` says whether it is right"
        ) from None
    with suppress(FileExistsError):  # of another job file in this folder
        _write(os.path.join(os.path.dirname(path), FILE_NAME), text())
    print_line(f"wrote {path}; next: edit it, then `datagw check --connect`")


def _write(path: str, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
