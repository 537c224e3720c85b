"""Windows to slices, several at a time."""

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from archiver.errors import AccountError, UnavailableError, WindowError
from archiver.fetching import fetch_slices
from archiver.model import Fetched, Split, Window
from archiver.sources.base import Share
from archiver.windows import split

ORIGIN = datetime(2026, 11, 19, tzinfo=UTC)
PATIENT = 10.0


def hour(number: int, until: int | None = None) -> Window:
    end = number + 1 if until is None else until
    return Window(ORIGIN + timedelta(hours=number), ORIGIN + timedelta(hours=end))


def number_of(window: Window) -> int:
    return (window.start - ORIGIN) // timedelta(hours=1)


Answer = Callable[[Window], Fetched | Split]


class Source:
    """Answers as it is told, and counts how many of its fetches are under way at once."""

    def __init__(self, answer: Answer = lambda _: Fetched([])) -> None:
        self.answer = answer
        self.asked: list[Window] = []
        self.under_way = self.most_under_way = 0
        self.closed = threading.Event()
        self.part = 0.0  # of the memory, that each fetch holds
        self.holding: list[Window] = []
        self._lock = threading.Lock()

    def fetch(self, window: Window, share: Share) -> Fetched | Split:
        with self._lock:
            self.asked.append(window)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.part:
                share.hold(self.part)
                self.holding.append(window)
            return self.answer(window)
        finally:
            with self._lock:
                self.under_way -= 1

    def close(self) -> None:
        self.closed.set()

    def wait_for_stop(self, _: Window) -> Fetched:
        """Answer nothing, as a service that is down, until somebody gives up."""
        assert self.closed.wait(PATIENT), "nobody closed the source"
        raise AccountError("stopped")


def test_slices_come_in_order():
    """One at a time, the earliest window is first."""
    source = Source()
    slices = list(fetch_slices(source, deque(map(hour, range(5))), 1))
    assert [window for window, _ in slices] == source.asked == list(map(hour, range(5)))
    assert not source.closed.is_set()


def test_no_windows_are_no_slices():
    """Nothing wanted is nothing asked."""
    source = Source()
    assert list(fetch_slices(source, deque(), 3)) == []
    assert not source.closed.is_set()


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_as_many_at_once_as_allowed(concurrency):
    """The limit is reached, so that waiting costs less, and never passed."""
    together = threading.Barrier(concurrency)

    def answer(window: Window) -> Fetched:
        if window != hour(0):
            together.wait(PATIENT)
        return Fetched([])

    source = Source(answer)
    assert len(list(fetch_slices(source, deque(map(hour, range(7))), concurrency))) == 7
    assert source.most_under_way == concurrency


@pytest.mark.parametrize("error", [None, WindowError, AccountError])
def test_the_first_slice_is_fetched_alone(error):
    """Until there is an answer, nobody knows whether the credentials are taken."""
    alone = threading.Event()

    def answer(window: Window) -> Fetched | Split:
        if window == hour(0, 8):
            assert not alone.wait(0.2)
            assert source.asked == [window]
            if error:
                raise error("no")
            return Split(split(window, 8))
        alone.set()
        return Fetched([])

    source = Source(answer)
    windows = deque([hour(0, 8), hour(8), hour(9)])
    if error is AccountError:
        with pytest.raises(AccountError):
            list(fetch_slices(source, windows, 8))
        assert source.asked == [hour(0, 8)]
    else:
        assert len(list(fetch_slices(source, windows, 8))) == (3 if error else 10)


def test_while_the_first_slice_is_stored_the_next_ones_are_fetched():
    """Its answer has told that they can be had: nobody waits for the store."""
    begun = threading.Semaphore(0)

    def answer(window: Window) -> Fetched:
        if window != hour(0):
            begun.release()
        return Fetched([])

    source = Source(answer)
    with closing(fetch_slices(source, deque(map(hour, range(9))), 3)) as slices:
        assert next(slices)[0] == hour(0)
        assert begun.acquire(timeout=PATIENT)
        assert begun.acquire(timeout=PATIENT)
        assert not begun.acquire(timeout=0.1), "more than three are under way or wait to be taken"


def test_a_slow_consumer_bounds_what_is_held():
    """While a slice is stored, no more are fetched than may be under way."""
    source = Source()
    with closing(fetch_slices(source, deque(map(hour, range(20))), 3)) as slices:
        for taken, _ in enumerate(slices):
            assert len(source.asked) <= taken + 3
    assert len(source.asked) == 20


@pytest.mark.parametrize("outcome", [Fetched, WindowError, Split])
def test_what_a_slice_holds_of_the_memory_is_free_once_it_is_taken(outcome):
    """However many may be under way, they wait for room; and then they have it."""

    def answer(window: Window) -> Fetched | Split:
        if outcome is WindowError:
            raise WindowError("no")
        if outcome is Split and window in hours:
            half = timedelta(minutes=30)
            return Split([Window(window.start, window.start + half),
                          Window(window.start + half, window.end)])  # fmt: skip
        return Fetched([])

    source = Source(answer)
    source.part = 0.5
    hours = list(map(hour, range(6)))
    for taken, _ in enumerate(fetch_slices(source, deque(hours), 4)):
        time.sleep(0.02)
        if outcome is Fetched:
            assert len(source.holding) <= taken + 2
    assert len(source.holding) == (18 if outcome is Split else 6)


def test_a_stop_ends_who_waits_for_memory():
    """It isn't given back any more."""
    source = Source()
    source.part = 1.0
    with closing(fetch_slices(source, deque(map(hour, range(9))), 3)) as slices:
        next(slices)
        next(slices)
    assert source.under_way == 0


