"""`bandwidth` in a job file: an amount or a timetable, and what jobs and gateways make of it."""

from __future__ import annotations

from datagw.gateways.front.timetables import Timetable

OFFICE = (("08:00", 2_000_000), ("20:00", None))
JOB = '[j]\nsource = "m:a/"\nto = "m:b/"\n'
MEMORY = '[gateways.m]\ntype = "memory"\n'


def test_a_timetable_goes_by_the_time_zone_of_its_job(read):
    jobs = read("""
        [main]
        timezone = "Asia/Kolkata"
        [defaults]
        bandwidth = ["20:00 off", "08:00 2MB/s"]
        [a]
        source = "local:/a/"
        [b]
        source = "local:/b/"
        timezone = "Europe/Paris"
        [c]
        source = "local:/c/"
        bandwidth = "1kB/s"
        [d]
        source = "local:/d/"
        bandwidth = ["00:00 ${RATE:off}"]
    """)
    assert [str(problem) for problem in jobs.problems] == []
    assert {name: job.bandwidth for name, job in jobs.jobs.items()} == {
        "a": Timetable(OFFICE, "Asia/Kolkata"),
        "b": Timetable(OFFICE, "Europe/Paris"),
        "c": 1000,
        "d": Timetable((("00:00", None),), "Asia/Kolkata"),
    }


def test_that_of_a_gateway_goes_by_the_time_zone_of_main(read):
    table = MEMORY + 'bandwidth = ["08:00 2MB/s", "20:00 off"]\n'
    own = 'timezone = "Europe/Paris"\nbandwidth = ["12:00 1MB/s"]\n'
    jobs = read('[main]\ntimezone = "Asia/Kolkata"\n' + table + JOB + own)
    gateway, job = jobs.gateways["m"], jobs.jobs["j"]
    assert gateway.bandwidth == Timetable(OFFICE, "Asia/Kolkata")
    assert [limiter.pace for limiter in gateway.using(bandwidth=job.bandwidth).live.limiters] == [
        Timetable(OFFICE, "Asia/Kolkata"),
        Timetable((("12:00", 1_000_000),), "Europe/Paris"),
    ]
    assert read(table + JOB).gateways["m"].bandwidth == Timetable(OFFICE, "UTC")


def test_the_fingerprint_tells_what_is_meant_and_not_how_it_is_written(read):
    def fingerprint(bandwidth: str) -> str:
        return read(f"{MEMORY}{JOB}{bandwidth}").jobs["j"].fingerprint

    one = fingerprint('bandwidth = ["08:00 2MB/s", "20:00 off"]')
    assert one == fingerprint('bandwidth = ["20:00 off", "08:00 2000kB/s"]')
    others = {
        fingerprint(""),
        *(fingerprint(f'bandwidth = ["08:00 {rate}", "20:00 off"]') for rate in ("off", "1MB/s")),
    }
    assert len(others - {one}) == 3
    assert fingerprint('bandwidth = "2MB/s"') == fingerprint('bandwidth = "2000kB/s"') != fingerprint("")


def test_the_fingerprint_of_a_fixed_bandwidth_has_the_number(read):
    job = read(f'{MEMORY}{JOB}bandwidth = "2MB/s"').jobs["j"]
    assert job.model_dump(mode="json")["bandwidth"] == 2_000_000
    assert read(MEMORY + JOB).jobs["j"].model_dump(mode="json")["bandwidth"] is None
