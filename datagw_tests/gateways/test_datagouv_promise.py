"""The promise on a real udata, the application that data.gouv.fr is; its extensions are left open for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from datagw.gateways.base import Gateway
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.udata.api import Api
from datagw_tests.gateways.promise import Place, Promise
from datagw_tests.servers.udata import Udata, shared


class Broom(Datagouv):
    """It deletes, as tests must and datagw never does there."""

    @override
    def _rm(self, session: Api, path: str) -> None:
        name, inner = self._parted(path)
        resource = self._look(session, name).at(inner)
        assert resource is not None
        session.send("DELETE", f"api/1/datasets/{name}/resources/{resource.id}/")


class TestUdata(Promise):
    """In a data set of its own, behind a line that can be cut."""

    stand_in: ClassVar[str] = "the application is the real one; its database is mongomock, for MongoDB"

    @pytest.fixture
    def server(self) -> Iterator[Udata]:
        server = shared()
        server.any_extension(True)
        yield server
        server.line.refuse = False
        server.any_extension(False)

    @pytest.fixture
    def place(self, server: Udata, monkeypatch: pytest.MonkeyPatch) -> Place:
        monkeypatch.setenv("UDATA_TOKEN", server.token)
        monkeypatch.setenv("UDATA_WRONG", "udata_wrong")
        fields = server.fields(root=server.data_set())

        def stop() -> None:
            server.line.refuse = True
            server.line.reset_all()

        return Place(
            Datagouv(**fields),
            lambda: Datagouv(**fields),
            secret=server.token,
            wrong=lambda: Datagouv(**{**fields, "token": {"env": "UDATA_WRONG"}}),
            logins=lambda: sum(one == "GET /api/1/me/" for one in server.asked()),
            cut=server.line.reset_all,
            stop=stop,
            filler=Broom(**fields),
            refuses=self.refuses,
        )

    @staticmethod
    def refuses(name: str) -> bool:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            return True
        return False

    @override
    @pytest.mark.slow  # a place that keeps a file under the second of its upload takes one a second
    def test_a_reader_sees_the_old_or_the_new_file_never_a_part(
        self, place: Place, filler: Gateway, tmp_path: Path
    ) -> None:
        super().test_a_reader_sees_the_old_or_the_new_file_never_a_part(place, filler, tmp_path)

    @override
    def test_a_long_listing_is_complete_and_in_order(self, place: Place, gateway: Gateway, server: Udata) -> None:
        """Of links, for which the place takes one request: 250 of them, on three pages."""
        names = [f"many/{number:04}" for number in range(250)]
        links: list[dict[str, Any]] = [
            {
                "title": name,
                "url": f"https://files.example.org/{name}",
                "filetype": "remote",
                "type": "main",
                "filesize": 1,
                "extras": {"datagw:key": name},
            }
            for name in names
        ]
        server.ask("PUT", f"datasets/{gateway.root}/", json={"resources": links})
        assert [entry.path for entry in gateway.ls("many")] == names
        assert sum(1 for _ in gateway.ls(recursive=True)) == 251
