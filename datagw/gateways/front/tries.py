"""The tries that a transient error leaves: one after the other, each after its pause, and never silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datagw.errors import Unavailable
from datagw.gateways.front.retries import wait

if TYPE_CHECKING:
    from datagw.gateways.front.live import Live


class Tries:
    """What is left of the tries that a run lends to a gateway."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._reached: dict[str, int] = {}
        self.renew()

    def renew(self) -> None:
        """All of them again: something has gone well since."""
        self._pauses = self._live.retries.pauses()

    def reached(self, name: str, offset: int) -> None:
        """Renews them if a file has come farther than ever before."""
        if offset > self._reached.get(name, 0):
            self._reached[name] = offset
            self.renew()

    def again(self, error: Unavailable) -> bool:
        """Returns when it is time for another try; False, at once, where none is left. The fence may raise meanwhile.

        The pause is the longer one that the place asks for, if it does; why and when is logged.
        """
        pause = next(self._pauses, None)
        if pause is None:
            return False
        live = self._live
        pause = live.retries.heeding(pause, error.retry_after)
        live.log.warning("%s; trying again in %.1f s", error, pause)
        wait(pause, live.fence)
        return True
