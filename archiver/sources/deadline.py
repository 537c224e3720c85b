"""Ending an HTTP exchange from another thread: for a deadline on the whole of it, and for a stop.

A timeout in requests bounds each wait for bytes, not their sum: an answer that drips never times
out. So the exchange's socket is watched, and shut down when its time is over; whoever reads from
it then sees the connection end.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_current = threading.local()


class Watch:
    """One exchange under way. `ended` tells whether it was ended from outside."""

    def __init__(self) -> None:
        self.ended = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def attach(self, connected: socket.socket) -> None:
        """Watch a connection by a descriptor of our own.

        TLS takes the connection's own away while it shakes hands, and that may drip as well.
        """
        with self._lock:
            self._release()
            self._socket = socket.socket(fileno=os.dup(connected.fileno()))
            if self.ended:
                self._shut_down()

    def end(self) -> None:
        with self._lock:
            self.ended = True
            self._shut_down()

    def detach(self) -> None:
        with self._lock:
            self._release()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Deadlines:
    """Ends exchanges whose time is over. One thread does so for all of them, from the first on."""

    def __init__(self) -> None:
        self._ends: dict[Watch, float] = {}  # of those under way, by the monotonic clock
        self._looks_at = inf  # when the thread next looks for some that are over
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self, seconds: float) -> Iterator[Watch]:
        """Watch the exchange that the calling thread makes within; end it after `seconds`."""
        watch = Watch()
        self._begin(watch, time.monotonic() + seconds)
        _current.watch = watch
        try:
            yield watch
        finally:
            _current.watch = None
            with self._changed:
                del self._ends[watch]
            watch.detach()

    def close(self) -> None:
        """End whatever is under way, and what may still begin."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            for watch in self._ends:
                watch.end()

    def _begin(self, watch: Watch, end: float) -> None:
        with self._changed:
            if self._closed:
                watch.end()
            elif end < self._looks_at:
                if self._thread is None:
                    thread = threading.Thread(target=self._keep, daemon=True)
                    thread.start()  # where that can't be had, the next exchange tries again
                    self._thread = thread
                self._looks_at = end
                self._changed.notify()
            self._ends[watch] = end

    def _keep(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for watch, end in self._ends.items():
                    if end <= now:
                        watch.end()
                left = [end for end in self._ends.values() if end > now]
                self._looks_at = min(left, default=inf)
                self._changed.wait(self._looks_at - now if left else None)


def _attach(connected: socket.socket | None) -> None:
    watch: Watch | None = getattr(_current, "watch", None)
    if watch is not None and connected is not None:
        watch.attach(connected)


class _WatchedConnection(HTTPConnection):
    """Shows its socket to the watch of its thread: one that is new, and one that is used again."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        _attach(connected)
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        _attach(self.sock)
        super().request(*args, **kwargs)


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same for https: of its two bases the first one's methods come first."""


class _WatchedPool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _WatchedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


class WatchedAdapter(HTTPAdapter):
    """An adapter for requests whose connections show their socket to the watch of their thread."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _WatchedPool, "https": _WatchedTLSPool}
