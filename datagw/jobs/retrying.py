"""The table of retries as it is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from datagw.gateways.front.retries import RetryPolicy
from datagw.jobs.quantities import duration, flag


class RetriesTable(BaseModel):
    """How often, and after how long, a transient error is tried again; others are not."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    max: Annotated[int, Field(ge=0, le=1000)] = Field(default=5, description="Further tries after the first.")
    backoff: Annotated[timedelta, BeforeValidator(duration)] = Field(
        default=timedelta(seconds=2), description="The first pause; each further one is twice as long."
    )
    cap: Annotated[timedelta, BeforeValidator(duration)] = Field(
        default=timedelta(minutes=5), description="The longest pause."
    )
    jitter: Annotated[bool, BeforeValidator(flag)] = Field(
        default=True, description="Whether each pause is cut by chance, down to a half."
    )

    def policy(self) -> RetryPolicy:
        """The same in seconds."""
        return RetryPolicy(self.max, self.backoff.total_seconds(), self.cap.total_seconds(), self.jitter)
