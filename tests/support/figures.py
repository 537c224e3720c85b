"""What the long suites count, so that docs/reliability.md states what was really done."""

import json
import os
from collections import Counter
from pathlib import Path

#: Where a run of the tests leaves its counts; without it, nowhere.
VARIABLE = "LINK_ARCHIVER_FIGURES"

_counts: "Counter[str]" = Counter()


def count(name: str, number: int = 1) -> None:
    """So many more of what bears this name were done, and held."""
    _counts[name] += number


def keep() -> None:
    """Write this process's counts into a file of its own."""
    folder = os.environ.get(VARIABLE)
    if folder and _counts:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{os.getpid()}.json").write_text(json.dumps(_counts, indent=1, sort_keys=True))
