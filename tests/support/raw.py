"""A server that writes bytes as they are: for answers that are hardly HTTP, or none."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket], None]  # writes an answer, once a request was read

_PATIENCE_SECONDS = 10
_TLS = b"\x16"  # what a client that speaks TLS begins with


@contextmanager
def raw_server(
    talk: Talk, tls: ssl.SSLContext | None = None, requests: list[bytes] | None = None
) -> Iterator[tuple[str, list[float]]]:
    """Let `talk` answer the first request of each connection; give the address and when each came.

    The requests are added to `requests`. With `tls` it is https.
    """
    arrivals: list[float] = []
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(_PATIENCE_SECONDS)
            with tls.wrap_socket(connection, server_side=True) if tls else connection as spoken:
                connections.append(spoken)
                request = read_request(spoken)
                if b"\r\n\r\n" in request or request.startswith(_TLS):
                    if requests is not None:
                        requests.append(request)
                    arrivals.append(time.monotonic())
                    talk(spoken)

    def accept() -> None:
        while not stopped.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                thread = threading.Thread(target=serve, args=(connection,))
                thread.start()
                threads.append(thread)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            scheme = "https" if tls else "http"
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/api/", arrivals
        finally:
            stopped.set()
            for connection in connections:  # whoever still talks is listened to no more
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join()


def read_request(connection: socket.socket) -> bytes:
    """A request's head and the form that it announces; what there was where it ends too soon."""
    request = b""
    while b"\r\n\r\n" not in request and (chunk := connection.recv(65536)):
        request += chunk
        if request.startswith(_TLS):
            return request
    head, _, body = request.partition(b"\r\n\r\n")
    missing = _content_length(head) - len(body)
    while missing > 0 and (chunk := connection.recv(missing)):
        request += chunk
        missing -= len(chunk)
    return request


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def drip(data: bytes, seconds: float = 0.05) -> Talk:
    """A byte now and then, for about `40 * seconds` a byte: no wait for bytes is ever long."""

    def talk(connection: socket.socket) -> None:
        for byte in data * 40:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return talk
