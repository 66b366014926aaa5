"""Own code in front of a command: whether it can be found and called, and what it is handed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile, Problem


class Payload(click.ParamType):
    """A JSON value: itself, or `@FILE`, where it is read from."""

    name = "json"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value."""
        text, where = str(value), "the payload"
        if text.startswith("@"):
            where = text[1:]
            try:
                with open(where, encoding="utf-8") as file:
                    text = file.read()
            except (OSError, UnicodeDecodeError) as error:
                self.fail(f"{where} cannot be read: {getattr(error, 'strerror', None) or error}", param, ctx)
        try:
            return json.loads(text, parse_constant=_no_json)
        except ValueError as error:
            self.fail(f"""{where} is not JSON: {error}; write '{{"name": 1}}', or @FILE""", param, ctx)


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is none of its words")


def code_problems(file: JobFile) -> Iterator[Problem]:
    """A problem for each class, function or program of a job that cannot be found, or be called as it would be."""
    from datagw.pipelines.checking import problem_of_backend, problem_of_command, problem_of_node

    for job in file.jobs.values():
        work = job.work
        if work is None:
            continue
        if work.backend is not None and (wrong := problem_of_backend(work.backend, file.base)) is not None:
            yield file.report.problem((job.name, "backend"), wrong)
        for node in work.nodes:
            if (wrong := problem_of_node(node.run, file.base)) is not None:
                yield file.report.problem((job.name, "nodes", node.name, "run"), wrong)
        if work.command is not None and (wrong := problem_of_command(work.command, file.base)) is not None:
            yield file.report.problem((job.name, "run", "command"), wrong)


def secret_problems(file: JobFile) -> Iterator[Problem]:
    """A problem for each secret of own code that leads to no value on this machine, now."""
    from datagw.gateways.secrets import Secret

    for job in file.jobs.values():
        if job.work is None:
            continue
        given = {("secrets", name): secret for name, secret in job.work.secrets.items()}
        if job.work.command is not None:
            env = job.work.command.env.items()
            given |= {("run", "env", name): value for name, value in env if isinstance(value, Secret)}
        for path, secret in given.items():
            if (missing := secret.missing()) is not None:
                yield file.report.problem((job.name, *path), missing)


def kind_of(job: Job) -> str:
    """What kind of own code a job has; of one without, `copies`."""
    if job.work is None:
        return "copies"
    return "graph" if job.work.nodes else "command" if job.work.command is not None else "python"


def always_runs(job: Job) -> bool:
    """Whether a person who asks for the job means that it runs, whatever a plan says: there is nothing to be proven."""
    return job.work is not None and not job.watches and not job.dated


def refuse_payload(job: Job, payload: object) -> None:
    """Refuses, as a wrong call, a payload for a job that would not look at it."""
    if payload is not None and job.work is None:
        raise click.UsageError(f"--payload is for jobs of own code, and {job.name} publishes files.")
