"""The way of a click from a source to a store, both in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from support.clicks import changed, click

from archiver.engine import FAILED_IN_A_ROW, UNANSWERED_IN_A_ROW, Archiving, Terms
from archiver.errors import (
    AccountError,
    SourceError,
    StoreError,
    UnavailableError,
    UnstableError,
    WindowError,
)
from archiver.identity import facts_of, keys_of
from archiver.model import (
    CLICKED_AT,
    AccountReport,
    Fetched,
    Rejected,
    Row,
    Split,
    Window,
)
from archiver.sources.base import Share
from archiver.store import Commit
from archiver.timestamps import LocalTimes, format_utc
from archiver.windows import merge, split

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ORIGIN = datetime(2026, 11, 19, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTLE = 10 * MINUTE


def hour(number: int, until: int | None = None) -> Window:
    end = number + 1 if until is None else until
    return Window(ORIGIN + timedelta(hours=number), ORIGIN + timedelta(hours=end))


def in_hour(number: int, minute: int = 30, **values) -> Row:
    return click(format_utc(hour(number).start + minute * MINUTE), **values)


class Source:
    """Gives the clicks of each window; or what it was told to give instead, once each."""

    def __init__(self, rows: list[Row], served_at: datetime | None = None) -> None:
        self.rows = rows
        self.served_at_ = served_at
        self.instead: dict[Window, list[Fetched | Split | SourceError]] = {}
        self.asked: list[Window] = []
        self.closed = False

    def fail(self, error: SourceError, *windows: Window) -> None:
        self.instead |= {window: [error] for window in windows}

    def fetch(self, window: Window, _share: Share) -> Fetched | Split:
        self.asked.append(window)
        instead = self.instead.get(window, [])
        if instead:
            answer = instead.pop(0)
            if isinstance(answer, SourceError):
                raise answer
            return answer
        start, end = format_utc(window.start), format_utc(window.end)
        within = [row for row in self.rows if start <= row[CLICKED_AT] < end]
        return Fetched(within, self.served_at_)

    def served_at(self) -> datetime | None:
        return self.served_at_

    def close(self) -> None:
        self.closed = True


class Store:
    """A store in memory."""

    def __init__(self) -> None:
        self.stored: dict[str, Row] = {}
        self.commits: list[Commit] = []
        self.notices: list[str] = []

    def known_clicks(self, account: str, window: Window) -> Mapping[str, tuple]:
        assert account == "acme"
        start, end = format_utc(window.start), format_utc(window.end)
        return {
            key: facts_of(row)
            for key, row in self.stored.items()
            if start <= row[CLICKED_AT] < end
        }

    def commit(self, commit: Commit) -> Sequence[str]:
        self.commits.append(commit)
        self.stored |= dict(zip(commit.keys, commit.clicks, strict=True))
        self.stored |= commit.revised
        return self.notices

    @property
    def covered(self) -> list[Window]:
        return merge(commit.window for commit in self.commits)

    @property
    def clicks(self) -> "Counter[Row]":
        return Counter(self.stored.values())


def archive(
    source: Source, store: Store, *windows: Window, concurrency: int = 1, **options
) -> AccountReport:
    terms = Terms("acme", LocalTimes("UTC"), SETTLE, concurrency)
    return Archiving(
        terms, source, store, AccountReport("acme"), clock=lambda: NOW, **options
    ).archive(windows)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_every_click_is_stored_and_counted(concurrency):
    """Each window is a slice, and the report tells what was fetched and what was new."""
    rows = [in_hour(n // 2, ip=str(n)) for n in range(12)]
    store = Store()
    report = archive(Source(rows), store, *map(hour, range(6)), concurrency=concurrency)
    assert store.clicks == Counter(rows)
    assert store.covered == [hour(0, 6)]
    assert (report.windows, report.fetched, report.new, report.duplicates) == (6, 12, 12, 0)
    assert (report.outcome, report.error, report.warnings) == ("complete", None, [])
    assert not report.aborted


def test_the_latest_window_comes_first():
    """Whether it can be had tells what an earlier one's failure means; the others are in order."""
    source = Source([])
    archive(source, Store(), *map(hour, range(5)))
    assert source.asked == list(map(hour, (4, 0, 1, 2, 3)))
    assert not source.closed


