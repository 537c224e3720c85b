"""What every store does: one suite, over each of them."""

import json
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clicks import alike_clicks, any_clicks, changed, click

from archiver.errors import CorruptArchiveError, StoreError
from archiver.identity import Reconciled, digest_of, facts_of, reconcile
from archiver.model import CLICK_FIELDS, CLICKED_AT, Row, Window
from archiver.store import Commit
from archiver.timestamps import format_utc
from storage.ledger import Ledger
from storage.opening import Archive, open_archive
from storage.reading import open_reader

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
SEEN = datetime(2026, 11, 21, tzinfo=UTC)
EVER = Window(datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
SECOND = timedelta(seconds=1)
ID = CLICK_FIELDS.index("id")


@pytest.fixture(scope="module", params=["sqlite", "jsonl"])
def kind(request):
    return request.param


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archive(directory, kind):
    with open_archive(directory, kind) as opened:
        yield opened


def at(second: int) -> str:
    return format_utc(NOON + second * SECOND)


def span(start: int, end: int) -> Window:
    return Window(NOON + start * SECOND, NOON + end * SECOND)


HOUR = span(0, 3600)


def commit(
    archive: Archive,
    rows: Sequence[Row],
    window: Window = HOUR,
    *,
    account: str = "acme",
    seen_at: datetime = SEEN,
) -> Reconciled:
    """Do with a slice what the engine does."""
    found = reconcile(archive.store.known_clicks(account, window), rows)
    archive.store.commit(
        Commit(account, window, found.new, found.new_keys, found.revised, seen_at)
    )
    return found


def stored(directory: Path, window: Window = EVER, account: str = "acme") -> list[Row]:
    """What a reader finds, as an export would give it."""
    with open_reader(directory) as reader:
        assert reader is not None
        return list(reader.clicks(account, window))


def days(archive: Archive, account: str = "acme") -> dict[str, tuple]:
    rows = archive.connection.execute(
        "SELECT day, clicks, digest, first_click, last_click FROM days WHERE account = ?",
        (account,),
    )
    return {day: tuple(rest) for day, *rest in rows}


def recomputed_days(rows: list[Row]) -> dict[str, tuple]:
    by_day: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_day[row[CLICKED_AT][:10]].append(row)
    return {
        day: (
            len(clicks),
            f"{digest_of(clicks):032x}",
            min(row[CLICKED_AT] for row in clicks),
            max(row[CLICKED_AT] for row in clicks),
        )
        for day, clicks in by_day.items()
    }


# Commits


def test_a_new_archive_knows_nothing(archive, directory):
    """No clicks, no coverage, and reading it is no error."""
    assert archive.store.known_clicks("acme", HOUR) == {}
    assert archive.ledger.coverage("acme") == []
    assert stored(directory) == []


def test_what_is_committed_is_known(archive):
    """Each click by the key that it was given, with its facts."""
    rows = [click(at(0), ip="192.0.2.1", is_unique=True)] * 2 + [click(at(1), conversion="1.50")]
    found = commit(archive, rows)
    known = archive.store.known_clicks("acme", HOUR)
    assert known == dict(zip(found.new_keys, map(facts_of, found.new), strict=True))
    assert len(known) == 3


@pytest.mark.parametrize("size", [54, 55, 56, 650])
def test_a_slice_of_any_size_is_stored_whole(archive, directory, size):
    """Each click with its own values, those that it hasn't as well."""
    rows = [
        click(at(n), id=str(n), is_unique=[None, False, True][n % 3], ip=str(n) if n % 2 else None)
        for n in range(size)
    ]
    commit(archive, rows)
    assert stored(directory) == rows
    assert days(archive) == recomputed_days(rows)


def test_a_slice_a_second_time_adds_nothing(archive, directory):
    """In whatever order its records come."""
    rows = [click(at(n // 3), ip=str(n % 2)) for n in range(12)]
    commit(archive, rows)
    assert commit(archive, rows[::-1]) == Reconciled()
    assert Counter(stored(directory)) == Counter(rows)


def test_an_empty_slice_is_covered(archive, directory):
    """A window without clicks leaves coverage and nothing else."""
    commit(archive, [])
    assert archive.ledger.coverage("acme") == [HOUR]
    assert (stored(directory), days(archive)) == ([], {})


def test_later_slices_add_to_a_day(archive, directory):
    """A day grows slice by slice, backwards too."""
    late, early = [click(at(90))], [click(at(10)), click(at(10))]
    commit(archive, late, span(60, 120))
    commit(archive, early, span(0, 60))
    assert stored(directory) == early + late
    assert days(archive) == recomputed_days(early + late)


def test_reopening_shows_it_all(directory, kind):
    """What one process committed, the next one knows."""
    rows = [click(at(0), title="Grüße", extra='{"a":"b"}')] * 2
    with open_archive(directory, kind) as archive:
        commit(archive, rows)
        known = dict(archive.store.known_clicks("acme", HOUR))
    with open_archive(directory, kind) as archive:
        assert archive.store.known_clicks("acme", HOUR) == known
        assert archive.ledger.coverage("acme") == [HOUR]
        assert commit(archive, rows) == Reconciled()
    assert stored(directory) == rows


class Boom(BaseException):
    """What no code foresees."""


@pytest.mark.parametrize("step", ["record", "_record_links", "_record_revisions"])
@pytest.mark.parametrize(
    ("thrown", "raised"),
    [(sqlite3.OperationalError("disk full"), StoreError), (OSError(28, "no space"), StoreError),
     (Boom(), Boom)],
)  # fmt: skip
def test_a_commit_is_whole_or_not_at_all(archive, directory, monkeypatch, step, thrown, raised):
    """What fails in the middle leaves nothing behind, and the same slice again is exact."""
    first = [click(at(0), id="1"), click(at(1), id="2")]
    commit(archive, first, span(0, 60))
    before = days(archive)
    late = [click(at(61), id="3", link_id="9")]
    revised = [changed(first[0], conversion="1"), first[1], *late]
    original = getattr(Ledger, step)

    def fail_afterwards(self: Ledger, given: Commit) -> None:
        original(self, given)
        raise thrown

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, step, fail_afterwards)
        with pytest.raises(raised):
            commit(archive, revised, HOUR)
    assert not archive.connection.in_transaction
    assert archive.ledger.coverage("acme") == [span(0, 60)]
    assert len(archive.store.known_clicks("acme", HOUR)) == 2
    assert stored(directory) == first
    assert days(archive) == before
    found = commit(archive, revised, HOUR)
    assert (found.new, len(found.revised)) == (late, 1)
    assert archive.ledger.coverage("acme") == [HOUR]
    assert stored(directory) == first + late
    assert days(archive) == recomputed_days(first + late)


def test_a_commit_that_failed_is_not_seen_after_reopening(directory, kind, monkeypatch):
    """A process that dies in the middle of a first commit leaves an empty archive."""

    def die(*_: object) -> None:
        raise Boom

    rows = [click(at(0))] * 3
    with monkeypatch.context() as patch, open_archive(directory, kind) as archive:
        patch.setattr(Ledger, "record", die)
        with pytest.raises(Boom):
            commit(archive, rows)
    assert stored(directory) == []
    with open_archive(directory, kind) as archive:
        assert archive.store.known_clicks("acme", HOUR) == {}
        assert len(commit(archive, rows).new) == 3
        assert days(archive) == recomputed_days(rows)
    assert stored(directory) == rows


# What a click may hold


@settings(deadline=None, max_examples=15)
@given(st.lists(any_clicks, max_size=6, unique_by=lambda row: row[ID] or row))
def test_any_click_comes_back_as_it_was(kind, rows):
    """Control characters, NUL, any language, nothing at all: to the letter, with its digest."""
    with tempfile.TemporaryDirectory() as folder, open_archive(Path(folder), kind) as archive:
        commit(archive, rows)
        assert Counter(stored(Path(folder))) == Counter(rows)
        assert days(archive) == recomputed_days(rows)
        assert commit(archive, rows) == Reconciled()


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.lists(alike_clicks, max_size=6), st.booleans()), max_size=5))
def test_any_sequence_of_slices_keeps_the_promise(kind, slices):
    """Over whatever readings and restarts: the larger multiplicity, and days that add up."""
    most: Counter[tuple] = Counter()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        directory = Path(folder)
        archive = opened.enter_context(open_archive(directory, kind))
        for rows, reopened in slices:
            commit(archive, rows)
            most |= Counter(map(event_of, rows))
            rest = stored(directory)
            assert Counter(map(event_of, rest)) == most
            assert days(archive) == recomputed_days(rest)
            if reopened:
                opened.close()
                archive = opened.enter_context(open_archive(directory, kind))


