"""What a test has to say reaches whoever asked, whatever names of files it holds."""

from __future__ import annotations

import execnet
import pytest


def test_a_report_with_a_name_that_is_no_utf8_travels_between_processes(pytestconfig: pytest.Config) -> None:
    told = pytest.TestReport(
        nodeid="a",
        location=("a", 1, "a"),
        keywords={},
        outcome="passed",
        longrepr="lost \udcff.csv",
        when="call",
        sections=[("Captured log call", "b \udcff.txt: put back")],
    )
    data = pytestconfig.hook.pytest_report_to_serializable(config=pytestconfig, report=told)
    there = execnet.loads(execnet.dumps(data))
    assert there["sections"] == [("Captured log call", "b \\udcff.txt: put back")]
    assert there["longrepr"] == "lost \\udcff.csv"