def test_the_same_again_is_all_duplicates():
    """A second run covers the same and adds nothing."""
    rows = [in_hour(0)] * 3 + [in_hour(0, 31)]
    store = Store()
    archive(Source(rows), store, hour(0))
    report = archive(Source(rows[::-1]), store, hour(0))
    assert store.clicks == Counter(rows)
    assert (report.fetched, report.new, report.duplicates) == (4, 0, 4)
    assert store.commits[-1].revised == {}


def test_a_changed_click_is_committed_as_a_revision():
    """It is no new click; the commit names it by its key."""
    first = in_hour(0, ip="192.0.2.1")
    store = Store()
    archive(Source([first]), store, hour(0))
    now = changed(first, conversion="1.50")
    report = archive(Source([now]), store, hour(0))
    assert list(store.commits[-1].revised.values()) == [now]
    assert store.commits[-1].seen_at == NOW
    assert (report.new, report.duplicates) == (0, 1)


def test_an_empty_window_is_covered():
    """That there was no click is knowledge, too."""
    store = Store()
    report = archive(Source([]), store, hour(0))
    assert store.covered == [hour(0)]
    assert (report.windows, report.fetched) == (1, 0)


def test_what_is_outside_the_window_is_dropped():
    """A service may give more than asked: the end and everything beyond isn't this slice's."""
    before, start, last = in_hour(0, 59), in_hour(1, 0), in_hour(1, 59)
    end = in_hour(2, 0)
    source, store = Source([]), Store()
    source.instead[hour(1)] = [Fetched([before, start, last, end, start])]
    report = archive(source, store, hour(1))
    assert store.clicks == Counter([start, last, start])
    assert report.fetched == 3


def test_splits_are_slices_of_their_own():
    """A window that holds too much is committed part by part."""
    rows = [in_hour(n) for n in range(4)]
    source, store = Source(rows), Store()
    source.instead[hour(0, 4)] = [Split(split(hour(0, 4), 4))]
    progress: list[Window] = []
    report = archive(source, store, hour(0, 4), progress=progress.append)
    assert [commit.window for commit in store.commits] == list(map(hour, range(4)))
    assert store.clicks == Counter(rows)
    assert report.windows == 4
    assert progress == list(map(hour, range(4)))


def test_what_the_store_has_to_say_is_a_warning():
    """A commit's notices are in the report; they are no error."""
    store = Store()
    store.notices = ["9 bytes were torn"]
    report = archive(Source([]), store, hour(0))
    assert (report.outcome, report.warnings) == ("complete", ["9 bytes were torn"])


# What fails


@pytest.mark.parametrize("error", [WindowError, UnavailableError, UnstableError])
def test_a_window_that_fails_is_left_and_named(error):
    """The others go on; nothing of the failed one is covered; the error names it."""
    source, store = Source([in_hour(n) for n in range(3)]), Store()
    source.instead[hour(1)] = [error("went wrong")]
    progress: list[Window] = []
    report = archive(source, store, *map(hour, range(3)), progress=progress.append)
    assert store.covered == [hour(0), hour(2)]
    assert report.errors == [f"{hour(1)}: went wrong"]
    assert report.failed == [hour(1)]
    assert (report.outcome, report.windows, report.aborted) == ("partial", 2, False)
    assert progress == list(map(hour, (2, 0, 1)))


def test_an_account_error_stops():
    """What no other window can do better isn't asked again; what was committed stays."""
    source, store = Source([in_hour(0)]), Store()
    source.instead[hour(1)] = [AccountError("wrong password")]
    report = archive(source, store, *map(hour, range(5)))
    assert source.asked == [hour(4), hour(0), hour(1)]
    assert store.covered == [hour(0), hour(4)]
    assert (report.outcome, report.errors) == ("partial", ["wrong password"])
    assert (report.failed, report.aborted) == ([], True)


def test_nothing_committed_is_a_failure():
    """Where the first window already ends it, the account has failed."""
    source = Source([])
    source.fail(AccountError("wrong password"), hour(0), hour(1))
    report = archive(source, Store(), hour(0), hour(1))
    assert (report.outcome, report.windows) == ("failed", 0)


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    ("error", "patience"),
    [(UnavailableError("no answer"), 3), (WindowError("HTML"), 50), (UnstableError("shifts"), 50)],
)
def test_a_service_that_gives_nothing_is_left_in_peace(error, patience, concurrency):
    """After some windows in a row, and then the latest too, the rest waits for the next run."""
    assert {UNANSWERED_IN_A_ROW, FAILED_IN_A_ROW} == {3, 50}
    source, store = Source([]), Store()
    source.fail(error, *map(hour, range(99)))
    report = archive(source, store, *map(hour, range(99)), concurrency=concurrency)
    assert len(report.failed) == patience + concurrency
    assert patience + concurrency <= len(source.asked) <= patience + 2 * concurrency
    *failures, last = report.errors
    assert len(failures) == len(report.failed)
    assert last.startswith(f"{patience + concurrency} windows failed in a row, the latest one")
    assert report.aborted
    assert store.commits == []
    assert source.closed


