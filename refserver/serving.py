"""Serving an application over HTTP, in threads of this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import waitress  # type: ignore[import-untyped]
from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]

_THREADS = 8
#: Connections at once: fewer than the files that a process may usually have open. waitress takes
#: no more of them until one ends; one at which nothing comes for so long is ended.
_CONNECTIONS = 900
_IDLE_SECONDS = 30


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses a request line whose address is none; over some, waitress falls, and hangs up."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # half of an IPv6 address
            raise ParsingError("Bad URI") from None


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser


@contextmanager
def running(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves the application while the context lasts; its value is `http://HOST:PORT`.

    Port 0 takes a free one. OSError where the address can't be had. On the way out, requests
    that have begun get up to five seconds to end.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    taken_port = listener.getsockname()[1]
    sockets: dict[int, object] = {}
    server = waitress.create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=_THREADS,
        connection_limit=_CONNECTIONS,
        channel_timeout=_IDLE_SECONDS,
        cleanup_interval=_IDLE_SECONDS // 3,
        server_name=host,
        ident="link-refserver",
    )
    server.channel_class = _Channel
    stop = threading.Event()

    def loop() -> None:
        # Not the server's own `run`: only an exception in its thread would end that.
        while not stop.is_set():
            wasyncore.loop(use_poll=True, map=sockets, count=1)

    thread = threading.Thread(target=loop, name="refserver", daemon=True)
    thread.start()
    try:
        yield f"http://[{host}]:{taken_port}" if ":" in host else f"http://{host}:{taken_port}"
    finally:
        # In this order. Whoever is still at work when the sockets are closed may write to their
        # numbers, which by then are other files.
        server.task_dispatcher.shutdown()
        stop.set()
        server.pull_trigger()
        thread.join()
        wasyncore.close_all(sockets)
