"""The real udata application on 127.0.0.1, without MongoDB: run by the Python of its own environment, never imported.

    .servers/udata/bin/python -P udata_app.py FOLDER PORT NAME

FOLDER/token has the token of an account and the id of its organisation, FOLDER/stranger that of one that may change
nothing; it is there when the server answers. NAME is the host and port that its addresses begin with. While
FOLDER/any-extension is there, files may be called as they like.
"""

# ruff: noqa: E402
# pyright: reportMissingImports=false
from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mongoengine.connection
import mongomock
import pymongo

folder, port, name = Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3]
(folder / "fs").mkdir(exist_ok=True)

pymongo.MongoClient = mongomock.MongoClient
mongoengine.connection.MongoClient = mongomock.MongoClient


def _connected(alias: str, mongo_client_class: Any, **options: Any) -> Any:
    return mongomock.MongoClient(tz_aware=options.get("tz_aware", False))


mongoengine.connection._create_connection = _connected

from udata import settings


class Extensions(list):
    """Those of udata, or all of them, as the test wants it."""

    def any(self) -> bool:
        return (folder / "any-extension").exists()

    def __contains__(self, one: object) -> bool:
        return self.any() or super().__contains__(one)

    def __iter__(self) -> Any:
        return iter([]) if self.any() else super().__iter__()


class Here(settings.Testing):
    """udata's own settings for tests, with a folder for files."""

    MONGODB_HOST = "mongodb://localhost:27017/udata"
    SERVER_NAME = name
    FS_ROOT = str(folder / "fs")
    SECRET_KEY = "x" * 32
    CDATA_BASE_URL = f"http://{name}/"
    URLS_ALLOW_PRIVATE = True
    URLS_ALLOW_LOCAL = True
    ALLOWED_RESOURCES_EXTENSIONS = Extensions(settings.Defaults.ALLOWED_RESOURCES_EXTENSIONS)


from udata.app import create_app, standalone

app = create_app(settings.Defaults, override=Here)
standalone(app)

from udata.core.api_token.models import ApiToken
from udata.core.organization.models import Member, Organization
from udata.core.user.models import User


def _account(mail: str) -> tuple[Any, str]:
    user = User(first_name="station", last_name="seven", email=mail, active=True, password="none")
    user.confirmed_at = datetime.now(UTC)
    user.save()
    _, token = ApiToken.generate(user, name="tests")
    return user, token


with app.app_context():
    user, token = _account("station7@example.org")
    organisation = Organization(name="Station", description="Readings", members=[Member(user=user, role="admin")])
    organisation.save()
    _, stranger = _account("stranger@example.org")

from werkzeug.serving import make_server

server = make_server("127.0.0.1", port, app, threaded=True)
(folder / "stranger").write_text(stranger)
(folder / "token").write_text(f"{token} {organisation.id}")
server.serve_forever()
