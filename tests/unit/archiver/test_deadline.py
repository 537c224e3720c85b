"""One thread ends all exchanges whose time is over."""

import threading
import time
from contextlib import closing

import pytest

from archiver.sources.deadline import Deadlines, Watch

PATIENT = 10.0


def wait_for_end(watch: Watch) -> bool:
    end = time.monotonic() + PATIENT
    while not watch.ended and time.monotonic() < end:
        time.sleep(0.001)
    return watch.ended


def test_each_is_ended_at_its_own_time() -> None:
    """Whichever began first; one that was over in time isn't ended."""
    with closing(Deadlines()) as deadlines:
        with deadlines.watched(PATIENT) as in_time:
            pass
        with deadlines.watched(3600) as long, deadlines.watched(0.01) as short:
            assert wait_for_end(short)
            with deadlines.watched(0.01) as later:
                assert wait_for_end(later)
            assert not long.ended
        assert not in_time.ended


def test_a_thread_that_cannot_be_had_is_asked_for_again(monkeypatch) -> None:
    """Else no exchange after that would ever be ended."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with closing(Deadlines()) as deadlines:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fail)
            with pytest.raises(RuntimeError), deadlines.watched(0.01):
                pytest.fail("it began")
        with deadlines.watched(0.02) as watch:
            assert wait_for_end(watch)


def test_after_a_stop_all_is_ended() -> None:
    """What is under way, and what begins later."""
    deadlines = Deadlines()
    with deadlines.watched(3600) as under_way:
        deadlines.close()
        assert under_way.ended
    with deadlines.watched(3600) as later:
        assert later.ended
