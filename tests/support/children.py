"""A part of a test in a process of its own, which may be killed as any process may be."""

import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable

TIMEOUT_SECONDS = 60


def in_child(work: Callable[[], object]) -> bool:
    """Do the work in a fork of this process; give whether it was killed before its end."""
    with warnings.catch_warnings():
        # From Python 3.12 on it warns of threads; those of a test's server are idle by now.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
            traceback.print_exc()
        finally:
            os._exit(status)
    status = _status(pid)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the child failed: its traceback is on stderr"
    return False


def _status(pid: int) -> int:
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child didn't end")
