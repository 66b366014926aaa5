"""Gateways as Dagster resources: what the UI shows of them, and their end when a run ends."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster import ConfigurableResource, InitResourceContext
from pydantic import PrivateAttr
from typing_extensions import override

from datagw.gateways import load
from datagw.gateways.base import Gateway


class GatewayResource(ConfigurableResource):
    """A gateway of the job file. `settings` are those written there; secrets are references, as there."""

    name: str
    type: str
    settings: dict[str, Any]

    _gateway: Gateway | None = PrivateAttr(None)

    @classmethod
    def of(cls, name: str, gateway: Gateway) -> "GatewayResource":
        """The resource of a gateway; reads no secret."""
        return cls(name=name, type=gateway.type, settings=gateway.model_dump(mode="json", exclude_unset=True))

    @property
    def gateway(self) -> Gateway:
        """The gateway; it connects when it is first used, and a closed one connects again."""
        if self._gateway is None:
            self._gateway = load(self.type).model_validate(self.settings).using(name=self.name)
        return self._gateway

    def close(self) -> None:
        """Ends the connection, if there is one; may be said twice."""
        if self._gateway is not None:
            self._gateway.close()

    @override
    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator["GatewayResource", None, None]:
        try:
            yield self
        finally:
            self.close()


def gateways_of(resources: Any, keys: Mapping[str, str]) -> dict[str, Gateway]:
    """The gateways by name, of the resources that a step has; `keys` are the resource keys by name."""
    return {name: getattr(resources, key).gateway for name, key in keys.items()}
