"""How long a start takes: `--help`, and a `run` right after a `run`.

    make bench-startup

cron starts a process for each run, so what it takes to start is what a run costs that finds
nothing to do. Goals: `--help` under 0.15 s; the second run at most one request and under 0.5 s.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_RUNS = 9
_PROGRAM = Path(sys.executable).with_name("link-archiver")
_ANSWER = json.dumps({"error": 0, "total": 0, "limit": 1000, "offset": 0, "history": []}).encode()
_CONFIG = """
[[accounts]]
name = "acme"
service = "linktrack"
base_url = "{url}/api/v1_0/"
login = "acme"
password_env = "PASSWORD"
timezone = "America/New_York"
format = "json"
lookback = "0s"
totals = false
"""


@contextmanager
def served() -> Iterator[tuple[str, list[str]]]:
    """A service without clicks; its address, and the requests that it had."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            requests.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", str(len(_ANSWER)))
            self.end_headers()
            self.wfile.write(_ANSWER)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()


def timed(folder: Path, *arguments: str) -> list[float]:
    """Seconds that a command takes, run after run, the first not counted."""
    environ = {**os.environ, "PASSWORD": "password"}
    taken = []
    for _ in range(_RUNS + 1):
        begun = time.perf_counter()
        subprocess.run(
            [_PROGRAM, *arguments], cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL
        )
        taken.append(time.perf_counter() - begun)
    return taken[1:]


def main() -> None:
    with tempfile.TemporaryDirectory() as name, served() as (url, requests):
        folder = Path(name)
        (folder / "config.toml").write_text(_CONFIG.format(url=url))
        for arguments, goal in ((("--help",), 0.15), (("run",), 0.5)):
            taken = timed(folder, *arguments)
            print(
                f"link-archiver {arguments[0]:7} median {statistics.median(taken):.3f} s, "
                f"{min(taken):.3f} to {max(taken):.3f} s (goal {goal} s)"
            )
        # The first run asks for the day before it, in two windows, for they end at midnight.
        print(f"requests of a run right after a run: {(len(requests) - 2) / _RUNS:.2f} (goal 1)")


if __name__ == "__main__":
    main()