def test_the_interpreter_is_as_it_was():
    """Threads change often while slices are fetched, and as before afterwards."""
    before = sys.getswitchinterval()
    with closing(fetch_slices(Source(), deque([hour(0), hour(1)]), 1)) as slices:
        next(slices)
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before


def test_a_slow_window_does_not_hold_the_others_up():
    """A slice that is ready is given, though an earlier one isn't."""
    release = threading.Event()

    def answer(window: Window) -> Fetched:
        if window == hour(1):
            assert release.wait(PATIENT)
        return Fetched([])

    order = []
    for window, _ in fetch_slices(Source(answer), deque(map(hour, range(4))), 2):
        order.append(number_of(window))
        if order == [0, 2, 3]:
            release.set()
    assert order == [0, 2, 3, 1]


def test_splits_are_followed_in_order():
    """The parts of a split window take its place, and parts may be split again."""

    def answer(window: Window) -> Fetched | Split:
        hours = (window.end - window.start) // timedelta(hours=1)
        return Split(split(window, 2)) if hours > 1 else Fetched([])

    slices = fetch_slices(Source(answer), deque([hour(0, 8), hour(8, 10)]), 1)
    assert [window for window, _ in slices] == list(map(hour, range(10)))


def test_what_waits_may_be_put_in_another_order():
    """Whoever holds the waiting windows has a say between two slices in what comes next."""
    source = Source()
    waiting = deque(map(hour, range(5)))
    for number, _ in enumerate(fetch_slices(source, waiting, 1)):
        if number == 1:
            waiting.rotate(1)
    assert source.asked == list(map(hour, (0, 1, 4, 2, 3)))
    assert not waiting


def test_one_failed_window_is_given_and_the_others_go_on():
    """A window's error comes in its place."""

    def answer(window: Window) -> Fetched:
        if window == hour(1):
            raise UnavailableError("no answer")
        return Fetched([])

    slices = list(fetch_slices(Source(answer), deque(map(hour, range(3))), 1))
    assert [isinstance(slice_, WindowError) for _, slice_ in slices] == [False, True, False]


def test_an_account_error_ends_it_all():
    """What no other window can do better stops the rest, and what is under way with it."""

    def answer(window: Window) -> Fetched:
        if window == hour(0):
            return Fetched([])
        if window == hour(1):
            raise AccountError("wrong password")
        return source.wait_for_stop(window)

    source = Source(answer)
    with pytest.raises(AccountError, match="wrong password"):
        list(fetch_slices(source, deque(map(hour, range(9))), 2))
    assert source.closed.is_set()
    assert len(source.asked) <= 4
    assert source.under_way == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_of_the_consumer_closes_the_source(error):
    """Whoever takes slices and fails leaves nothing under way."""

    def answer(window: Window) -> Fetched:
        return Fetched([]) if window == hour(0) else source.wait_for_stop(window)

    def consume() -> None:
        for _ in fetch_slices(source, deque(map(hour, range(9))), 3):
            raise error

    source = Source(answer)
    with pytest.raises(error):
        consume()
    assert source.closed.is_set()
    assert source.under_way == 0


def test_a_signal_that_wakes_nobody_is_heeded():
    """One that comes just before the wait begins, or to another thread, ends it all the same."""

    class Ended(BaseException):
        pass

    def end(*_: object) -> None:
        raise Ended

    def answer(window: Window) -> Fetched:
        time.sleep(0.1)  # until the slices are waited for
        signal.raise_signal(signal.SIGUSR1)  # to the thread that fetches
        return source.wait_for_stop(window)

    source = Source(answer)
    before = signal.signal(signal.SIGUSR1, end)
    begun = time.monotonic()
    try:
        with pytest.raises(Ended):
            list(fetch_slices(source, deque([hour(0)]), 1))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert source.closed.is_set()
    assert time.monotonic() - begun < PATIENT / 2


def test_an_unforeseen_exception_of_the_source_is_not_swallowed():
    """A bug in a source shows, and ends what is under way."""

    def answer(window: Window) -> Fetched:
        if window == hour(0):
            return Fetched([])
        if window == hour(1):
            raise ZeroDivisionError
        return source.wait_for_stop(window)

    source = Source(answer)
    with pytest.raises(ZeroDivisionError):
        list(fetch_slices(source, deque(map(hour, range(9))), 2))
    assert source.under_way == 0


def test_giving_up_early_closes_the_source():
    """A consumer that has enough may stop: nothing is under way afterwards."""

    def answer(window: Window) -> Fetched:
        return Fetched([]) if window == hour(0) else source.wait_for_stop(window)

    source = Source(answer)
    with closing(fetch_slices(source, deque(map(hour, range(9))), 2)) as slices:
        next(slices)
    assert source.closed.is_set()
    assert source.under_way == 0


def test_nobody_is_left_waiting_where_the_stop_itself_is_interrupted() -> None:
    """As by a signal: whoever waits for memory is woken all the same."""
    waits = threading.Event()

    def answer(window: Window) -> Fetched:
        if number_of(window) == 1:
            waits.wait(PATIENT)
            raise AccountError("refused")
        return Fetched([])

    class Interrupted(Source):
        def close(self) -> None:
            raise KeyboardInterrupt

    source = Interrupted(answer)
    source.part = 1.0
    slices = fetch_slices(source, deque(map(hour, range(4))), 3)
    next(slices)
    waits.set()
    with pytest.raises(KeyboardInterrupt):
        list(slices)
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("fetch", "page"))]
