"""How the demo tells what it does: steps, facts, and what was looked at."""

from __future__ import annotations

import click

from datagw.cli.printing import print_line
from datagw.errors import printable


def step(what: str) -> None:
    """A heading."""
    click.secho(f"\n{what}", bold=True)


def fact(what: str) -> None:
    """A line below it."""
    print_line(f"  {printable(what)}")


def check(what: str) -> None:
    """Said only of what was looked at."""
    click.echo(f"  {click.style('✓', fg='green')} {printable(what)}")


def expect(right: bool, otherwise: str) -> None:
    """DemoFailed where it is not right, with what was found."""
    from datagw.demo.running import DemoFailed

    if not right:
        raise DemoFailed(otherwise)
