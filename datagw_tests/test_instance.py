"""Dagster accepts the files that it reads from the top of the tree, and they say the same as pyproject.toml."""

import shutil
import tomllib
from pathlib import Path

import yaml
from dagster import DagsterInstance
from dagster._core.run_coordinator import QueuedRunCoordinator

PROJECT = Path(__file__).resolve().parent.parent


def test_dagster_accepts_the_instance_file_and_its_limits(tmp_path: Path):
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 4
        assert [limit["key"] for limit in queue.tag_concurrency_limits] == ["datagw/gateway.institute"]
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert instance.run_monitoring_enabled
        assert instance.get_settings("sensors")["use_threads"]
        assert not instance.telemetry_enabled


def test_the_workspace_and_dg_name_one_code_location():
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text(encoding="utf-8"))
    dg = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    (location,) = workspace["load_from"]
    assert location["python_module"]["module_name"] == dg["code_location_target_module"]
    assert location["python_module"]["location_name"] == dg["code_location_name"]
