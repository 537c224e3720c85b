"""Ending by a signal: an exception in the main thread, so that everything is closed on the way.

What is committed is whole whenever that comes: it is what a crash would leave, only sooner.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, MappingProxyType

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ENDED_AFTER_SECONDS = 9.0
_RAISED_AGAIN_AFTER_SECONDS = 0.01


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
    swallowed: list[EndedBySignal] = []
    hook_before = sys.unraisablehook

    def end(number: int, _: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        exit_code = exit_codes.get(number, 128 + number)
        # No thread that waits: starting one takes a lock that may be held just now.
        signal.signal(signal.SIGALRM, lambda *_: raise_again_or_exit(exit_code))
        signal.setitimer(signal.ITIMER_REAL, _ENDED_AFTER_SECONDS)
        raise EndedBySignal(number, exit_code)

    def note_swallowed(unraisable: "sys.UnraisableHookArgs") -> None:
        # Python raises nothing out of a destructor or a weak reference's callback.
        if isinstance(unraisable.exc_value, EndedBySignal):
            swallowed.append(unraisable.exc_value)
            signal.setitimer(signal.ITIMER_REAL, _RAISED_AGAIN_AFTER_SECONDS)
        else:
            hook_before(unraisable)

    def raise_again_or_exit(exit_code: int) -> None:
        if not swallowed:
            os._exit(exit_code)
        signal.setitimer(signal.ITIMER_REAL, _ENDED_AFTER_SECONDS)
        raise swallowed.pop()

    # What is ignored stays so: `nohup`, and what a shell puts into the background.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heeded}
    before[signal.SIGALRM] = signal.getsignal(signal.SIGALRM)
    sys.unraisablehook = note_swallowed
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, handler)


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
