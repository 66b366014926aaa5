from __future__ import annotations

import sqlite3
import subprocess
import sys
import traceback
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from sqlalchemy.engine import Engine

from datagw.errors import LedgerError
from datagw.ledger.ledger import Ledger
from datagw.ledger.tables import SCHEMA, VERSION, VERSION_TABLE, metadata
from datagw_tests.ledger.conftest import PASSWORD, FakeClock
from datagw_tests.ledger.processes import Other, schema_locked
from datagw_tests.ledger.rows import DAY


def test_the_migrations_lead_to_the_tables_of_the_code(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger.reading() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == VERSION


def test_the_newest_migration_is_the_version_of_the_code() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "datagw.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [VERSION]


def test_a_ledger_keeps_its_id_and_what_is_in_it(url: str) -> None:
    with Ledger.open(url) as ledger:
        name = ledger.id
        ledger.start_run("r", "readings")
    with Ledger.open(url) as ledger:
        assert ledger.id == name
        assert len(name) == 32
        assert [run.id for run in ledger.runs()] == ["r"]


def test_every_name_of_the_package_is_there() -> None:
    import datagw.ledger as package

    assert {getattr(package, name).__name__ for name in package.__all__} == set(package.__all__)
    assert not hasattr(package, "Runs")


def test_two_ledgers_have_two_ids(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "a.db") as one, Ledger.open(tmp_path / "b.db") as other:
        assert one.id != other.id


def test_a_path_with_any_name_is_a_ledger(tmp_path: Path) -> None:
    file = tmp_path / "an odd? #folder %41:@" / "jobs.db"
    with Ledger.open(file) as ledger:
        ledger.start_run("r", "readings")
    assert sqlite3.connect(file).execute("SELECT id FROM runs").fetchall() == [("r",)]


def test_a_folder_whose_name_is_no_utf8_can_hold_a_ledger(tmp_path: Path) -> None:
    file = tmp_path / "caf\udce9" / "jobs.db"
    with Ledger.open(file) as ledger:
        ledger.url_shown.encode()
    assert file.exists()


def test_a_ledger_that_is_current_opens_without_alembic(url: str) -> None:
    Ledger.open(url).close()
    code = (
        "import sys; from datagw.ledger.ledger import Ledger; Ledger.open(sys.argv[1]); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_program_that_listens_to_all_logs_hears_nothing_of_how_a_ledger_is_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with Ledger.open(tmp_path / "jobs.db"):
        pass
    assert caplog.text == ""


def test_the_rows_are_there_without_a_database_library() -> None:
    code = "import sys; from datagw.ledger import Owner, Receipt; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_newer_ledger_is_refused_and_not_touched(url: str, query) -> None:
    Ledger.open(url).close()
    query(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    query("CREATE TABLE of_the_future (x integer)")
    with pytest.raises(LedgerError, match=r"version 9999.*newer datagw"):
        Ledger.open(url)
    assert query(f"SELECT version_num FROM {VERSION_TABLE}") == [("9999",)]


def test_a_newer_ledger_stays_the_same_to_the_byte(sqlite_url: str) -> None:
    Ledger.open(sqlite_url).close()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        connection.commit()
    before = file.read_bytes()
    with pytest.raises(LedgerError):
        Ledger.open(sqlite_url)
    assert file.read_bytes() == before


def test_processes_that_open_a_fresh_ledger_at_once_all_succeed(url: str) -> None:
    code = "say('ready'); wait(); ledger = Ledger.open(url); say(ledger.id); ledger.start_run(sys.argv[1], 'x')"
    with ExitStack() as stack:
        others = [stack.enter_context(Other(code, url)) for _ in range(4)]
        assert [other.line() for other in others] == ["ready"] * 4
        for other in others:
            other.go_on()
        ids = {other.line() for other in others}
    with Ledger.open(url) as ledger:
        assert ids == {ledger.id}


def test_processes_that_wait_to_make_a_ledger_find_it_made(postgres_url: str) -> None:
    code = "ledger = Ledger.open(url); say(ledger.id); ledger.start_run(sys.argv[1], 'x')"
    with schema_locked(postgres_url) as waiting, Other(code, postgres_url) as one, Other(code, postgres_url) as other:
        waiting(2)
        names = {one.line(), other.line()}
    with Ledger.open(postgres_url) as ledger:
        assert names == {ledger.id}


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE runs (id text, mine text)")
        connection.commit()
    with pytest.raises(LedgerError, match="runs"):
        Ledger.open(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("runs",)]


def test_a_database_that_dagster_uses_as_well_is_shared(postgres_url: str) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE runs (id serial, mine text); CREATE TABLE alembic_version (version_num text)")
        cursor.execute("INSERT INTO alembic_version VALUES ('zzzz')")
    with Ledger.open(postgres_url) as ledger:
        ledger.start_run("r", "readings")
        assert [run.id for run in ledger.runs()] == ["r"]
    with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.runs")
        assert cursor.fetchone() == (0,)


def test_a_schema_that_the_administrator_made_is_enough(postgres_url: str) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS modest")
        cursor.execute("CREATE ROLE modest LOGIN PASSWORD 'x'; CREATE SCHEMA datagw AUTHORIZATION modest")
    modest = "postgresql://modest:x@" + postgres_url.partition("@")[2]
    with Ledger.open(modest) as ledger:
        ledger.start_run("r", "readings")
        assert len(ledger.running()) == 1


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_text("this is a shopping list" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(tmp_path / "jobs.db")


def test_a_file_in_the_way_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(LedgerError, match="state"):
        Ledger.open(tmp_path / "state" / "jobs.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "jobs.db", "http://x", ""])
def test_what_cannot_be_a_ledger_is_refused(url: str) -> None:
    with pytest.raises(LedgerError, match=r"sqlite:////folder/jobs\.db"):
        Ledger.open(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:sesame@127.0.0.1:1/d",
        "postgres://u:sesame@127.0.0.1:1/d",
        "postgresql://u@127.0.0.1:1/d?password=sesame",
        "postgresql://u:open@sesame@127.0.0.1:1/d",
        "postgresql://u:open/sesame@127.0.0.1:1/d",
        "postgresql://open:sesame/x@127.0.0.1:1/d",
        "postgresql://u:open#sesame@127.0.0.1:1/d",
        "postgresql://u:open?sesame@127.0.0.1:1/d",
        "postgresql://u:[sesame@127.0.0.1:sesame/d",
        "mysql://u:sesame@127.0.0.1:1/d",
        "sesame",
    ],
)
def test_no_password_is_in_an_error(url: str) -> None:
    with pytest.raises(LedgerError) as raised:
        Ledger.open(url)
    assert "sesame" not in "".join(traceback.format_exception(raised.value))
    assert "sesame" not in repr(raised.value)


def test_no_password_is_in_a_refused_login_nor_in_a_repr(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        assert "***" in ledger.url_shown
        shown = repr(ledger) + repr(ledger._engine) + repr(ledger.take("readings", DAY, "run"))
    assert PASSWORD not in shown
    assert quote(PASSWORD, safe="") not in shown
    wrong = postgres_url.replace("datagw:", "datagw:sesame", 1)
    with pytest.raises(LedgerError, match="password authentication failed") as raised:
        Ledger.open(wrong)
    assert "sesame" not in "".join(traceback.format_exception(raised.value))


def test_sqlite_is_set_to_survive_a_power_cut(sqlite_url: str, clock: FakeClock) -> None:
    with Ledger.open(sqlite_url, clock) as ledger, ledger.writing() as connection:
        settings = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in settings]
    assert values == ["wal", 2, 1, 60_000]


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        connection.exec_driver_sql(_insert_meta(connection.engine))
        raise ZeroDivisionError
    with ledger.reading() as connection:
        assert connection.exec_driver_sql(_insert_meta(connection.engine).replace("INSERT INTO", "SELECT count(*) FROM").partition(" VALUES")[0]).scalar() == 1  # fmt: skip


def _insert_meta(engine: Engine) -> str:
    prefix = f"{SCHEMA}." if engine.dialect.name == "postgresql" else ""
    return f"INSERT INTO {prefix}meta VALUES ('a', 'b')"
