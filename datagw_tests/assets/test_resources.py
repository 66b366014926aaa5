"""Gateways as resources: what Dagster shows of them, and that it never shows a secret."""

import json

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from datagw.assets.graph import resources_of
from datagw.assets.names import resource_keys
from datagw.assets.resources import GatewayResource
from datagw.definitions import definitions_of
from datagw.gateways.local import Local
from datagw.jobs import JobFile
from datagw_tests.assets.conftest import Place

SECRET = "correct horse battery staple"


@pytest.fixture
def jobfile(place: Place, monkeypatch) -> JobFile:
    monkeypatch.setenv("INSTITUTE_PASSWORD", SECRET)
    (place.folder / "key").write_text(SECRET)
    return place.write(
        """
        [gateways.institute]
        type = "sftp"
        host = "sftp.example.org"
        username = "station7"
        password = { env = "INSTITUTE_PASSWORD" }
        root = "/upload"
        [gateways.other]
        type = "sftp"
        host = "sftp.example.net"
        username = "station7"
        password = { file = "key" }
        [readings]
        source = "local:readings/%Y%m%d/"
        to     = ["institute:%Y%m%d/", "other:%Y%m%d/"]
        when   = "daily"
        """
    )


def test_a_resource_shows_type_host_and_root_and_only_the_name_of_a_secret(jobfile):
    resource = resources_of(jobfile)["institute"]
    assert (resource.type, resource.settings["host"], resource.settings["root"]) == (
        "sftp",
        "sftp.example.org",
        "/upload",
    )
    assert resource.settings["password"] == {"env": "INSTITUTE_PASSWORD"}


def test_no_secret_is_in_what_dagster_stores_or_shows(jobfile):
    defs = definitions_of(jobfile)
    snapshot = dg.serialize_value(RepositorySnap.from_def(defs.get_repository_def()))
    assert "INSTITUTE_PASSWORD" in snapshot
    assert SECRET not in snapshot
    job = defs.resolve_implicit_global_asset_job_def()
    assert SECRET not in dg.serialize_value(job.get_job_snapshot())
    assert all(SECRET not in repr(resource) for resource in resources_of(jobfile).values())
    with dg.build_resources(resources_of(jobfile)) as opened:
        assert SECRET not in repr(opened)


def test_the_opened_gateway_is_the_one_of_the_job_file(jobfile):
    with dg.build_resources(resources_of(jobfile)) as opened:
        for name, key in resource_keys(jobfile.gateways).items():
            gateway = getattr(opened, key).gateway
            assert type(gateway) is type(jobfile.gateways[name])
            assert gateway.model_dump() == jobfile.gateways[name].model_dump()
            assert gateway.name == name
        assert opened.institute.gateway.password.reveal() == SECRET


def test_a_timetable_of_bandwidth_is_kept_with_its_time_zone(place: Place):
    declared = '[gateways.m]\ntype = "memory"\nbandwidth = ["20:00 off", "08:00 2MB/s"]\n'
    gateway = place.write('[main]\ntimezone = "Asia/Kolkata"\n' + declared).gateways["m"]
    resource = GatewayResource.of("m", gateway)
    assert resource.settings["bandwidth"] == {
        "entries": ["08:00 2000000B/s", "20:00 off"],
        "timezone": "Asia/Kolkata",
    }
    assert resource.gateway.bandwidth == gateway.bandwidth != None  # noqa: E711 - all three


class _Session:
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_connection_ends_with_the_run_and_closing_twice_is_fine(place):
    session = _Session()
    with dg.build_resources({"disk": GatewayResource.of("disk", Local(root="/"))}) as opened:
        opened.disk.gateway.live.session = session
        opened.disk.close()
        opened.disk.close()
        assert session.closed == 1
        opened.disk.gateway.live.session = session
    assert session.closed == 2


def test_resource_keys_are_words_that_python_and_dagster_leave_free():
    keys = resource_keys(["staging", "io_manager", "lambda", "left", "right-hand", "staging_gateway"])
    assert keys["left"] == "left"
    assert keys["right-hand"] == "right_hand"
    assert len(set(keys.values())) == len(keys)
    assert not {"staging", "io_manager", "lambda"} & set(keys.values())
    assert all(key.isidentifier() for key in keys.values())


def test_settings_survive_json(jobfile):
    for resource in resources_of(jobfile).values():
        if isinstance(resource, GatewayResource):
            assert json.loads(json.dumps(resource.settings)) == resource.settings
