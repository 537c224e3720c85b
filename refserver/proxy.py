"""A small proxy in front of a server, for faults below HTTP.

It passes on one request per connection, as bytes, and takes bodies by Content-Length alone.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Literal, get_args
from urllib.parse import urlsplit

ProxyFault = Literal["no-answer", "drop-before-body", "drop-amid-body", "cut-short", "drip"]
PROXY_FAULTS: tuple[str, ...] = get_args(ProxyFault)

_UPSTREAM_TIMEOUT_SECONDS = 60
_CLOSING_TIMEOUT_SECONDS = 5
_END_OF_HEAD = b"\r\n\r\n"


class Proxy:
    """Listens on a free port of 127.0.0.1 at once, and until it is closed.

    `url` is its address. ValueError for an upstream that is no `http://HOST:PORT`.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{upstream!r} is no address as http://HOST:PORT")
        self._upstream = (parts.hostname, parts.port or 80)
        self._lock = threading.Condition()
        self._fault: ProxyFault | None = None
        self._times: int | None = None
        self._seconds = 0.0
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def fail(self, fault: ProxyFault | None, *, times: int | None = 1, seconds: float = 1) -> None:
        """Lets the next answers, or all (None), go wrong in this way, and not in an earlier one.

        `seconds` is the pause before each byte of a body that drips. Without a fault all is well.
        """
        with self._lock:
            self._fault, self._times, self._seconds = fault, times, seconds

    def close(self) -> None:
        """Ends every connection, even in the middle of an answer."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._lock.wait_for(lambda: not self._open, _CLOSING_TIMEOUT_SECONDS)
        self._server.server_close()

    def serve(self, client: socket.socket) -> None:
        """Passes on one request and its answer."""
        with self._held(client):
            request = _read_request(client)
            if request:
                self._pass_on(client, self._ask(request))

    def _pass_on(self, client: socket.socket, answer: bytes) -> None:
        head, end, body = answer.partition(_END_OF_HEAD)
        fault, seconds = self._take()
        match fault:
            case None:
                client.sendall(answer)
            case "no-answer":
                pass
            case "drop-before-body":
                client.sendall(head + end)
            case "drop-amid-body":
                client.sendall(head + end + body[: len(body) // 2])
            case "cut-short":
                body = body[: len(body) // 2]
                client.sendall(
                    _with_header(head, b"Content-Length", b"%d" % len(body)) + end + body
                )
            case "drip":
                client.sendall(head + end)
                self._drip(client, body, seconds)

    def _take(self) -> tuple[ProxyFault | None, float]:
        with self._lock:
            taken = self._fault
            if taken and self._times is not None:
                self._times -= 1
                if not self._times:
                    self._fault = None
            return taken, self._seconds

    def _ask(self, request: bytes) -> bytes:
        upstream = socket.create_connection(self._upstream, _UPSTREAM_TIMEOUT_SECONDS)
        with upstream, self._held(upstream):
            upstream.sendall(request)
            return b"".join(iter(lambda: upstream.recv(65536), b""))

    @contextmanager
    def _held(self, connection: socket.socket) -> Iterator[None]:
        """Lets `close` end the connection. ConnectionAbortedError where that has been."""
        with self._lock:
            self._open.add(connection)
        try:
            if self._closing.is_set():
                raise ConnectionAbortedError
            yield
        finally:
            with self._lock:
                self._open.discard(connection)
                self._lock.notify_all()

    def _drip(self, client: socket.socket, body: bytes, seconds: float) -> None:
        for byte in body:
            if self._closing.wait(seconds):
                return
            client.sendall(bytes([byte]))


@contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of `http://HOST:PORT` while the context lasts."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each connection. A process that ends doesn't wait for them."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        # A client that goes away, and a server that isn't there, are what this is made for.
        with suppress(OSError):
            self.server.proxy.serve(self.request)


def _read_request(client: socket.socket) -> bytes:
    """The request, told to be the connection's last; empty where none came."""
    with client.makefile("rb") as stream:
        head = b"".join(iter(lambda: _line(stream), b""))
        if not head:
            return b""
        length = _header(head, b"content-length")
        body = stream.read(int(length)) if length.isdigit() else b""
    return _with_header(head, b"Connection", b"close") + _END_OF_HEAD + body


def _line(stream: BinaryIO) -> bytes:
    """The next line of a head; empty at its end."""
    line = stream.readline()
    return b"" if line == b"\r\n" else line


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _with_header(head: bytes, name: bytes, value: bytes) -> bytes:
    """The head, without the line's end at its end, and with this header instead of its own."""
    lines = [
        line
        for line in head.rstrip(b"\r\n").split(b"\r\n")
        if not line.lower().startswith(name.lower() + b":")
    ]
    return b"\r\n".join([*lines, name + b": " + value])
