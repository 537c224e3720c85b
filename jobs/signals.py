"""Ending by a signal: an exception in the main thread, so that everything is closed on the way.

What is committed is whole whenever that comes: it is what a crash would leave, only sooner.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, MappingProxyType

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ENDED_AFTER_SECONDS = 9.0
_RAISED_AGAIN_AFTER_SECONDS = 0.01
_TOGETHER_SECONDS = 0.3


class EndedBySignal(BaseException):
    """The process was told to end, with this exit code."""

    def __init__(self, number: int, exit_code: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = exit_code


@contextmanager
def signals_as_exceptions(exit_codes: Mapping[int, int] = MappingProxyType({})) -> Iterator[None]:
    """Raise EndedBySignal in the main thread at TERM, INT and HUP; a second signal just ends.

    The exit code is 128 + the signal's number, unless another is given for it. Should something
    hang on the way out, such as a name's resolution, the process ends all the same.
    """
    ending = _Ending(exit_codes, sys.unraisablehook)
    # What is ignored stays so: `nohup`, and what a shell puts into the background.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ending.signalled) for number in heeded}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, ending.alarmed)
    sys.unraisablehook = ending.not_raised
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = ending.hook_before
        for number, handler in before.items():
            signal.signal(number, handler)


class _Ending:
    """What signals, the alarm that follows the first one, and Python's own hook come to."""

    def __init__(
        self,
        exit_codes: Mapping[int, int],
        hook_before: Callable[["sys.UnraisableHookArgs"], object],
    ) -> None:
        self.hook_before = hook_before
        self._exit_codes = exit_codes
        self._exit_code: int | None = None  # of the first signal
        self._ended_at = 0.0
        self._swallowed: EndedBySignal | None = None

    def signalled(self, number: int, _: FrameType | None) -> None:
        if self._exit_code is None:
            self._exit_code = self._exit_codes.get(number, 128 + number)
            self._ended_at = time.monotonic()
            # No thread that waits: starting one takes a lock that may be held just now.
            signal.setitimer(signal.ITIMER_REAL, _ENDED_AFTER_SECONDS)
            raise EndedBySignal(number, self._exit_code)
        # Two that come together, as when a terminal is closed, are one.
        if time.monotonic() > self._ended_at + _TOGETHER_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def not_raised(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Python raises nothing out of a destructor or a weak reference's callback."""
        if isinstance(unraisable.exc_value, EndedBySignal):
            self._swallowed = unraisable.exc_value
            signal.setitimer(signal.ITIMER_REAL, _RAISED_AGAIN_AFTER_SECONDS)
        else:
            self.hook_before(unraisable)

    def alarmed(self, *_: object) -> None:
        if self._swallowed is None:
            os._exit(128 + signal.SIGALRM if self._exit_code is None else self._exit_code)
        swallowed, self._swallowed = self._swallowed, None
        signal.setitimer(signal.ITIMER_REAL, _ENDED_AFTER_SECONDS)
        raise swallowed


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let them wait until the end of the block, as while a process is started.

    One that comes before we know the process would leave it running.
    """
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number)) for number in _SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
