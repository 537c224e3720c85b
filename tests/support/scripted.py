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


Script = Callable[[dict[str, str]], Reply]  # from a request's parameters


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Serve a script on loopback; give its base_url."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer(self.rfile.read(length).decode())

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def _answer(self, form: str) -> None:
            asked = {key: values[0] for key, values in parse_qs(form).items()}
            reply = script(asked)
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
        yield f"http://127.0.0.1:{server.server_port}/api/v1_0/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
