"""A stand-in for systemd: what a service tells it."""

import socket
from pathlib import Path


class Systemd:
    """The other side of a notify socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(30)

    def heard(self) -> str:
        """The next message."""
        return self._socket.recv(4096).decode()

    def wait_for(self, beginning: str) -> str:
        """The next message that begins so."""
        while not (message := self.heard()).startswith(beginning):
            pass
        return message

    def close(self) -> None:
        self._socket.close()
