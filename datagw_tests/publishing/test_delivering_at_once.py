"""Two runs of one job, for two days, which publish the same content under the same name at the same moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Aborted
from datagw.gateways.local import Local
from datagw.publishing.delivering import deliver
from datagw.publishing.world import NoProgress
from datagw_tests.publishing.test_delivering import LARGE, QUICK, Maker, copy


class _Enough(NoProgress):
    """Ends a run after the first byte."""

    over = False

    def moved(self, count: int) -> None:
        self.over = True


def test_none_takes_the_others_half_for_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "lake").mkdir()
    one = Maker(tmp_path / "maker", Local(root=str(tmp_path / "lake")))
    made = one.make({"latest": LARGE})
    rename = Local._rename

    def meanwhile(self: Local, *renamed: Any) -> None:
        monkeypatch.setattr(Local, "_rename", rename)
        end = _Enough()
        world = replace(one.world(), progress=end, should_abort=lambda: end.over)
        with pytest.raises(Aborted):
            deliver(world, "j", made, None, [copy("made/")], date(2026, 2, 2), retries=QUICK)
        rename(self, *renamed)

    monkeypatch.setattr(Local, "_rename", meanwhile)
    assert one.deliver(made).state == "published"
    assert one.there()["latest"] == LARGE
    one.day = date(2026, 2, 2)
    assert one.deliver(made).state == "published"
    assert one.there() == {"latest": LARGE}
    one.ledger.close()
