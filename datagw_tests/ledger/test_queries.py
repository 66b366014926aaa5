from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from datagw.ledger.lease import Lease
from datagw.ledger.ledger import Ledger
from datagw.ledger.tables import metadata
from datagw_tests.ledger.rows import day_row, failure, receipt

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("sql", QUERIES, ids=range(len(QUERIES)))
def test_every_query_of_the_docs_finds_something(ledger: Ledger, lease: Lease, query: Callable[[str], list[object]], sql: str) -> None:  # fmt: skip
    ledger.ensure_view("readings")
    ledger.start_run("run-1", "readings")
    ledger.write_receipts(lease, [receipt(size=0, sha256=EMPTY_SHA256)])
    ledger.write_failures([failure()])
    ledger.write_day(lease, day_row(state="failed"))
    assert query(sql) != []


def test_the_docs_name_every_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == set(metadata.tables)
