"""The gateways of the job file in the hands of own code: opened when they are asked for, closed at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from typing_extensions import override

from datagw import gateways as kinds
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.jobs.addresses import SCHEMES
from datagw.jobs.problems import nearest_word
from datagw.jobs.words import OCCASION, WORK
from datagw.publishing.world import World


class Gateways(Mapping[str, Gateway]):
    """The gateways by name, each with a connection of its own, the job's retries, and the run's fence and log."""

    def __init__(self, world: World, job: Job, fence: Callable[[], None], log: logging.Logger) -> None:
        self._declared = {name: one for name, one in world.gateways.items() if name not in (OCCASION, WORK)}
        self._retries = world.retries or job.retries
        self._bandwidth = job.bandwidth
        self._fence = fence
        self._log = log
        self._open: dict[str, Gateway] = {}

    @override
    def __getitem__(self, name: str) -> Gateway:
        if name not in self._open:
            found = self._declared.get(name) or _not_declared(name)
            if found is None:
                hint = nearest_word(name, self._declared) or f"there are {', '.join(sorted(self._declared))}"
                raise KeyError(f"there is no gateway {name!r} in the job file; {hint}")
            self._open[name] = found.using(
                name=name, retries=self._retries, bandwidth=self._bandwidth, fence=self._fence, log=self._log
            )
        return self._open[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    @override
    def __len__(self) -> int:
        return len(self._declared)

    def close(self) -> None:
        """Ends all connections that were opened."""
        for gateway in self._open.values():
            gateway.close()
        self._open.clear()


def _not_declared(name: str) -> Gateway | None:
    """The places that need no declaration: this machine, and web addresses."""
    if name == "local":
        return kinds.load("local").model_validate({"root": "/"})
    if name in SCHEMES:
        return kinds.load("http").model_validate({"url": f"{name}://"})
    return None
