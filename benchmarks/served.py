"""The server of the measurement: a process of its own whose pages were made beforehand.

    python -m benchmarks.served CLICKS_A_DAY FIRST_DAY DAYS

All records of the served days are encoded once, one after the other, when a form of them is first
asked for. Any page of any window is then a part of that, sent as it lies in memory. So the server
takes some twenty microseconds a page, and no measurement waits for it longer than it must.

The path says how it answers: `/api/v1_0/…` at once, `/no-ids/…` with records that have no id,
`/slow/MILLISECONDS/…` after a while. `/requests` gives the number of requests so far. Its first
line on stdout is its port; it ends when its stdin does, so that it never outlives who started it.
"""

import socket
import socketserver
import subprocess
import sys
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import orjson

from benchmarks.history import PAGE_SIZE, History
from benchmarks.tasks import ROOT


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Records one after the other, and where each begins."""

    body: memoryview
    starts: "array[int]"

    def part(self, first: int, last: int) -> memoryview:
        return self.body[self.starts[first] : self.starts[last]]


class Service:
    """The records of some days, in the forms that they are asked for."""

    def __init__(self, clicks_a_day: int, first_day: int, days: int) -> None:
        self._history = History(clicks_a_day)
        self._days = (first_day, days)
        self._times = [record["clicked_at"] or "" for record in self._records()]
        self._encoded: dict[tuple[str, bool], _Encoded] = {}
        self._lock = threading.Lock()
        self.requests = 0

    def page(self, asked: dict[str, str], *, with_ids: bool) -> tuple[bytes, memoryview, bytes]:
        """A page in three parts: what it states, its records, its end."""
        first = bisect_left(self._times, asked["start"])
        total = bisect_left(self._times, asked["end"]) - first
        offset = int(asked["offset"])
        limit = min(int(asked.get("limit", PAGE_SIZE)), PAGE_SIZE)
        begin, end = min(offset, total), min(offset + limit, total)
        form = asked.get("format", "xml")
        with self._lock:
            self.requests += 1
            if (form, with_ids) not in self._encoded:
                self._encoded[form, with_ids] = self._encode(form, with_ids=with_ids)
        records = self._encoded[form, with_ids].part(first + begin, first + end)
        if form == "json":
            head = f'{{"error":0,"msg":"","total":{total},"limit":{limit},"offset":{offset}'
            # A record's comma stands behind it: the page's last one is left out.
            return f'{head},"history":['.encode(), records[:-1], b"]}"
        head = f"<response><error>0</error><msg/><total>{total}</total><limit>{limit}</limit>"
        head += f"<offset>{offset}</offset><history>"
        return head.encode(), records, b"</history></response>"

    def _records(self) -> Iterator[dict[str, str | None]]:
        return self._history.records(*self._days)

    def _encode(self, form: str, *, with_ids: bool) -> _Encoded:
        body, starts = bytearray(), array("Q", [0])
        encode = _json if form == "json" else _xml
        for record in self._records():
            if not with_ids:
                del record["id"]
            body += encode(record)
            starts.append(len(body))
        return _Encoded(memoryview(bytes(body)), starts)


def _json(record: dict[str, str | None]) -> bytes:
    return orjson.dumps(record) + b","


def _xml(record: dict[str, str | None]) -> bytes:
    fields = (
        f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>"
        for name, value in record.items()
    )
    return f"<record>{''.join(fields)}</record>".encode()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.service = service


class _Connection(socketserver.StreamRequestHandler):
    """One connection, kept alive: `http.server` would take ten times as long to read a request."""

    server: _Server
    disable_nagle_algorithm = True
    rbufsize = 64 * 1024

    def handle(self) -> None:
        while line := self.rfile.readline():
            target = urlsplit(line.split()[1].decode())
            length = 0
            while (header := self.rfile.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            form = self.rfile.read(length).decode() if length else target.query
            self._answer(target.path, form)

    def _answer(self, path: str, form: str) -> None:
        if path == "/requests":
            self._send((str(self.server.service.requests).encode(),))
            return
        asked = {name: values[0] for name, values in parse_qs(form).items()}
        way, *rest = path.strip("/").split("/")
        if way == "slow":
            time.sleep(int(rest[0]) / 1000)
        self._send(self.server.service.page(asked, with_ids=way != "no-ids"))

    def _send(self, parts: tuple[bytes | memoryview, ...]) -> None:
        length = sum(map(len, parts))
        headers = f"Date: {formatdate(usegmt=True)}\r\nContent-Length: {length}\r\n\r\n"
        for part in (f"HTTP/1.1 200 OK\r\n{headers}".encode(), *parts[:-1]):
            self.connection.sendall(part, socket.MSG_MORE)
        self.connection.sendall(parts[-1])


@contextmanager
def serving(clicks_a_day: int, first_day: int, days: int) -> Iterator[str]:
    """Start a server of some days; give its address. It is ended afterwards."""
    arguments = map(str, (clicks_a_day, first_day, days))
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.served", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise AssertionError("its pipes were asked for")
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()


def main() -> None:
    server = _Server(Service(*map(int, sys.argv[1:])))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
