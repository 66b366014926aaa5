"""Dagster's own memory in the state folder."""

import yaml
from dagster import DagsterInstance

from datagw.assets.instance import instance_yaml, open_instance, prepare
from datagw.assets.names import gateway_tag
from datagw.assets.runs import tags_of_run
from datagw.definitions import definitions_of
from datagw_tests.assets.conftest import JOBS, Place


def test_the_instance_stands_beside_the_job_file_with_a_limit_for_each_gateway(place: Place):
    with open_instance(place.load()) as instance:
        assert instance.root_directory == str(place.folder / ".datagw")
        queue = instance.get_concurrency_config().run_queue_config
        limits = {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits}
        assert limits == {"datagw/gateway.left": 4, "datagw/gateway.local": 4, "datagw/gateway.right-hand": 4}
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled


def test_dagster_home_is_used_and_left_as_it_is(place: Place, tmp_path, monkeypatch):
    home = tmp_path / "my home"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    from datagw.jobs import load

    with open_instance(load(place.folder / "jobs.toml")) as instance:
        assert instance.root_directory == str(home)
    assert not (home / "dagster.yaml").exists()
    assert not (place.folder / ".datagw").exists()


def test_a_new_gateway_gets_its_limit(place: Place):
    prepare(place.load())
    folder = prepare(place.write(JOBS + '    [gateways.third]\n    type = "local"\n    root = "left"\n'))
    assert "datagw/gateway.third" in (folder / "dagster.yaml").read_text()


def test_a_dagster_yaml_that_somebody_wrote_is_left_alone(place: Place):
    folder = prepare(place.load())
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    prepare(place.load())
    assert (folder / "dagster.yaml").read_text() == "telemetry:\n  enabled: false\n"


def test_the_generated_file_says_the_same_as_the_one_at_the_top_of_the_tree(place: Place, project):
    ours = yaml.safe_load(instance_yaml(place.load()))
    tree = yaml.safe_load((project / "dagster.yaml").read_text(encoding="utf-8"))
    for settings in (ours, tree):
        del settings["concurrency"]["runs"]["tag_concurrency_limits"]
    assert ours == tree


def test_a_file_without_gateways_of_its_own_is_fine(place: Place, tmp_path):
    jobfile = place.write('[a]\nsource = "local:x/"\n')
    (tmp_path / "i").mkdir()
    (tmp_path / "i/dagster.yaml").write_text(instance_yaml(jobfile))
    with DagsterInstance.from_config(str(tmp_path / "i")) as instance:
        assert instance.is_persistent


def test_runs_by_a_click_carry_no_tags_of_gateways_and_the_file_and_the_page_say_so(place: Place, project):
    jobfile = place.load()
    clicked = definitions_of(jobfile).resolve_implicit_global_asset_job_def()
    gateways = {gateway_tag(name) for name in jobfile.gateways}
    assert gateways.isdisjoint({**clicked.tags, **clicked.run_tags})
    assert gateways <= tags_of_run(jobfile.jobs["readings"]).keys()
    assert "those launched by a click in the UI carry no tags of gateways" in instance_yaml(jobfile)
    page = " ".join((project / "docs/dagster.md").read_text(encoding="utf-8").split())
    assert "Runs started by a click in the UI carry no such tag" in page


def test_tags_of_gateways_are_never_too_long_for_dagster():
    short, long = gateway_tag("lake"), gateway_tag("l" * 60)
    assert short == "datagw/gateway.lake"
    assert len(long.partition("/")[2]) <= 63
    assert gateway_tag("l" * 59 + "m") != long