def event_of(row: Row) -> tuple:
    """What is identity of a click without an id, in the simplest words."""
    named = dict(zip(CLICK_FIELDS, row, strict=True))
    return named["clicked_at"], named["link_id"] or named["link"], named["ip"]


# Revisions


def test_a_revision_is_laid_over(archive, directory):
    """The latest facts are known, and the click as it was first stored isn't overwritten."""
    first = click(at(0), id="1", country=None, is_unique=False)
    commit(archive, [first])
    for number, facts in enumerate([{"country": "DE"}, {"country": "DE", "is_unique": True}]):
        now = changed(first, **facts)
        seen_at = SEEN + number * timedelta(days=1)
        assert list(commit(archive, [now], seen_at=seen_at).revised.values()) == [now]
        assert list(archive.store.known_clicks("acme", HOUR).values()) == [facts_of(now)]
        assert commit(archive, [now], seen_at=seen_at + SECOND) == Reconciled()
    assert stored(directory) == [first]
    rows = archive.connection.execute(
        "SELECT clicked_at, seen_at, country, is_unique FROM click_revisions ORDER BY seen_at"
    ).fetchall()
    assert rows == [
        (at(0), "2026-11-21T00:00:00Z", "DE", 0),
        (at(0), "2026-11-22T00:00:00Z", "DE", 1),
    ]


