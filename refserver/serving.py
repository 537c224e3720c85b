"""Serving an application over HTTP, in threads of this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import waitress  # type: ignore[import-untyped]
from flask import Flask
from waitress import wasyncore

_THREADS = 8


@contextmanager
def running(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves the application while the context lasts; its value is `http://HOST:PORT`.

    Port 0 takes a free one. OSError where the address can't be had. On the way out, requests
    that have begun get up to five seconds to end.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    taken_port = listener.getsockname()[1]
    server = waitress.create_server(
        app, sockets=[listener], threads=_THREADS, ident="link-refserver"
    )
    loop = threading.Thread(target=server.run, name="refserver", daemon=True)
    loop.start()
    try:
        yield f"http://[{host}]:{taken_port}" if ":" in host else f"http://{host}:{taken_port}"
    finally:
        # In this order: a worker that is still busy would write to what has been closed.
        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))  # noqa: SLF001 - waitress has no other way to end its loop
        loop.join()
