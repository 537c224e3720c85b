"""How fast an account's requests may follow each other."""

import threading
import time
from math import inf


class Pace:
    """Lets requests go no faster than so many a second (0 is no limit), from all threads."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        """Let no request go for so long: the service asked for it."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def wait(self, stopped: threading.Event, until: float = inf) -> bool:
        """Wait for a turn, or until there is a stop.

        Tells whether there is a turn by the monotonic time `until`; if not, it doesn't wait.
        """
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            if mine > until:
                return False
            self._next = mine + self._interval
        if mine > now:
            stopped.wait(mine - now)
        return True
