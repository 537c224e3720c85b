"""What the slices of an account that are under way have together: memory, and threads."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager

from archiver.model import Page

#: A little more than all of it: nine ninths are, in floating point.
_WHOLE = 1 + 1e-9


class Memory:
    """Memory as a whole of which slices hold parts. Whoever waits for some comes in turn."""

    def __init__(self) -> None:
        self._parts: dict[object, float] = {}
        self._waiting: deque[object] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def hold(self, holder: object, part: float) -> None:
        """Wait until so much is free, or nobody else holds any, and hold it.

        What the holder had is given back before: two that wait for more would wait for each other.
        """
        with self._changed:
            self._parts.pop(holder, None)
            self._waiting.append(holder)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._is_turn_of(holder, part))
            self._waiting.remove(holder)
            self._changed.notify_all()
            if self._closed:
                raise CancelledError
            self._parts[holder] = part

    def give_back(self, holder: object) -> None:
        with self._changed:
            self._parts.pop(holder, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Wake all who wait, with an error."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_turn_of(self, holder: object, part: float) -> bool:
        has_room = not self._parts or sum(self._parts.values()) + part <= _WHOLE
        return self._waiting[0] is holder and has_room


class SliceShare:
    """A slice's share. Pages are read in the threads of `pool`, at most so many `ahead`.

    As long as a slice has more pages to ask for, those of other slices wait for their `turn`: one
    slice is whole, and can be stored, while the next one is read.
    """

    def __init__(
        self, memory: Memory, pool: Executor, turn: AbstractContextManager[bool], ahead: int
    ) -> None:
        self._memory = memory
        self._pool = pool
        self._turn = turn
        self._ahead = ahead

    def hold(self, part: float) -> None:
        self._memory.hold(self, part)

    def give_back(self) -> None:
        self._memory.give_back(self)

    def read(self, read_page: Callable[[int], Page], offsets: Iterable[int]) -> Generator[Page]:
        ahead: deque[Future[Page]] = deque()
        try:
            with self._turn:
                for offset in offsets:
                    if len(ahead) == self._ahead:
                        yield _first(ahead)
                    ahead.append(self._pool.submit(read_page, offset))
            while ahead:
                yield _first(ahead)
        finally:
            for future in ahead:
                future.cancel()


def _first(ahead: deque[Future[Page]]) -> Page:
    """Take the first page once it is there; raise what any of them raises."""
    waiting = set(ahead)
    while not ahead[0].done():
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
    return ahead.popleft().result()
