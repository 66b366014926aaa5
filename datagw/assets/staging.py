"""Staging: the IO manager through which a run gets the days of its source, and a folder that it may fill."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagster import ConfigurableIOManager, InitResourceContext, InputContext, OutputContext
from typing_extensions import override

from datagw.publishing import close_folder, sweep


@dataclass(frozen=True)
class Staging:
    """Where a run may put files that it fetched (made when first used), and the days that it was asked for.

    `days` are partition keys; None for a job without days.
    """

    folder: Path
    days: tuple[str, ...] | None


class StagingIOManager(ConfigurableIOManager):
    """Hands the source's days over, with a place to stage them; no value ever goes through it.

    The place is a folder of the run's own below `tmp_dir`, gone when the run ends, however it ends; those of runs that
    were killed are removed by the next run.
    """

    tmp_dir: str

    @override
    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator["StagingIOManager", None, None]:
        gone = sweep(Path(self.tmp_dir))
        if gone and context.log:
            context.log.info(f"staging folders of killed runs removed: {', '.join(sorted(gone))}")
        try:
            yield self
        finally:
            if context.run is not None:
                close_folder(self._folder(context.run.run_id))

    @override
    def load_input(self, context: InputContext) -> Staging:
        days = tuple(context.asset_partition_keys) if context.has_asset_partitions else None
        return self.staging(context.step_context.run_id, days)

    def staging(self, run_id: str, days: tuple[str, ...] | None) -> Staging:
        """The place of a run, and the days that it was asked for; for steps that have no source to load."""
        return Staging(self._folder(run_id), days)

    @override
    def handle_output(self, context: OutputContext, obj: object) -> None:
        raise NotImplementedError("copies are published, not stored: no value goes through the staging IO manager")

    def _folder(self, run_id: str) -> Path:
        return Path(self.tmp_dir) / run_id
