"""The ledger: coverage, days with their digests, revisions, links, lengths of files."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database
from support.clicks import any_clicks, changed, click, unhurried

from archiver.errors import CorruptArchiveError
from archiver.identity import digest_of, facts_of
from archiver.model import Row, Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from archiver.windows import clip, merge, subtract
from storage import schema
from storage.database import transaction
from storage.ledger import Ledger

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
SEEN = datetime(2026, 11, 21, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def ledger():
    with closing(in_memory()) as connection:
        yield Ledger(connection)


def in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.ledger.apply(Database(connection))
    return connection


def span(start: int, end: int) -> Window:
    return Window(NOON + start * SECOND, NOON + end * SECOND)


def record(ledger: Ledger, rows: list[Row], window: Window | None = None, **parts) -> None:
    given = {"keys": [str(n) for n, _ in enumerate(rows)], "revised": {}, "seen_at": SEEN, **parts}
    with transaction(ledger.connection):
        ledger.record(Commit("acme", window or span(0, 3600), rows, **given))


def at(second: int) -> str:
    return format_utc(NOON + second * SECOND)


def days_of(ledger: Ledger) -> list[tuple]:
    return ledger.connection.execute(
        "SELECT day, clicks, digest, first_click, last_click FROM days ORDER BY day"
    ).fetchall()


spans = st.builds(
    lambda start, size: span(start, start + size), st.integers(0, 60), st.integers(1, 20)
)


@unhurried
@given(st.lists(spans, max_size=8), st.integers(-5, 90))
def test_coverage_is_the_union_and_can_be_cut(windows, end):
    """Whatever windows come in whatever order: their union, and what is cut is told."""
    with closing(in_memory()) as connection:
        ledger = Ledger(connection)
        for window in windows:
            record(ledger, [], window)
        covered = merge(windows)
        assert ledger.coverage("acme") == covered
        cut = NOON + end * SECOND
        with transaction(connection):
            late = ledger.cut_coverage("acme", cut)
        after = [w for w in (clip(max(w.start, cut), w.end) for w in covered) if w]
        assert late == after
        assert ledger.coverage("acme") == subtract(covered, after)


def test_coverage_reads_well(ledger):
    """In the database it is UTC text, one row a window."""
    record(ledger, [], span(0, 60))
    record(ledger, [], span(60, 90))
    rows = ledger.connection.execute("SELECT * FROM coverage").fetchall()
    assert rows == [("acme", "2026-11-19T12:00:00Z", "2026-11-19T12:01:30Z")]


@unhurried
@given(st.lists(any_clicks, min_size=1, max_size=6), st.integers(0, 6))
def test_a_days_digest_adds_up(rows, cut):
    """Committed in two parts or in one, a day has the same count and digest."""
    with closing(in_memory()) as connection:
        ledger = Ledger(connection)
        record(ledger, rows[:cut])
        record(ledger, rows[cut:])
        expected = ("2026-11-19", len(rows), f"{digest_of(rows):032x}", at(0), at(0))
        assert days_of(ledger) == [expected]


def test_a_digest_is_kept_with_its_leading_zeros(ledger):
    """128 bits are 32 digits, whatever their sum, which may pass 2**128."""
    for number in range(40):
        record(ledger, [click(at(0), id=str(number))])
    ((_, clicks, digest, *_),) = days_of(ledger)
    assert (clicks, len(digest)) == (40, 32)
    assert int(digest, 16) == digest_of(click(at(0), id=str(n)) for n in range(40))


def test_days_know_their_first_and_last_click(ledger):
    """Whatever the order of arrival, within a slice and among slices."""
    record(ledger, [click(at(50)), click(at(40)), click(at(60))])
    assert days_of(ledger)[0][3:] == (at(40), at(60))
    record(ledger, [click(at(45))])
    assert days_of(ledger)[0][3:] == (at(40), at(60))
    record(ledger, [click(at(70)), click(at(30))])
    assert days_of(ledger)[0][3:] == (at(30), at(70))


def test_days_with_clicks_are_those_that_may_hold_some(ledger):
    """A day counts where its clicks reach into what is asked, both ends in."""
    window = Window(NOON, NOON + 5 * DAY)
    times = [NOON, NOON + 10 * SECOND, NOON + DAY, NOON + 3 * DAY]
    record(ledger, [click(format_utc(instant)) for instant in times], window)

    def asked(start: datetime, end: datetime) -> list[str]:
        days = ledger.days_with_clicks("acme", format_utc(start), format_utc(end))
        return [day[-2:] for day in days]

    assert asked(NOON - DAY, NOON + 9 * DAY) == ["19", "20", "22"]
    assert asked(NOON + 10 * SECOND, NOON + DAY) == ["19", "20"]
    assert asked(NOON + 11 * SECOND, NOON + DAY - SECOND) == []
    assert asked(NOON + DAY, NOON + DAY) == ["20"]
    assert asked(NOON + 2 * DAY, NOON + 2 * DAY) == []
    assert ledger.days_with_clicks("bees", at(0), at(9)) == []


def test_the_latest_revision_counts(ledger):
    """Whatever the clock said when it was seen; each earlier one is kept."""
    row = click(at(5), ip="192.0.2.1")
    for hours, conversion in ((1, "1"), (5, "2"), (0, "3")):
        revised = {"k": changed(row, conversion=conversion)}
        record(ledger, [], revised=revised, seen_at=SEEN + timedelta(hours=hours))
    assert ledger.revisions("acme", span(0, 10)) == {"k": facts_of(changed(row, conversion="3"))}
    rows = ledger.connection.execute(
        "SELECT number, conversion FROM click_revisions ORDER BY number"
    ).fetchall()
    assert rows == [(1, "1"), (2, "2"), (3, "3")]


def test_each_click_counts_its_own_revisions(ledger):
    """The same key at another time, or in another account, is another click."""
    for second in (5, 6, 5):
        record(ledger, [], revised={"k": click(at(second))})
    rows = ledger.connection.execute(
        "SELECT clicked_at, number FROM click_revisions ORDER BY clicked_at, number"
    ).fetchall()
    assert rows == [(at(5), 1), (at(5), 2), (at(6), 1)]


def test_two_revisions_of_one_second_are_the_later_one(ledger):
    """They can't be told apart by their time: the last written counts."""
    row = click(at(5))
    for conversion in ("1", "2"):
        record(ledger, [], revised={"k": changed(row, conversion=conversion)})
    assert ledger.revisions("acme", span(0, 10)) == {"k": facts_of(changed(row, conversion="2"))}


