"""Ending an HTTP exchange from another thread: for a deadline on the whole of it, and for a stop.

A timeout in requests bounds each wait for bytes, not their sum: an answer that drips never times
out. So the exchange's socket is watched, and shut down when its time is over; whoever reads from
it then sees the connection end.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    def attach(self, connected: socket.socket | None) -> None:
        with self._lock:
            self._socket = connected
            if self.ended:
                self._shut_down()

    def end(self) -> None:
        with self._lock:
            self.ended = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            # The plain socket's method: a TLS socket's own would change it under its reader.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextmanager
def watched(seconds: float) -> Iterator[Watch]:
    """Watch the exchange that the calling thread makes within; end it after `seconds`."""
    watch = Watch()
    timer = threading.Timer(seconds, watch.end)
    timer.daemon = True
    timer.start()
    _current.watch = watch
    try:
        yield watch
    finally:
        timer.cancel()
        _current.watch = None


def _attach(connected: socket.socket | None) -> None:
    watch: Watch | None = getattr(_current, "watch", None)
    if watch is not None:
        watch.attach(connected)


class _WatchedHTTPConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _attach(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _attach(self.sock)
        super().request(*args, **kwargs)


class _WatchedHTTPSConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _attach(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _attach(self.sock)
        super().request(*args, **kwargs)


class _WatchedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _WatchedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


class WatchedAdapter(HTTPAdapter):
    """An adapter for requests whose connections show their socket to the watch of their thread."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _WatchedHTTPPool,
            "https": _WatchedHTTPSPool,
        }