def test_the_latest_waiting_window_tells_whether_to_go_on():
    """It is brought forward after three without an answer: here the service is down."""
    source = Source([])
    source.fail(UnavailableError("no answer"), *map(hour, range(9)))
    archive(source, Store(), *map(hour, range(9)))
    assert source.asked == list(map(hour, (8, 0, 1, 7)))


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize(("error", "bad"), [(UnavailableError("no"), 8), (WindowError("no"), 53)])
def test_a_period_that_cannot_be_had_does_not_stand_in_the_way(error, bad, concurrency):
    """All that comes after it is archived, in one run, and all of it is named."""
    source, store = Source([]), Store()
    source.fail(error, *map(hour, range(bad)))
    report = archive(source, store, *map(hour, range(bad + 30)), concurrency=concurrency)
    assert store.covered == [hour(bad, bad + 30)]
    assert sorted(report.failed) == list(map(hour, range(bad)))
    assert len(report.errors) == bad
    assert (report.outcome, report.aborted) == ("partial", False)


@pytest.mark.parametrize("between", [None, WindowError("half a page"), UnstableError("shifted")])
def test_an_answer_in_between_starts_the_count_anew(between):
    """Only windows in a row count: whatever the service answered, it is there."""
    source, store = Source([]), Store()
    source.fail(UnavailableError("no answer"), *map(hour, (0, 1, 3, 4)))
    if between is not None:
        source.fail(between, hour(2))
    archive(source, store, *map(hour, range(6)))
    assert source.asked == list(map(hour, (5, 0, 1, 2, 3, 4)))
    assert store.covered[-1] == hour(5)


def test_one_silence_among_answers_that_are_none_is_not_the_end():
    """Ten days that can't be used and one without an answer leave the days after them."""
    source, store = Source([]), Store()
    source.fail(WindowError("HTML"), *map(hour, range(10)))
    source.fail(UnavailableError("no answer"), hour(10))
    report = archive(source, store, *map(hour, range(20)))
    assert store.covered == [hour(11, 20)]
    assert not report.aborted


@pytest.mark.parametrize("failing", ["known_clicks", "commit"])
def test_a_store_that_fails_ends_the_account(failing, monkeypatch):
    """The report says why; nothing is covered and nothing stays under way."""

    def fail(*_: object) -> None:
        raise StoreError("disk full")

    source, store = Source([in_hour(0)]), Store()
    monkeypatch.setattr(store, failing, fail)
    report = archive(source, store, *map(hour, range(9)), concurrency=3)
    assert (report.outcome, report.errors) == ("failed", ["disk full"])
    assert (report.failed, report.aborted) == ([], True)
    assert store.commits == []
    assert source.closed


def test_the_report_is_there_whatever_happens(monkeypatch):
    """After an exception that nobody foresaw, it tells what had been done until then."""
    source, store = Source([in_hour(0)]), Store()
    terms = Terms("acme", LocalTimes("UTC"), SETTLE)
    archiving = Archiving(terms, source, store, AccountReport("acme"), clock=lambda: NOW)
    archiving.archive([hour(0)])

    def fail(_: Commit) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(store, "commit", fail)
    with pytest.raises(ZeroDivisionError):
        archiving.archive([hour(1)])
    assert (archiving.report.windows, archiving.report.fetched) == (1, 1)


# Clocks


def test_a_service_behind_our_clock_cuts_what_is_covered():
    """What hasn't settled by the service's clock isn't covered, nor stored yet."""
    rows = [in_hour(22, 10), in_hour(22, 50)]
    served_at = hour(22).start + 40 * MINUTE
    store = Store()
    report = archive(Source(rows, served_at), store, hour(22))
    assert store.covered == [Window(hour(22).start, served_at - SETTLE)]
    assert store.clicks == Counter(rows[:1])
    assert report.fetched == 1


