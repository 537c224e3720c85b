"""Windows to slices, several at a time: fetching goes on while the slice before is stored."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from archiver.errors import WindowError
from archiver.model import Fetched, Split, Window
from archiver.sources.base import Source

#: A signal that comes just before a wait begins is heeded only once the wait is over.
_WAIT_SECONDS = 0.5


def fetch_slices(
    source: Source, waiting: deque[Window], concurrency: int
) -> Generator[tuple[Window, Fetched | WindowError]]:
    """Fetch each waiting window, in their order, and give slices as they come in.

    A window that the source splits is replaced by its parts; each part is a slice of its own. At
    most `concurrency` slices are under way or waiting to be taken, so memory is bounded. Raises
    AccountError as the source does. However this ends, nothing is under way afterwards.

    Whoever holds `waiting` may change its order between two slices.
    """
    ended = False
    allowed = 1
    under_way: dict[Future[Fetched | Split], Window] = {}
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
    try:
        while waiting or under_way:
            while waiting and len(under_way) < allowed:
                window = waiting.popleft()
                under_way[pool.submit(source.fetch, window)] = window
            done = _first_done(under_way)
            window = under_way.pop(done)
            allowed = concurrency
            try:
                fetched = done.result()
            except WindowError as error:
                yield window, error
                continue
            if isinstance(fetched, Split):
                waiting.extendleft(reversed(fetched.windows))
            else:
                yield window, fetched
        ended = True
    finally:
        if not ended:
            source.close()
        pool.shutdown(cancel_futures=True)


def _first_done(under_way: dict[Future[Fetched | Split], Window]) -> Future[Fetched | Split]:
    """Of those that are done the earliest submitted: slices come out in about their order."""
    done: set[Future[Fetched | Split]] = set()
    while not done:
        done = wait(under_way, _WAIT_SECONDS, FIRST_COMPLETED).done
    return next(future for future in under_way if future in done)
