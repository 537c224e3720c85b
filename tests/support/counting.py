"""A service that counts its requests: when each came, and how many it had at once."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from refserver.app import create_app
from refserver.serving import running
from support.service import Service


class Counting:
    """Stands before a WSGI application, and takes its time over each request.

    Of `fails_every` requests one is answered by a server error.
    """

    def __init__(
        self, application: Callable[..., Iterable[bytes]], seconds: float, fails_every: int
    ) -> None:
        self._application = application
        self._seconds = seconds
        self._fails_every = fails_every
        self._lock = threading.Lock()
        self._at_once = 0
        self.most_at_once = 0
        self.arrivals: list[float] = []
        self.methods: list[str] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            self.arrivals.append(time.monotonic())
            self.methods.append(environ["PATH_INFO"].rpartition("/")[2])
            number = len(self.arrivals)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self._seconds)
        try:
            if number % self._fails_every == 0:
                start("503 Service Unavailable", [("Content-Length", "0")])
                return [b""]
            return self._application(environ, start)
        finally:
            with self._lock:
                self._at_once -= 1


@contextmanager
def counting(
    service: Service, *dialects: str, seconds: float, fails_every: int
) -> Iterator[tuple[str, Counting]]:
    """Serve the API by a server that counts; give its base_url."""
    app = create_app(service.database, dialects)
    counts = Counting(app.wsgi_app, seconds, fails_every)
    app.wsgi_app = counts  # type: ignore[method-assign]
    with running(app) as address:
        yield f"{address}/api/v1_0/", counts
