"""`datagw completion`: what a shell needs to complete commands, options, jobs and gateways."""

from __future__ import annotations

import click

from datagw.cli.settings import SilentCommand


@click.command(cls=SilentCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Prints a script by which a shell completes commands, options, jobs and gateways.

    \b
    bash, in ~/.bashrc:                        eval "$(datagw completion bash)"
    zsh, in ~/.zshrc, behind compinit:         eval "$(datagw completion zsh)"
    fish: datagw completion fish > ~/.config/fish/completions/datagw.fish
    """
    from datagw.cli.shells import script

    click.echo(script(context.find_root().command, shell), nl=False)
