"""What slices under way have together: memory, threads, a turn."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest

from archiver.errors import AccountError
from archiver.model import Page
from archiver.sharing import Memory, SliceShare

PATIENT = 10.0


def page(offset: int) -> Page:
    return Page([], offset=offset)


@contextmanager
def waiting_for(memory: Memory, holder: str, part: float, held: list[str]) -> Iterator[None]:
    """Ask for memory in a thread, and go on once it waits for it."""

    def hold() -> None:
        with suppress(CancelledError):
            memory.hold(holder, part)
            held.append(holder)

    thread = threading.Thread(target=hold)
    thread.start()
    time.sleep(0.05)
    yield
    thread.join(PATIENT)
    assert not thread.is_alive()


def test_memory_is_held_up_to_all_of_it():
    """What fits is had at once; what doesn't, once there is room."""
    memory, held = Memory(), []
    memory.hold("a", 0.5)
    memory.hold("b", 0.5)
    with waiting_for(memory, "c", 0.25, held):
        assert held == []
        memory.give_back("a")
    assert held == ["c"]


def test_who_asks_first_has_it_first():
    """One that needs much isn't passed by others that need little, for ever."""
    memory, held = Memory(), []
    memory.hold("a", 0.9)
    with waiting_for(memory, "much", 0.8, held), waiting_for(memory, "little", 0.05, held):
        assert held == []
        memory.give_back("a")
    assert sorted(held) == ["little", "much"]


def test_more_than_all_is_had_alone():
    """A second can't be split: it gets what it needs when nobody else holds any."""
    memory, held = Memory(), []
    memory.hold("a", 0.1)
    with waiting_for(memory, "huge", 3, held):
        assert held == []
        memory.give_back("a")
    assert held == ["huge"]


def test_holding_anew_gives_back_what_was_held():
    """Two that both want more don't wait for each other."""
    memory, held = Memory(), []
    memory.hold("a", 0.5)
    memory.hold("b", 0.5)
    with waiting_for(memory, "a", 0.6, held):
        memory.hold("b", 0.4)
    assert held == ["a"]


def test_closing_wakes_who_waits():
    """Nobody waits for memory that nobody will give back."""
    memory, held = Memory(), []
    memory.hold("a", 1)
    with waiting_for(memory, "b", 0.5, held):
        memory.close()
    assert held == []
    with pytest.raises(CancelledError):
        memory.hold("c", 0.1)


@contextmanager
def sharing(ahead: int = 4, threads: int = 4) -> Iterator[SliceShare]:
    with ThreadPoolExecutor(threads) as pool:
        yield SliceShare(Memory(), pool, threading.Lock(), ahead)


def test_pages_come_in_order_however_they_were_read():
    """The last one may be there first."""

    def read(offset: int) -> Page:
        time.sleep(0.02 if offset % 3 == 0 else 0)
        return page(offset)

    with sharing() as share:
        assert [each.offset for each in share.read(read, range(20))] == list(range(20))


def test_pages_are_read_side_by_side_but_not_far_ahead():
    """As many at once as are allowed ahead; none more until one has been taken."""
    together = threading.Barrier(4)
    asked: list[int] = []

    def read(offset: int) -> Page:
        asked.append(offset)
        if offset < 4:
            together.wait(PATIENT)
        return page(offset)

    with sharing() as share, closing(share.read(read, range(20))) as pages:
        for taken, _ in enumerate(pages, 1):
            assert len(asked) <= taken + 4
            time.sleep(0.005)
    assert sorted(asked) == list(range(20))


def test_an_error_comes_at_once():
    """Not only once all pages before it are there: they may take for ever."""
    release = threading.Event()

    def read(offset: int) -> Page:
        if offset == 2:
            raise AccountError("wrong password")
        release.wait(PATIENT)
        return page(offset)

    with sharing() as share:
        begun = time.monotonic()
        with pytest.raises(AccountError, match="wrong password"):
            list(share.read(read, range(9)))
        assert time.monotonic() - begun < PATIENT / 2
        release.set()


def test_what_nobody_takes_any_more_is_not_read():
    """Whoever has seen enough lets no more requests go than have gone."""
    asked: list[int] = []

    def read(offset: int) -> Page:
        asked.append(offset)
        time.sleep(0.02)
        return page(offset)

    with sharing(ahead=9, threads=1) as share, closing(share.read(read, range(99))) as pages:
        next(pages)
    assert len(asked) <= 3


def test_a_slice_asks_for_all_its_pages_before_the_next_one_begins():
    """So one is whole, and can be stored, while the next is read."""
    turn = threading.Lock()
    with ThreadPoolExecutor(2) as pool:
        share = SliceShare(Memory(), pool, turn, 2)
        for number, _ in enumerate(share.read(page, range(5)), 1):
            assert turn.locked() == (number < 4)


def test_a_slice_that_is_left_passes_its_turn_on():
    """Whatever becomes of it."""
    turn = threading.Lock()
    with ThreadPoolExecutor(2) as pool:
        with closing(SliceShare(Memory(), pool, turn, 2).read(page, range(5))) as pages:
            next(pages)
            assert turn.locked()
        assert not turn.locked()
