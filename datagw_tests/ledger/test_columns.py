from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine.default import DefaultDialect

from datagw.ledger.columns import Day, Message, Moment, path_to_text, short_hash, text_to_path
from datagw_tests.ledger.rows import NASTY

DIALECT = DefaultDialect()

# every byte string is a name on some disk, and there are other lone surrogates in texts from elsewhere
names = st.one_of(
    st.binary().map(lambda name: name.decode("utf-8", "surrogateescape")),
    st.text(st.characters(), max_size=20),
    st.text(st.sampled_from("\\x8f0au\udc80\udcff\ud800\0é/"), max_size=12),
)


@given(names)
@example(NASTY)
@example("\\xff")
@example("\udcff")
@example("\\\udcff\\\\")
def test_a_path_comes_back_as_it_was(name: str) -> None:
    text = path_to_text(name)
    text.encode("utf-8")
    assert "\0" not in text
    assert text_to_path(text) == name


@given(names, names)
@example("\\xff", "\udcff")
@example("\\", "\\\\")
def test_two_paths_never_share_a_text(one: str, other: str) -> None:
    assert (path_to_text(one) == path_to_text(other)) == (one == other)
    assert (short_hash(one) == short_hash(other)) == (one == other)


@pytest.mark.parametrize(
    ("path", "text"),
    [("plain/é 日本.csv", "plain/é 日本.csv"), ("a\\b", "a\\\\b"), ("caf\udce9", "caf\\xe9"), ("\ud800", "\\ud800")],
)
def test_a_path_reads_well(path: str, text: str) -> None:
    assert path_to_text(path) == text


def test_short_hashes_keep_their_parts_apart() -> None:
    assert short_hash("a", "bc") != short_hash("ab", "c")


def test_moments_are_texts_that_sort_as_they_do() -> None:
    kind = Moment()
    moments = [
        datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 2, 1, 2, 0, 0, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC),
    ]
    texts = [kind.process_bind_param(moment, DIALECT) for moment in moments]
    assert texts[:2] == ["2026-01-31T23:59:59.000000Z", "2026-02-01T00:00:00.000001Z"]
    assert texts == sorted(texts, key=str)
    assert [kind.process_result_value(text, DIALECT) for text in texts] == moments


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), DIALECT)


def test_no_day_is_the_empty_text() -> None:
    kind = Day()
    assert [kind.process_bind_param(day, DIALECT) for day in (None, date(2026, 1, 2))] == ["", "2026-01-02"]
    assert [kind.process_result_value(text, DIALECT) for text in ("", "2026-01-02")] == [None, date(2026, 1, 2)]


def test_a_message_is_always_writable() -> None:
    assert Message().process_bind_param("a\udcff\0é", DIALECT) == "a\\udcff\\x00é"
