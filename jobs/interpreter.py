"""How Python itself goes about its work while clicks come in, and as ever afterwards."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects until the youngest are looked through. A slice of clicks is some 20,000, and a page
#: of XML some 14,000 while it is taken apart: none of them is in a circle, each is gone as soon
#: as nobody needs it any more. Circles come with requests and errors, a few dozen each time.
_NEW_OBJECTS = 50_000

#: How long a thread computes on, seconds, while another one waits to. Fetching a page has some
#: twenty waits, each of them over at once; after each the thread that stores could keep it from
#: the next step for Python's own 5 ms. A tenth to a seventh of the time of all went by so.
_TURN_SECONDS = 0.001


@contextmanager
def short_turns() -> Iterator[None]:
    """Within, threads take turns more often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Within, clicks are hardly ever looked through, and what was there before isn't at all.

    At Python's own 700 new objects that took a fifth of the time of XML, in vain. What may lie
    about meanwhile is a few megabytes.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