def test_revisions_belong_to_a_window_and_an_account(ledger):
    """Half-open, as everything in time."""
    record(ledger, [], revised={str(n): click(at(n)) for n in (4, 5, 9, 10)})
    assert set(ledger.revisions("acme", span(5, 10))) == {"5", "9"}
    assert ledger.revisions("bees", span(0, 99)) == {}


def test_a_link_is_kept_as_it_was_first_seen(ledger):
    """By its id, or by itself where there is none; a click without a link leaves none."""
    record(ledger, [click(at(0), link_id="1", title="Old"), click(at(1), link="l"), click(at(2))])
    record(ledger, [click(at(3), link_id="1", title="New")], seen_at=SEEN + DAY)
    rows = ledger.connection.execute(
        "SELECT key, title, first_seen_at FROM links ORDER BY key"
    ).fetchall()
    assert rows == [("1", "Old", format_utc(SEEN)), ("l", None, format_utc(SEEN))]


def test_lengths_of_files(ledger):
    """A file that isn't known counts for nothing; a later length replaces the earlier."""
    assert ledger.committed_bytes("a.jsonl") == 0
    with transaction(ledger.connection):
        ledger.record_lengths({"a.jsonl": 10, "b.jsonl": 20})
        ledger.record_lengths({"a.jsonl": 30})
        ledger.record_lengths({})
    assert [ledger.committed_bytes(name) for name in ("a.jsonl", "b.jsonl")] == [30, 20]


def test_nonsense_is_refused_by_the_database(ledger):
    """Coverage that ends before it starts can't be written by anyone."""
    with pytest.raises(sqlite3.IntegrityError):
        ledger.connection.execute("INSERT INTO coverage VALUES ('acme', 'b', 'a')")


# Days anew


def test_a_day_is_recorded_anew(ledger):
    """Its count, digest and times are those of the rows; other days stay; a new link is kept."""
    record(ledger, [click(at(0)), click(at(1)), click(at(86400))])
    others = days_of(ledger)[1:]
    rows = [click(at(5), link_id="17", link="http://l/.1"), click(at(5))]
    commit = Commit("acme", span(0, 10), rows[:1], ["1"], {"k": click(at(5), country="DE")}, SEEN)
    with transaction(ledger.connection):
        ledger.record_day(commit, "2026-11-19", rows)
    assert days_of(ledger) == [("2026-11-19", 2, f"{digest_of(rows):032x}", at(5), at(5)), *others]
    assert ledger.connection.execute("SELECT key FROM links").fetchall() == [("17",)]
    assert ledger.revisions("acme", span(0, 10)) == {"k": facts_of(click(country="DE"))}


def test_a_day_without_clicks_is_none(ledger):
    """It isn't in the table."""
    record(ledger, [click(at(0))])
    with transaction(ledger.connection):
        ledger.record_day(Commit("acme", span(0, 10), [], [], {}, SEEN), "2026-11-19", [])
    assert days_of(ledger) == []


def test_coverage_that_overlaps_becomes_one(ledger):
    """What another program left; the time that is covered stays the same."""
    for window in (span(0, 10), span(20, 30), span(40, 50)):
        record(ledger, [], window)
    ledger.connection.execute("INSERT INTO coverage VALUES ('acme', ?, ?)", (at(5), at(25)))
    with transaction(ledger.connection):
        ledger.mend_coverage("acme")
    assert ledger.coverage("acme") == [span(0, 30), span(40, 50)]


@pytest.mark.parametrize(("start", "end"), [("2026", at(0)), (at(0), "x"), (b"2026", b"2027")])
def test_coverage_that_is_no_time_is_corruption(ledger, start, end):
    """The error says whose it is, and what to do."""
    ledger.connection.execute("INSERT INTO coverage VALUES ('acme', ?, ?)", (start, end))
    with pytest.raises(CorruptArchiveError, match=r"acme's coverage .* from a copy"):
        ledger.coverage("acme")
