"""Ending by a signal."""

import os
import signal
import time
from contextlib import suppress

import pytest

from jobs.signals import EndedBySignal, signals_as_exceptions, signals_held_back


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_an_exception(number) -> None:
    """With the exit code of a process that the signal ended; afterwards all is as before."""
    before = signal.getsignal(number)
    with pytest.raises(EndedBySignal) as raised, signals_as_exceptions():
        signal.raise_signal(number)
    assert raised.value.exit_code == 128 + number
    assert str(raised.value) == number.name
    assert signal.getsignal(number) == before


def test_what_is_ignored_stays_so() -> None:
    """As under `nohup`: the terminal may go, and the run goes on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    gone_on = False
    try:
        with signals_as_exceptions():
            signal.raise_signal(signal.SIGHUP)
            gone_on = True
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert gone_on


def end_twice(seconds_between: float) -> None:
    with signals_as_exceptions():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            time.sleep(seconds_between)
            signal.raise_signal(signal.SIGHUP)


def test_a_second_signal_just_ends() -> None:
    """Whoever asks twice means it, were the first still at work."""
    pid = os.fork()
    if pid == 0:
        with suppress(EndedBySignal):
            end_twice(0.4)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGHUP


def test_two_signals_that_come_together_are_one() -> None:
    """As TERM and HUP do when a terminal is closed: all is closed on the way out."""
    with pytest.raises(EndedBySignal, match="SIGTERM"):
        end_twice(0)


def test_it_passes_whoever_catches_all_errors() -> None:
    """It is no Exception: nobody takes the end for a failure of something else."""
    assert not issubclass(EndedBySignal, Exception)


def test_a_signal_that_is_held_back_comes_at_the_end() -> None:
    """The block is gone through; then the first of them is raised."""
    gone_through = []

    @signals_as_exceptions()
    def go() -> None:
        with signals_held_back():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            gone_through.append("the block")
        gone_through.append("more")

    with pytest.raises(EndedBySignal, match="SIGTERM"):
        go()
    assert gone_through == ["the block"]


def test_without_a_signal_nothing_is_held_back() -> None:
    """Signals that come later are exceptions again."""

    @signals_as_exceptions()
    def go() -> None:
        with signals_held_back():
            pass
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(EndedBySignal):
        go()


def test_a_signal_amid_a_destructor_is_raised_right_after_it() -> None:
    """Python drops what is raised there: the process would go on until it is ended hard."""

    class Ending:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    @signals_as_exceptions({signal.SIGTERM: 0})
    def go() -> None:
        Ending()
        time.sleep(5)

    begun = time.monotonic()
    with pytest.raises(EndedBySignal) as raised:
        go()
    assert time.monotonic() - begun < 5
    assert raised.value.exit_code == 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_somebody_else_s_is_no_success() -> None:
    """It ends the process as the signal itself would."""
    pid = os.fork()
    if pid == 0:
        with signals_as_exceptions():
            signal.raise_signal(signal.SIGALRM)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 128 + signal.SIGALRM