def test_what_has_not_begun_for_the_service_is_not_covered():
    """A window wholly in the service's future is left for later, without an error."""
    store = Store()
    report = archive(Source([], hour(20).start), store, hour(19), hour(22))
    assert store.covered == [Window(hour(19).start, hour(20).start - SETTLE)]
    assert (report.outcome, report.windows) == ("complete", 1)


def test_a_repeated_hour_by_the_services_clock_waits():
    """While the service is in a repeated hour, nothing of that hour is covered."""
    terms = Terms("acme", LocalTimes("America/New_York"), timedelta())
    fold = datetime(2026, 11, 1, 5, tzinfo=UTC)
    window = Window(fold - 60 * MINUTE, fold + 60 * MINUTE)
    store = Store()
    source = Source([], fold + 30 * MINUTE)
    Archiving(terms, source, store, AccountReport("acme"), clock=lambda: NOW).archive([window])
    assert store.covered == [Window(window.start, fold)]


@pytest.mark.parametrize(
    ("skew", "told"),
    [
        (timedelta(), None),
        (-MINUTE, None),
        (MINUTE, None),
        (timedelta(seconds=-61), "61 seconds behind"),
        (timedelta(seconds=61), "61 seconds ahead of"),
        (timedelta(days=3), "259200 seconds ahead of"),
    ],
)
def test_a_skew_of_more_than_a_minute_is_told_once(skew, told):
    """However many windows show it; and no skew keeps a settled window from being covered."""
    store = Store()
    report = archive(Source([], NOW + skew), store, *map(hour, range(4)))
    assert store.covered == [hour(0, 4)]
    assert [told in warning for warning in report.warnings] == ([True] if told else [])
    assert report.outcome == "complete"


def test_a_service_without_a_clock_is_believed():
    """Where no Date is sent, our clock, which made the plan, counts."""
    store = Store()
    report = archive(Source([], None), store, hour(23))
    assert store.covered == [hour(23)]
    assert report.warnings == []


# Identity


@pytest.mark.parametrize(("before", "after"), [("5", None), (None, "5")])
def test_a_service_that_begins_or_ceases_to_give_ids(before, after):
    """What is stored can't be told to be the same: it stays as it is, and each window is named."""
    old = [in_hour(n, id=before and f"{before}{n}") for n in range(2)]
    new = [in_hour(n, id=after and f"{after}{n}") for n in range(3)]
    store = Store()
    archive(Source(old), store, hour(0), hour(1))
    commits = len(store.commits)
    report = archive(Source(new), store, *map(hour, range(3)))
    assert store.clicks == Counter([*old, new[2]])
    assert [commit.window for commit in store.commits[commits:]] == [hour(2)]
    assert report.incomparable == [hour(0), hour(1)]
    assert [w.startswith(f"{hour(n)}: ") for n, w in enumerate(report.warnings)] == [True, True]
    assert "began or ceased to give ids" in report.warnings[0]
    assert (report.errors, report.failed, report.windows) == ([], [], 1)


def test_what_was_stored_under_another_ip_is_not_compared():
    """Where its coverage was taken back, it isn't stored a second time: the window is named."""
    store = Store()
    archive(Source([in_hour(0, ip="192.0.2.17"), in_hour(2, ip="192.0.2.17")]), store, hour(0, 3))
    now = [in_hour(n, ip="192.0.2.0") for n in range(4)]
    terms = Terms("acme", LocalTimes("UTC"), SETTLE, comparable_from=hour(2).start)
    report = Archiving(
        terms, Source(now), store, AccountReport("acme"), clock=lambda: NOW
    ).archive(map(hour, range(4)))
    assert report.incomparable == [hour(0)]
    assert (
        "can't be compared with what the service gives now, for ids or ip ch"
        in (report.warnings[0])
    )
    assert store.covered == [hour(0, 4)]
    assert len(store.stored) == 5  # a gap is filled, and so is what comes after


def test_an_id_is_comparable_whatever_became_of_the_address():
    """It is the identity: nothing is doubled."""
    store = Store()
    archive(Source([in_hour(0, id="5", ip="192.0.2.17")]), store, hour(0))
    terms = Terms("acme", LocalTimes("UTC"), SETTLE, comparable_from=hour(2).start)
    source = Source([in_hour(0, id="5", ip="192.0.2.0")])
    report = Archiving(terms, source, store, AccountReport("acme"), clock=lambda: NOW).archive(
        [hour(0)]
    )
    assert (report.incomparable, report.new, len(store.stored)) == ([], 0, 1)


