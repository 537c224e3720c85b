"""Writes what the long suites counted into docs/reliability.md.

    python tests/figures.py NAME FOLDER

The counts are the JSON files of the folder; NAME says which marked block of the page is written
anew. Nothing else on the page changes.
"""

import json
import os
import platform
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"

_KILLED = ("history: process: kill", "history: process: torn")
_POWER = "history: process: power-cut"
_COMMANDS_KILLED = ("command: kill", "command: torn", "command: kill at any moment")

#: The rows of each block: what is counted, and which counts belong to it. A name that ends with
#: ":" stands for all that begin so.
ROWS = {
    "soak": (
        ("random histories, each exact in the end", ("histories",)),
        ("runs and backfills in them", ("runs",)),
        ("faults of the service, of the line and of clocks in them", ("history: fault:",)),
        ("disks that were full or failed at a step of them", ("history: disk:",)),
        ("processes killed at a step of them", _KILLED),
        ("losses of power at a step of them: gone what wasn't synced", (_POWER,)),
        ("clicks archived at their ends", ("clicks archived",)),
        ("clicks lost", ("clicks lost",)),
        ("clicks doubled or made up", ("clicks made up",)),
        ("runs that went wrong at each of their steps in turn", ("step:",)),
        ("commands killed at each step, amid each write, at any moment", _COMMANDS_KILLED),
        ("commands that lost power at each step", ("command: power-cut",)),
        ("commands on a disk that was full or failed at a step", ("command: disk:",)),
    ),
    "mutants": (
        ("defects made on purpose", ("defects",)),
        ("of them caught by the tests", ("defects caught",)),
    ),
}


def main(name: str, folder: Path) -> None:
    counts = counted(folder)
    assert counts, f"{folder} has no counts: the suite has to end well first"
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), name, counts), encoding="utf-8")


def counted(folder: Path) -> "Counter[str]":
    """The sum of all processes' counts."""
    files = sorted(folder.glob("*.json"))
    return sum((Counter(json.loads(file.read_text())) for file in files), Counter())


def written(page: str, name: str, counts: Mapping[str, int]) -> str:
    """The page with one of its blocks written anew. Raises ValueError where it has none."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the page has no block {name}")
    lines = ["| what | how many |", "| --- | ---: |"]
    lines += [f"| {told} | {_sum(counts, keys):,} |" for told, keys in ROWS[name]]
    return "".join(
        [before, begin, *(f"{line}\n" for line in lines), f"\n{_machine()}\n", end, after]
    )


def _sum(counts: Mapping[str, int], keys: Sequence[str]) -> int:
    return sum(
        number
        for name, number in counts.items()
        if any(name.startswith(key) if key.endswith(":") else name == key for key in keys)
    )


def _machine() -> str:
    return (
        f"Of {_version()}, on {os.cpu_count()} processors ({platform.system()} on "
        f"{platform.machine()}), Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}."
    )


def _version() -> str:
    """Which code the figures are of: they stay on the page when it changes."""
    asked = ["git", "log", "-1", "--format=commit %h of %cs"]
    told = subprocess.run(asked, cwd=PAGE.parent, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "a copy without its history"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
