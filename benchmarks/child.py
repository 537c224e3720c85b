"""The process of one task: `python -m benchmarks.child TASK` prints its outcome as JSON.

Its start-up isn't counted: what the task needs is imported and opened before the clock runs.
"""

import json
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.tasks import Outcome, Task


def main() -> None:
    task = Task.loads(sys.argv[1])
    module, _, name = task.subject.partition(".")
    prepared = getattr(import_module(f"benchmarks.{module}"), name)(task)
    begun = time.perf_counter()
    prepared.execute()
    seconds = time.perf_counter() - begun
    peak = _peak_megabytes()  # before what was stored is looked at
    print(json.dumps(asdict(Outcome(seconds, peak, prepared.stored()))))


def _peak_megabytes() -> float:
    """The most memory that this process has had.

    Not by getrusage, whose figure a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