def test_a_revision_changes_no_count(archive):
    """Days count clicks as stored: their digest is of what is stored."""
    first = [click(at(n), ip=str(n)) for n in range(3)]
    commit(archive, first)
    commit(archive, [changed(row, conversion="1") for row in first])
    assert days(archive) == recomputed_days(first)


def test_a_revision_of_one_among_the_alike(archive, directory):
    """Of three alike clicks one converts: it is known, and nothing is added ever after."""
    three = [click(at(0), ip="192.0.2.1")] * 3
    commit(archive, three)
    now = [changed(three[0], conversion="9"), *three[1:]]
    assert len(commit(archive, now).revised) == 1
    assert commit(archive, now[::-1], seen_at=SEEN + SECOND) == Reconciled()
    assert stored(directory) == three


# Windows, days, accounts


def test_windows_are_half_open(archive, directory):
    """The start is in, the end is out, when clicks are looked up and when they are read."""
    rows = [click(at(second)) for second in (0, 1, 2, 3)]
    commit(archive, rows)
    keys = [len(archive.store.known_clicks("acme", span(1, end))) for end in (2, 3, 4)]
    assert keys == [1, 2, 3]
    assert stored(directory, span(1, 3)) == rows[1:3]
    assert stored(directory, span(-5, 0)) == stored(directory, span(4, 9)) == []


def test_a_part_of_the_alike_is_a_part(archive):
    """A lookup of a smaller window gives its clicks the keys that they have in the larger one."""
    rows = [click(at(0))] * 2 + [click(at(1))] * 2
    commit(archive, rows)
    larger = archive.store.known_clicks("acme", HOUR)
    smaller = archive.store.known_clicks("acme", span(1, 2))
    assert len(smaller) == 2
    assert smaller.items() <= larger.items()


