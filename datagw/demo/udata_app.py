"""The real udata application on 127.0.0.1, without MongoDB: run by the Python of its own environment, never imported.

    .servers/udata/bin/python -P udata_app.py FOLDER PORT NAME

FOLDER/token has the token of an account and the id of its organisation, FOLDER/stranger that of one that may change
nothing; it is there when the server answers. NAME is the host and port that its addresses begin with. While
FOLDER/any-extension is there, files may be called as they like, as tests want it. The pages that people look at are a
program of their own, which is not here: the address of a data set leads to what the API says of it.
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeArgument=false, reportUnknownParameterType=false
# pyright: reportUntypedBaseClass=false, reportImplicitOverride=false
from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def serve(folder: Path, port: int, name: str) -> None:
    """Serves until it is killed."""
    (folder / "fs").mkdir(exist_ok=True)
    _without_mongodb()
    app = _application(folder, name)
    with app.app_context():
        from udata.core.organization.models import Member, Organization

        user, token = _account("station7@example.org")
        organisation = Organization(name="Station", description="Readings", members=[Member(user=user, role="admin")])
        organisation.save()
        _, stranger = _account("stranger@example.org")

    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", port, app, threaded=True)
    (folder / "stranger").write_text(stranger)
    (folder / "token").write_text(f"{token} {organisation.id}")
    server.serve_forever()


def _without_mongodb() -> None:
    """A database in memory in the place of MongoDB, before udata looks for that."""
    import mongoengine.connection
    import mongomock
    import pymongo

    pymongo.MongoClient = mongomock.MongoClient
    mongoengine.connection.MongoClient = mongomock.MongoClient

    def connected(*_: Any, **options: Any) -> Any:
        return mongomock.MongoClient(tz_aware=options.get("tz_aware", False))

    mongoengine.connection._create_connection = connected  # noqa: SLF001 - the one place at which it connects


def _application(folder: Path, name: str) -> Any:
    from udata import settings
    from udata.app import create_app, standalone

    class Extensions(list):
        """Those of udata, or all of them, as a test wants it."""

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

    app = create_app(settings.Defaults, override=Here)
    standalone(app)

    def page(slug: str) -> Any:
        from flask import redirect

        return redirect(f"/api/1/datasets/{slug}/")

    app.add_url_rule("/datasets/<slug>/", "page", page)
    return app


def _account(mail: str) -> tuple[Any, str]:
    from udata.core.api_token.models import ApiToken
    from udata.core.user.models import User

    user = User(first_name="station", last_name="seven", email=mail, active=True, password="none")  # noqa: S106 - nobody logs in
    user.confirmed_at = datetime.now(UTC)
    user.save()
    _, token = ApiToken.generate(user, name="datagw")
    return user, token


if __name__ == "__main__":
    serve(Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3])
