"""The ledger that ticks share."""

from datagw.automation import ledgers
from datagw.automation.ledgers import ledger_at


def test_ticks_share_one_ledger_and_a_new_file_is_another_one(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    first = ledger_at(url)
    assert ledger_at(url) is first
    first_id = first.id
    for path in tmp_path.iterdir():
        path.rename(tmp_path / f"old-{path.name}")
    second = ledger_at(url)
    assert second.id != first_id
    assert ledger_at(url) is second


def test_an_old_one_is_opened_anew_and_whoever_has_it_can_go_on(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    first = ledger_at(url)
    monkeypatch.setattr(ledgers.time, "monotonic", lambda: float("inf"))
    second = ledger_at(url)
    assert second is not first
    assert first.position("readings", "first") is second.position("readings", "first") is None