# Records that can't be understood


NONSENSE = Rejected("it has no time", "{}", "0" * 32, None, None, 0)


def test_what_cannot_be_understood_is_committed_with_its_slice():
    """Its window is covered; it is neither fetched nor new nor known, and no error here."""
    store = Store()
    source = Source([])
    source.instead[hour(0)] = [Fetched([in_hour(0)], None, [NONSENSE, NONSENSE])]
    report = archive(source, store, hour(0), hour(1))
    by_window = {commit.window: list(commit.rejected) for commit in store.commits}
    assert by_window == {hour(0): [NONSENSE, NONSENSE], hour(1): []}
    assert (report.windows, report.fetched, report.new, report.duplicates) == (2, 1, 1, 0)
    assert report.errors == []


@pytest.mark.parametrize("served_at", [hour(0).start, None])
def test_what_cannot_be_understood_waits_until_its_slice_has_settled(served_at):
    """What isn't covered comes again: nothing of it is stored before."""
    store = Store()
    source = Source([])
    source.instead[hour(2)] = [Fetched([], served_at, [NONSENSE])]
    archive(source, store, hour(2))
    assert [list(commit.rejected) for commit in store.commits] == [[NONSENSE]] * (not served_at)


@pytest.mark.parametrize("rows", [[], [in_hour(0)]])
def test_nothing_on_one_side_is_no_change_of_identity(rows):
    """An empty answer or an empty archive says nothing on ids."""
    store = Store()
    archive(Source(rows), store, hour(0))
    report = archive(Source([in_hour(0)] if not rows else []), store, hour(0))
    assert not report.incomparable
    assert len(store.commits) == 2


def test_an_id_at_another_time_is_a_new_click():
    """An id that comes back at another time is another click: both are kept, and it is said."""
    store = Store()
    archive(Source([in_hour(0, 10, id="5"), in_hour(0, 11, id="a:6")]), store, hour(0))
    moved = [in_hour(0, 20, id="5"), in_hour(0, 20, id="a:6"), in_hour(0, 20, id="7")]
    report = archive(Source(moved), store, hour(0))
    assert report.new == 3
    assert len(store.stored) == 5
    [warning] = report.warnings
    assert warning.startswith(f"{hour(0)}: 2 clicks have ids that are archived with another time")
    assert report.outcome == "complete"


def test_it_is_told_which_stored_clicks_are_missing():
    """Of each window that holds stored clicks, once it is committed; nothing of an empty one."""
    told: list[tuple[Window, list[str], list[str]]] = []

    def missing(window: Window, known: Mapping[str, tuple], keys: Collection[str]) -> None:
        assert store.commits[-1].window == window
        told.append((window, sorted(known), sorted(keys)))

    store = Store()
    stays, goes, other = in_hour(0, 10, id="1"), in_hour(0, 11, id="2"), in_hour(1, id="3")
    archive(Source([stays, goes, other]), store, hour(0), hour(1), hour(2), missing=missing)
    assert told == []
    archive(Source([stays, other]), store, hour(0), hour(1), hour(2), missing=missing)
    one, two, three = keys_of([stays, goes, other])
    assert sorted(told) == [(hour(0), [one, two], [two]), (hour(1), [three], [])]
    assert len(store.stored) == 3


def test_a_click_whose_id_has_moved_is_not_missing():
    """Neither when it moves nor later: it is there, at another time."""
    told: list[str] = []
    store = Store()
    archive(Source([in_hour(0, 10, id="5")]), store, hour(0))
    moved = Source([in_hour(0, 20, id="5")])
    for _ in range(2):
        archive(moved, store, hour(0), missing=lambda _, __, keys: told.extend(keys))
    assert (told, len(store.stored)) == ([], 2)


def test_ids_that_stay_where_they_are_are_no_warning():
    """Known clicks, new ones beside them, and clicks without ids are as they should be."""
    for ids in ("56", (None, None)):
        store = Store()
        first, second = (in_hour(0, n, id=click_id) for n, click_id in enumerate(ids))
        archive(Source([first]), store, hour(0))
        assert archive(Source([first, second]), store, hour(0)).warnings == []
