"""What a run may be told beyond its days, by its config."""

from typing import Any

from dagster import Any as AnyValue
from dagster import AssetExecutionContext, Config
from dagster import Field as ConfigField
from pydantic import Field

from datagw.assets.names import JOB_TAG
from datagw.jobs import Job

_FROM_FAILURE = "dagster/is_resume_retry"  # of runs that repeat what failed, and nothing else
_RETRY = "dagster/retry_number"  # of runs that Dagster repeats by itself


class Wishes(Config):
    """What a run may be told beyond its days."""

    resend: bool = Field(False, description="Send files that are proven already once more, with new receipts.")
    resend_file: str | None = Field(None, description="Of these only this one, by its path in the source.")
    wait: bool = Field(True, description="Wait for another run that works on a day, instead of failing.")
    patient: bool = Field(False, description="Leave what has not settled, or failed a moment ago, for later.")


OF_COPIES = Wishes.to_fields_dict()  # once, not for each job: it is a third of what a job costs to define
OF_WORK = {
    **OF_COPIES,
    "payload": ConfigField(AnyValue, default_value={}, description="Handed to the code: whatever JSON can hold."),
}


def wishes_of(context: AssetExecutionContext, job: Job) -> Wishes:
    """What the run was told. Whoever repeats a run of a switch is not patient as the switch was; and who asks by a
    click for own code that watches nothing wants it to run, whatever it has done before.
    """
    config = context.op_execution_context.op_config
    wishes = Wishes(**{name: value for name, value in config.items() if name in OF_COPIES})
    if context.run.parent_run_id is not None:
        wishes = wishes.model_copy(update={"patient": False})
    if job.work is not None and not job.watches and _clicked(context):
        wishes = wishes.model_copy(update={"resend": True})
    return wishes


def payload_of(context: AssetExecutionContext) -> Any:
    """What the run hands to own code; None where nothing was said."""
    payload = context.op_execution_context.op_config["payload"]
    return None if payload == {} else payload


def repeats(context: AssetExecutionContext) -> str | None:
    """The id of the run of which this one repeats what failed, if it does."""
    tags = context.run.tags
    return context.run.parent_run_id if tags.get(_FROM_FAILURE) == "true" or _RETRY in tags else None


def _clicked(context: AssetExecutionContext) -> bool:
    """Whether somebody asked for this run, and for all of it: no switch, no command, no retry of what failed."""
    if repeats(context) is not None:
        return False
    return context.run.parent_run_id is not None or JOB_TAG not in context.run.tags
