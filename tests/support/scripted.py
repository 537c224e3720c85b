"""A server that answers as a test says: for answers that no decent service would give."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit


class Reply(NamedTuple):
    """An HTTP answer to the letter."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Request(NamedTuple):
    """What a request was to the letter; `path` has the query."""

    method: str
    path: str
    body: bytes = b""


Script = Callable[[dict[str, str]], Reply]  # from a request's parameters


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Serve a script on loopback; give its base_url."""

    def answer(request: Request) -> Reply:
        by_post = request.method == "POST"
        form = request.body.decode() if by_post else urlsplit(request.path).query
        return script({key: values[0] for key, values in parse_qs(form).items()})

    with answering(answer) as origin:
        yield f"{origin}/api/v1_0/"


@contextmanager
def answering(answer: Callable[[Request], Reply]) -> Iterator[str]:
    """Serve what answers any request, on loopback; give its scheme, host and port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer(self.rfile.read(length))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            reply = answer(Request(self.command, self.path, body))
            self.send_response_only(reply.status)
            if "Date" not in dict(reply.headers):
                self.send_header("Date", self.date_time_string())
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that hung up is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
