"""Windows to slices, several at a time: fetching goes on while the slice before is stored."""

import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from archiver.errors import WindowError
from archiver.model import Fetched, Split, Window
from archiver.sharing import Memory, SliceShare
from archiver.sources.base import Source

#: A signal that comes just before a wait begins is heeded only once the wait is over.
_WAIT_SECONDS = 0.5
#: How long a thread that computes keeps the others waiting. By Python's own 5 ms each part of an
#: answer would be taken that much late, while another slice is stored.
_SWITCH_SECONDS = 0.0005

_UnderWay = dict[Future[Fetched | Split], tuple[Window, SliceShare]]


def fetch_slices(
    source: Source, waiting: deque[Window], concurrency: int
) -> Generator[tuple[Window, Fetched | WindowError]]:
    """Fetch each waiting window, in their order, and give slices as they come in.

    A window that the source splits is replaced by its parts; each part is a slice of its own. At
    most `concurrency` slices are under way or waiting to be taken; what they hold of the memory
    is given back once they have been taken. A slice's pages may be read side by side: that no
    more than `concurrency` requests are in flight is up to the source. Raises AccountError as the
    source does. However this ends, nothing is under way afterwards.

    Whoever holds `waiting` may change its order between two slices.
    """
    ended = False
    under_way: _UnderWay = {}
    memory = Memory()
    turn = threading.Lock()
    slices = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
    # One more than requests, so that the next one is sent while an answer is taken apart.
    pages = ThreadPoolExecutor(concurrency + 1, thread_name_prefix="page")

    def begin(most: int) -> None:
        while waiting and len(under_way) < most:
            window = waiting.popleft()
            share = SliceShare(memory, pages, turn, concurrency + 1)
            under_way[slices.submit(source.fetch, window, share)] = window, share

    try:
        with _switching_often():
            begin(1)  # whether it can be had tells whether any can
            while waiting or under_way:
                done = _first_done(under_way)
                window, share = under_way.pop(done)
                try:
                    fetched = done.result()
                except WindowError as error:
                    share.give_back()
                    yield window, error
                    begin(concurrency)
                    continue
                if isinstance(fetched, Split):
                    waiting.extendleft(reversed(fetched.windows))
                else:
                    begin(concurrency - 1)  # they go on while this one is stored
                    yield window, fetched
                del done, fetched  # or its clicks stay in memory until there is another one
                share.give_back()
                begin(concurrency)
            ended = True
    finally:
        try:
            if not ended:
                source.close()
        finally:  # whatever comes of that, such as a signal: nobody is left waiting
            memory.close()
            slices.shutdown(cancel_futures=True)
            pages.shutdown()


def _first_done(under_way: _UnderWay) -> Future[Fetched | Split]:
    """Of those that are done the earliest submitted: slices come out in about their order."""
    done: set[Future[Fetched | Split]] = set()
    while not done:
        done = wait(under_way, _WAIT_SECONDS, FIRST_COMPLETED).done
    return next(future for future in under_way if future in done)


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
