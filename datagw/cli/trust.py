"""`datagw trust`: the key of an SSH host, shown and pinned."""

from __future__ import annotations

import os
import sys

import click

from datagw.cli.completing import complete_gateway
from datagw.cli.endings import DONE, FAILED
from datagw.cli.opening import gateway_of, job_file
from datagw.cli.printing import print_json, print_line
from datagw.cli.settings import Command, Settings, pass_settings


@click.command(cls=Command)
@click.argument("gateway", shell_complete=complete_gateway)
@click.option("--yes", "-y", is_flag=True, help="Pin it without asking; needed without a terminal.")
@click.option("--replace", is_flag=True, help="Take the place of another key that is known for this host.")
@pass_settings
def command(settings: Settings, gateway: str, yes: bool, replace: bool) -> int:
    """Shows the key of an SSH host and pins it in known_hosts.

    Compare the fingerprint with what the owner of the host says before you answer yes.
    """
    from datagw.gateways.sftp import Sftp
    from datagw.gateways.ssh import hosts
    from datagw.gateways.ssh.keys import fetch_host_key

    place = gateway_of(job_file(settings), gateway)
    if not isinstance(place, Sftp):
        raise click.UsageError(f"`{gateway}` is a gateway of type {place.type}: only SSH hosts have a key to trust.")
    key = fetch_host_key(place.host, place.port, place.timeout)
    verdict = hosts.judge(place.known_hosts, place.host, place.port, key)
    known_hosts = os.path.expanduser(place.known_hosts)
    shown = {
        "gateway": gateway,
        "host": place.host,
        "port": place.port,
        "key": key.kind,
        "fingerprint": key.fingerprint,
        "known_hosts": known_hosts,
        "was": verdict,
    }
    say = (lambda line: click.echo(line, err=True)) if settings.json else print_line
    say(f"{hosts.host_name(place.host, place.port)} shows {key.kind} {key.fingerprint}")
    pinned = False
    if verdict == "known":
        say(f"already known in {known_hosts}")
    elif verdict == "revoked":
        click.echo(f"this key is revoked in {known_hosts}: not pinned", err=True)
    elif verdict == "changed" and not replace:
        click.echo(
            f"another key is known for this host in {known_hosts}: it was changed, or somebody stands in between."
            " Ask its owner, then use --replace.",
            err=True,
        )
    elif yes or _agreed(known_hosts):
        hosts.pin(place.known_hosts, place.host, place.port, key, replace=replace)
        pinned = True
        say(f"pinned in {known_hosts}")
    if settings.json:
        print_json({**shown, "pinned": pinned})
    return DONE if pinned or verdict == "known" else FAILED


def _agreed(known_hosts: str) -> bool:
    if not sys.stdin.isatty():
        click.echo("not pinned: without a terminal, say --yes", err=True)
        return False
    return click.confirm(f"Is this the key that the owner of the host named? Pin it in {known_hosts}?", err=True)
