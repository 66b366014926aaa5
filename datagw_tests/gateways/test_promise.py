"""Each gateway, put through the promise. A new gateway adds one class here."""

from __future__ import annotations

from pathlib import Path

import pytest

from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw_tests.gateways.promise import Place, Promise


class TestMemory(Promise):
    @pytest.fixture
    def place(self) -> Place:
        gateway = Memory()
        return Place(gateway, lambda: gateway.using())


class TestLocal(Promise):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        root = tmp_path / "root"
        root.mkdir()
        gateway = Local(root=str(root))
        return Place(gateway, lambda: gateway.using(), stop=lambda: root.rename(tmp_path / "unmounted"))
