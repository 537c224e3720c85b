"""Counting days up again, and what is wrong with coverage."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database
from support.clicks import any_clicks, changed, click, unhurried

from archiver.identity import digest_of, keys_of
from archiver.lines import line_of
from archiver.model import CLICK_FIELDS, CLICKED_AT
from storage import schema
from storage.ledger import DayRow
from storage.opening import open_archive
from storage.sqlite import row_of_columns
from storage.verification.base import Difference, Tally, held_against, printable
from storage.verification.coverage import coverage_differences, covered
from storage.verification.snapshot import open_snapshot

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = "2026-11-19"


def said_of(rows) -> DayRow:
    times = [row[CLICKED_AT] for row in rows]
    return DayRow(len(rows), f"{digest_of(rows):032x}", min(times), max(times))


@unhurried
@given(st.lists(any_clicks, min_size=1, max_size=9), st.integers(1, 4))
def test_a_day_counted_up_again_is_what_the_ledger_says(rows, size):
    """In whatever portions its clicks are read."""
    tally = Tally()
    for start in range(0, len(rows), size):
        assert tally.add(rows[start : start + size]) == rows[start : start + size]
    assert list(held_against(said_of(rows), tally, "acme", DAY)) == []


@pytest.mark.parametrize(
    "broken",
    [{"clicked_at": None}, {"clicked_at": 5}, {"title": b"x"}, {"ip": "\ud800"}],
)
def test_what_is_no_click_is_counted_apart(broken):
    """The clicks among which it stands are counted all the same."""
    rows = [click(id="1"), changed(click(), **broken), click(id="2")]
    tally = Tally()
    assert tally.add(rows) == [rows[0], rows[2]]
    assert tally.add([rows[1]]) == []
    assert list(held_against(said_of([rows[0], rows[2]]), tally, "acme", DAY)) == [
        Difference("acme", DAY, "unreadable", 0, 2)
    ]


def test_what_differs_is_named():
    """Each value by itself; of a day without clicks only that."""
    tally = Tally()
    tally.add([click(id="1"), click("2026-11-19T13:00:00Z")])
    wrong = DayRow(3, "0", "2026-11-19T00:00:00Z", "2026-11-19T23:00:00Z")
    assert [(each.what, each.expected) for each in held_against(wrong, tally, "acme", DAY)] == [
        ("clicks", 3), ("digest", "0"), ("first_click", wrong.first_click),
        ("last_click", wrong.last_click),
    ]  # fmt: skip
    assert [each.what for each in held_against(wrong, Tally(), "acme", DAY)] == ["clicks"]
    assert list(held_against(None, tally, "acme", DAY)) == [
        Difference("acme", DAY, "clicks", None, 2)
    ]
    assert list(held_against(None, Tally(), "acme", DAY)) == []


def test_what_is_no_truth_stays_what_it_is():
    """A 5 in the database is neither true nor false: the digest shows it."""
    place = CLICK_FIELDS.index("is_unique")
    for stored, value in ((1, True), (0, False), (None, None), (5, 5), ("x", "x")):
        columns = (*changed(click(), is_unique=stored), "key")
        assert row_of_columns(columns)[place] is value
        assert len(row_of_columns(columns)) == len(CLICK_FIELDS)


def test_what_is_not_utf_8_can_be_shown():
    """As Python shows bytes; all else as it is."""
    assert printable("a\udcffé") == "a\\xffé"


def test_coverage_that_is_wrong():
    """What overlaps an earlier window, however long ago that began; the future; what is no time.
    Windows that touch are fine.
    """
    windows = [
        ("2026-11-01T00:00:00Z", "2026-11-10T00:00:00Z"),
        ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"),
        ("2026-11-09T00:00:00Z", "2026-11-10T00:00:00Z"),
        ("2026-11-10T00:00:00Z", "2026-11-20T00:00:00Z"),
        ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("2026-11-31T00:00:00Z", "2026-12-22T00:00:00Z"),
    ]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.ledger.apply(Database(connection))
        connection.executemany("INSERT INTO coverage VALUES ('acme', ?, ?)", windows)
        found = list(coverage_differences(connection, "acme", NOW))
        assert [each.day for each in found] == ["2026-11-02", "2026-11-09", "2026-11-21", None]
        assert {each.what for each in found} == {"coverage"}
        assert found[0].expected == "none before 2026-11-10T00:00:00Z again"
        assert found[2].expected == "none after 2026-11-20T00:00:00Z, which is now"
        assert found[3].found == "[2026-11-31T00:00:00Z, 2026-12-22T00:00:00Z)"
        assert len(covered(connection, "acme")) == 5


def test_lines_that_are_no_clicks_are_counted(tmp_path):
    """Beside the clicks: JSON of something else, no JSON, an empty line, one without its end."""
    lines = [line_of(click(id="1")), b"[1]\n", b"{}\n", b"#\n", b"\n", line_of(click(id="2"))[:-1]]
    with open_archive(tmp_path, "jsonl") as archive:
        path = tmp_path / "clicks" / "acme" / "2026" / f"{DAY}.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(lines))
        archive.ledger.record_lengths({f"clicks/acme/2026/{DAY}.jsonl": path.stat().st_size})
    with open_snapshot(tmp_path) as snapshot:
        looked_at: list[int] = []
        found = snapshot.stored.look("acme", DAY, said_of([click(id="1")]), looked_at.append)
    assert found.differences == [Difference("acme", DAY, "unreadable", 0, 5)]
    assert (found.clicks, looked_at) == (1, [6])


def test_files_that_are_too_short(tmp_path):
    """Their lengths are told, none where there is no file; an empty one that never counted is
    nothing.
    """
    folder = tmp_path / "clicks" / "acme" / "2026"
    with open_archive(tmp_path, "jsonl") as archive:
        folder.mkdir(parents=True)
        for day, text in ((DAY, "12345"), ("2026-11-18", "")):
            (folder / f"{day}.jsonl").write_text(text)
        lengths = {f"clicks/acme/2026/{day}.jsonl": 9 for day in (DAY, "2026-11-17")}
        archive.ledger.record_lengths(lengths)
    with open_snapshot(tmp_path) as snapshot:
        assert sorted(snapshot.stored.days("acme")) == ["2026-11-17", DAY]
        assert [
            snapshot.stored.look("acme", day, None, lambda _: None).differences
            for day in ("2026-11-17", "2026-11-18", DAY)
        ] == [
            [Difference("acme", "2026-11-17", "bytes", 9, None)],
            [],
            [
                Difference("acme", DAY, "bytes", 9, 5),
                Difference("acme", DAY, "unreadable", 0, 1),
            ],
        ]
        assert snapshot.stored.look("acme", "2026-11-18", None, lambda _: None).notes == []


def test_an_archive_that_was_ended_while_it_was_made(tmp_path):
    """It has nothing that differs: neither clicks nor the table for them."""
    with open_archive(tmp_path, "sqlite") as archive:
        archive.connection.execute("DROP VIEW clicks_per_day")
        for view in ("link", "country", "referrer"):
            archive.connection.execute(f"DROP VIEW clicks_per_{view}")
        archive.connection.execute("DROP TABLE clicks")
    with open_snapshot(tmp_path) as snapshot:
        assert snapshot.accounts() == []
        assert list(snapshot.stored.days("acme")) == snapshot.stored.dayless() == []
        assert snapshot.stored.look("acme", DAY, None, lambda _: None).differences == []


def test_seconds_of_more_clicks_than_are_read_at_once(tmp_path):
    """Their keys are held against each other whole, though they aren't in order of the numbers."""
    rows = [click(ip="::1") for _ in range(2500)] + [click("2026-11-19T13:00:00Z")]
    with open_archive(tmp_path, "sqlite") as archive:
        columns = ", ".join(f'"{name}"' for name in CLICK_FIELDS)
        archive.connection.executemany(
            f"INSERT INTO clicks ({columns}, key) VALUES ({'?, ' * len(CLICK_FIELDS)}?)",
            [(*row, key) for row, key in zip(rows, keys_of(rows), strict=True)],
        )
    with open_snapshot(tmp_path) as snapshot:
        found = snapshot.stored.look("acme", DAY, said_of(rows), lambda _: None)
    assert (found.differences, found.clicks) == ([], 2501)