def test_a_slice_over_midnight(archive, directory):
    """The last second of a day and the first of the next belong to two days."""
    midnight = 12 * 3600
    window = span(midnight - 60, midnight + 60)
    rows = [click(at(midnight - 1)), click(at(midnight)), click(at(midnight))]
    commit(archive, rows, window)
    assert days(archive) == recomputed_days(rows)
    assert list(days(archive)) == ["2026-11-19", "2026-11-20"]
    assert stored(directory) == rows
    assert commit(archive, rows, window) == Reconciled()
    assert stored(directory, span(midnight, midnight + 1)) == rows[1:]
    assert len(archive.store.known_clicks("acme", span(0, midnight))) == 1


def test_two_accounts_are_apart(archive, directory):
    """The same clicks of two accounts are clicks, coverage, days and links of their own."""
    commit(archive, [click(at(0), link_id="1")] * 2, span(0, 60))
    others = [click(at(0), link_id="1", account="bees")]
    commit(archive, others, span(60, 120), account="bees")
    commit(archive, others, span(0, 60), account="bees")
    assert archive.ledger.coverage("acme") == [span(0, 60)]
    assert archive.ledger.coverage("bees") == [span(0, 120)]
    assert len(stored(directory)) == 2
    assert stored(directory, account="bees") == others
    assert days(archive, "bees") == recomputed_days(others)
    with open_reader(directory) as reader:
        assert reader is not None
        assert [reader.counts(name).clicks for name in ("acme", "bees", "none")] == [2, 1, 0]
        assert [reader.counts(name).links for name in ("acme", "bees", "none")] == [1, 1, 0]


def test_an_account_that_begins_like_another(archive, directory):
    """No name is taken for a part of another."""
    for account in ("a", "a-b", "a_b", "A"):
        commit(archive, [click(at(0), account=account)], account=account)
    for account in ("a", "a-b", "a_b", "A"):
        assert stored(directory, account=account) == [click(at(0), account=account)]


# Coverage


def test_coverage_grows_together(archive):
    """Windows that touch or overlap are one; others are apart."""
    for start, end in ((0, 10), (20, 30), (5, 12), (30, 40)):
        commit(archive, [], span(start, end))
    assert archive.ledger.coverage("acme") == [span(0, 12), span(20, 40)]
    commit(archive, [], span(12, 20))
    assert archive.ledger.coverage("acme") == [span(0, 40)]
    commit(archive, [], span(10, 30))
    assert archive.ledger.coverage("acme") == [span(0, 40)]


@pytest.mark.parametrize(
    ("end", "left", "late"),
    [
        (50, [(0, 10), (20, 30)], []),
        (30, [(0, 10), (20, 30)], []),
        (25, [(0, 10), (20, 25)], [(25, 30)]),
        (15, [(0, 10)], [(20, 30)]),
        (5, [(0, 5)], [(5, 10), (20, 30)]),
        (0, [], [(0, 10), (20, 30)]),
    ],
)
def test_coverage_is_cut_back(archive, directory, end, left, late):
    """What is covered after an instant is taken back and told; the clicks stay."""
    rows = [click(at(5)), click(at(22)), click(at(28))]
    commit(archive, rows[:1], span(0, 10))
    commit(archive, rows[1:], span(20, 30))
    with archive.transaction():
        assert archive.ledger.cut_coverage("acme", NOON + end * SECOND) == [span(*w) for w in late]
    assert archive.ledger.coverage("acme") == [span(*w) for w in left]
    assert stored(directory) == rows
    commit(archive, rows, span(0, 30))
    assert stored(directory) == rows


# Links


