"""How Python itself looks after its objects while clicks come in, and as ever afterwards."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects until the youngest are looked through. A slice of clicks is some 20,000, and a page
#: of XML some 14,000 while it is taken apart, of which several are there at once: none of them is
#: in a circle, each is gone as soon as nobody needs it any more. Circles come with requests and
#: errors, a few dozen each time.
_NEW_OBJECTS = 400_000


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
