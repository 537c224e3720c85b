"""What every store does with records that can't be understood: one suite, over each of them."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.clicks import click

from archiver.errors import StoreError
from archiver.model import Rejected, Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from storage.ledger import Ledger
from storage.opening import Archive, open_archive
from storage.reading import open_reader

MIDNIGHT = datetime(2026, 11, 19, tzinfo=UTC)
SEEN = datetime(2026, 11, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)
NO_TIME, NO_TEXT = "clicked_at: it has no time", "title: a list, not a text"


@pytest.fixture(params=["sqlite", "jsonl"])
def kind(request):
    return request.param


@pytest.fixture
def archive(tmp_path, kind):
    with open_archive(tmp_path, kind) as opened:
        yield opened


def record(text: str = "{}", reason: str = NO_TIME, **values: str) -> Rejected:
    return Rejected(reason, text, text, values.get("id"), values.get("clicked_at"), 0)


def hours(start: int, end: int) -> Window:
    return Window(MIDNIGHT + start * HOUR, MIDNIGHT + end * HOUR)


def commit(archive: Archive, window: Window, *records: Rejected, account: str = "acme") -> None:
    archive.store.commit(Commit(account, window, [], [], {}, SEEN, records))


def listed(directory: Path, account: str = "acme") -> list[tuple[str, str, str, str]]:
    with open_reader(directory) as reader:
        return [(r.start, r.end, r.reason, r.text) for r in reader.rejected.listed(account)]


def report(archive: Archive, now: datetime = SEEN, account: str = "acme") -> dict[str, int]:
    with archive.transaction():
        return dict(archive.rejected.report(account, now))


def test_they_are_kept_with_their_slice(archive, tmp_path):
    """As text, with the reason and the slice; the slice is covered."""
    commit(archive, hours(0, 6), record('{"id":"5"}', id="5"), record("{}", NO_TEXT))
    slice_ = (format_utc(MIDNIGHT), format_utc(MIDNIGHT + 6 * HOUR))
    assert sorted(listed(tmp_path)) == [
        (*slice_, NO_TIME, '{"id":"5"}'),
        (*slice_, NO_TEXT, "{}"),
    ]
    assert archive.ledger.coverage("acme") == [hours(0, 6)]
    with open_reader(tmp_path) as reader:
        [first, _] = reader.rejected.listed("acme")
        assert (first.account, first.first_seen_at) == ("acme", format_utc(SEEN))
        assert reader.counts("acme").clicks == 0


def test_what_comes_again_is_no_new_one(archive, tmp_path):
    """In the same slice, in others of its day, in parts of it; its first slice is kept."""
    commit(archive, hours(0, 12), record())
    before = listed(tmp_path)
    for window in (hours(0, 12), hours(3, 12), hours(3, 5), hours(5, 12), hours(12, 24)):
        commit(archive, window, record())
    assert listed(tmp_path) == before
    assert report(archive) == {NO_TIME: 1}


def test_two_alike_are_two(archive, tmp_path):
    """The larger number of one slice counts, whatever comes before or after."""
    for count in (1, 3, 2, 3):
        commit(archive, hours(0, 12), *[record()] * count)
    assert len(listed(tmp_path)) == 3


def test_alike_ones_of_two_days_are_two(archive, tmp_path):
    """Without a time and without an id, a record belongs to the day that it came with."""
    commit(archive, hours(0, 24), record())
    commit(archive, hours(24, 48), record())
    assert len(listed(tmp_path)) == 2


def test_an_id_that_is_given_with_every_day_is_one(archive, tmp_path):
    """A service that can't tell its time may give it whatever is asked."""
    for day in range(5):
        commit(archive, hours(24 * day, 24 * day + 24), record(id="5"))
    assert len(listed(tmp_path)) == 1


def test_accounts_are_apart(archive, tmp_path):
    """The same record of two accounts is two records, and each is reported by itself."""
    commit(archive, hours(0, 24), record())
    commit(archive, hours(0, 24), record(), record("[]", NO_TEXT), account="bees")
    assert (len(listed(tmp_path)), len(listed(tmp_path, "bees"))) == (1, 2)
    assert report(archive) == {NO_TIME: 1}
    assert report(archive, account="bees") == {NO_TIME: 1, NO_TEXT: 1}


def test_each_is_reported_once(archive):
    """By reason, the most frequent first; a known one that comes again isn't reported again."""
    many = [record(str(number), NO_TEXT) for number in range(3)]
    commit(archive, hours(0, 24), record(), *many)
    assert list(report(archive).items()) == [(NO_TEXT, 3), (NO_TIME, 1)]
    assert report(archive) == {}
    commit(archive, hours(0, 24), record(), *many, record("new"))
    assert report(archive) == {NO_TIME: 1}


def test_what_nobody_has_reported_is_reported_later(kind, tmp_path):
    """A run that was ended before it could say anything leaves it to the next one."""
    with open_archive(tmp_path, kind) as archive:
        commit(archive, hours(0, 24), record())
    with open_archive(tmp_path, kind) as archive:
        commit(archive, hours(0, 24), record())
        assert report(archive) == {NO_TIME: 1}


def test_a_report_that_fails_reports_nothing(archive):
    """It is one step with what tells of it."""
    commit(archive, hours(0, 24), record())

    def report_and_fail() -> None:
        with archive.transaction():
            archive.rejected.report("acme", SEEN)
            raise sqlite3.OperationalError("disk full")

    with pytest.raises(StoreError):
        report_and_fail()
    assert report(archive) == {NO_TIME: 1}


def test_a_commit_that_fails_keeps_none(archive, tmp_path, monkeypatch):
    """What isn't covered comes again."""
    original = Ledger.record

    def fail_afterwards(self: Ledger, given: Commit) -> None:
        original(self, given)
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record", fail_afterwards)
        with pytest.raises(StoreError):
            commit(archive, hours(0, 24), record())
    assert listed(tmp_path) == []
    assert archive.ledger.coverage("acme") == []
    commit(archive, hours(0, 24), record())
    assert len(listed(tmp_path)) == 1


def test_clicks_beside_them_are_clicks(archive, tmp_path):
    """The days count and digest clicks alone."""
    row = click(format_utc(MIDNIGHT + HOUR))
    slices = [Commit("acme", hours(0, 24), [row], ["event:x:1"], {}, SEEN, [record()])]
    for one in slices:
        archive.store.commit(one)
    with open_reader(tmp_path) as reader:
        assert reader.counts("acme").clicks == 1
        assert list(reader.clicks("acme", hours(0, 24))) == [row]


def test_an_archive_of_an_earlier_version_has_none(tmp_path, kind):
    """It is read as it is; the first run that writes to it adds the table."""
    with open_archive(tmp_path, kind) as archive, archive.transaction():
        archive.connection.execute("DROP TABLE rejected")
        archive.connection.execute("DROP TABLE ip_key")
        archive.connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'create_rejected'")
    assert listed(tmp_path) == []
    with open_reader(tmp_path) as reader:
        assert not reader.ip_key.is_held()
    with open_archive(tmp_path, kind) as archive:
        commit(archive, hours(0, 24), record())
    assert len(listed(tmp_path)) == 1


def test_any_text_comes_back_as_it_was(archive, tmp_path):
    """NUL, control characters and whatever language."""
    texts = ['{"a":"\\u0000"}', "\x00\x1b[31m", "Grüße \U0001f600", "x" * 100_000]
    commit(archive, hours(0, 24), *map(record, texts))
    assert {text for *_, text in listed(tmp_path)} == set(texts)
