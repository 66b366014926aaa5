"""`datagw schema`: what an editor needs to complete and to check a job file."""

from __future__ import annotations

import click

from datagw.cli.settings import SilentCommand


@click.command(cls=SilentCommand)
def command() -> None:
    """Prints the JSON Schema of the job file, for editors.

    `datagw schema > jobs.schema.json`, and at the top of the job file `#:schema ./jobs.schema.json`.
    """
    from datagw.jobs.schema import text

    click.echo(text(), nl=False)