def test_the_links_of_clicks_are_kept(archive):
    """As they were on the first click that was seen on them, by id or else by the link."""
    first = click(at(0), link_id="1", link="l/1", destination="d", title="Old", group="g")
    commit(archive, [first, click(at(0), link="l/2"), click(at(1))])
    commit(archive, [changed(first, clicked_at=at(2), title="New")], seen_at=SEEN + SECOND)
    rows = archive.connection.execute(
        'SELECT key, link_id, link, destination, title, "group", first_seen_at FROM links '
        "WHERE account = 'acme' ORDER BY key"
    ).fetchall()
    assert rows == [
        ("1", "1", "l/1", "d", "Old", "g", format_utc(SEEN)),
        ("l/2", None, "l/2", None, None, None, format_utc(SEEN)),
    ]


# Reading


def test_reading_is_in_order_of_time_id_and_content(archive, directory):
    """Ids order as text, clicks without one by their content, whatever came first."""
    rows = [
        click(at(0), ip="1"),
        click(at(0), ip="2"),
        click(at(1), id="10", ip="9"),
        click(at(1), id="9", ip="1"),
        click(at(1), id="a"),
        click(at(3700), id="1"),
    ]
    commit(archive, [rows[5]], span(3600, 7200))
    commit(archive, [rows[3], rows[4], rows[2], rows[1], rows[0]])
    assert stored(directory) == rows


@settings(deadline=None, max_examples=12)
@given(st.lists(alike_clicks, min_size=1, max_size=8).flatmap(
    lambda rows: st.tuples(st.just(rows), st.permutations(rows))))  # fmt: skip
def test_the_order_of_arrival_does_not_show(kind, case):
    """Two archives of the same clicks read alike, to the byte of an export."""
    exports = []
    for rows in case:
        with tempfile.TemporaryDirectory() as folder:
            with open_archive(Path(folder), kind) as archive:
                commit(archive, rows)
            exports.append(stored(Path(folder)))
    assert exports[0] == exports[1]


def test_no_archive_is_read_as_none(directory):
    """Where nothing was ever archived, there is nothing to read and nothing is made."""
    with open_reader(directory) as reader:
        assert reader is None
    assert not directory.exists()


def test_reading_goes_on_beside_writing(archive, directory):
    """A reader sees what is committed while the writer has the archive open."""
    commit(archive, [click(at(0))], span(0, 60))
    with open_reader(directory) as reader:
        assert reader is not None
        first = list(reader.clicks("acme", EVER))
        commit(archive, [click(at(61))], span(60, 120))
        assert len(first) == 1
        assert len(list(reader.clicks("acme", EVER))) == 2


def test_both_stores_read_alike(tmp_path):
    """The same slices in either store are the same clicks, rows and digests."""
    rows = [click(at(n % 7), ip=str(n % 3), is_unique=n % 2 == 0, extra='{"a":"b"}')
            for n in range(40)]  # fmt: skip
    found = []
    for kind in ("sqlite", "jsonl"):
        with open_archive(tmp_path / kind, kind) as archive:
            commit(archive, rows)
            found.append((stored(tmp_path / kind), days(archive),
                          archive.store.known_clicks("acme", HOUR)))  # fmt: skip
    assert found[0] == found[1]
    assert [type(row[CLICK_FIELDS.index("is_unique")]) for row in found[0][0]] == [bool] * 40


def test_a_line_that_is_no_click_is_corruption(tmp_path):
    """In the JSONL store: a file of the right length and the wrong content is named."""
    directory = tmp_path / "jsonl"
    with open_archive(directory, "jsonl") as archive:
        commit(archive, [click(at(0))])
        path = directory / "clicks/acme/2026/2026-11-19.jsonl"
        whole = path.read_bytes()
        assert json.loads(whole)["clicked_at"] == at(0)
        lines = (b"x", whole[:-3], b'[{"clicked_at":"2026-11-19T12:00:00Z"}]')
        for line in lines:
            path.write_bytes(line.ljust(len(whole) - 1) + b"\n")
            with pytest.raises(CorruptArchiveError, match=r"2026-11-19\.jsonl has a line"):
                archive.store.known_clicks("acme", HOUR)
            with pytest.raises(CorruptArchiveError, match=r"2026-11-19\.jsonl has a line"):
                stored(directory)
