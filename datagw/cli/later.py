"""The commands of a later version: known, so that nobody takes them for a typing mistake, and refused."""

from __future__ import annotations

import click


def not_yet(name: str) -> click.Command:
    """A command that takes anything and answers that it is not in this version; exit code 2."""

    def refuse() -> None:
        raise click.UsageError(f"`datagw {name}` is not in this version.")

    return click.Command(
        name,
        callback=refuse,
        hidden=True,
        help="Not in this version.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
