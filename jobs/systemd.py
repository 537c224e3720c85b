"""What a service tells systemd, and how often it has to: sd_notify(3) and its watchdog."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

# systemd ignores a whole message of more than 4,096 bytes. So many lines of so many fit.
_LINE_BYTES = 1000
# As sd_notify(3) waits: a systemd that is stuck must not hold the service up.
_SEND_SECONDS = 5.0


class Notifier:
    """The way to systemd, where it started this process as a service; elsewhere a way to nobody.

    `watchdog_seconds`: systemd kills the service when it hears no WATCHDOG=1 for so long; None
    where it doesn't watch this process.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.watchdog_seconds = _watchdog_seconds(environ)
        self._address = _address(environ)

    def send(self, *lines: str) -> None:
        """Tell systemd up to four assignments, as `READY=1` or `STATUS=…`, in one message.

        What can't be told is lost: no archive may suffer from it.
        """
        if self._address is None:
            return
        message = b"\n".join(map(_encoded, lines))
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_SECONDS)
            sender.sendto(message, self._address)


def _address(environ: Mapping[str, str]) -> str | None:
    given = environ.get("NOTIFY_SOCKET", "")
    if given.startswith("@"):  # a name without a file, which the kernel marks with a zero byte
        return "\0" + given[1:]
    return given if given.startswith("/") else None


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    # Inherited from a parent that is watched, it isn't meant for this process.
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1_000_000 if microseconds > 0 else None


def _encoded(line: str) -> bytes:
    """One line, whatever is in it: a second one would be another assignment."""
    whole = " ".join(line.splitlines()).encode(errors="replace")
    return whole[:_LINE_BYTES].decode(errors="ignore").encode()
