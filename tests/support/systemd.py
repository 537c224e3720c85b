"""A stand-in for systemd: what a service tells it."""

import socket
import time
from pathlib import Path

_TIMEOUT_SECONDS = 60


class Systemd:
    """The other side of a notify socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(_TIMEOUT_SECONDS)

    def heard(self) -> str:
        """The next message."""
        return self._socket.recv(4096).decode()

    def wait_for(self, beginning: str) -> str:
        """The next message that begins so."""
        end = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < end:
            if (message := self.heard()).startswith(beginning):
                return message
        raise TimeoutError(f"no {beginning} for {_TIMEOUT_SECONDS} seconds")

    def close(self) -> None:
        self._socket.close()
