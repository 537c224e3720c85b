"""An end to what may go on for ever, such as a template's loop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_AGAIN_AFTER_SECONDS = 1.0


@contextmanager
def cpu_limit(seconds: float, error: Callable[[], Exception]) -> Iterator[None]:
    """Raise an error within, once it has taken more of the processor's time than this.

    Python raises between two steps of its own: a single one that takes for ever, such as a power
    of huge numbers, isn't ended. Nor is anything outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise error()

    before = signal.signal(signal.SIGVTALRM, end)
    try:
        # Again and again: what is raised amid a destructor, Python drops.
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN_AFTER_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)  # where it has raised just before
        signal.signal(signal.SIGVTALRM, before)
