"""Ending by a signal: an exception in the main thread, so that everything is closed on the way.

What is committed is whole whenever that comes: it is what a crash would leave, only sooner.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class EndedBySignal(BaseException):
    """The process was told to end. Its exit code is 128 + the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Raise EndedBySignal in the main thread at TERM, INT and HUP; a second signal just ends."""
    # What is ignored stays so: `nohup`, and what a shell puts into the background.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _raise) for number in heeded}
    try:
        yield
    finally:
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


def _raise(number: int, _: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    raise EndedBySignal(number)
