"""Running tasks in turn, each in a process of its own; and what comes out of it as figures."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.history import History
from benchmarks.tasks import ROOT, Outcome, Settings, Task


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a measurement is. The goals hold for FULL."""

    rounds: int
    clicks_a_day: int
    days: int  # what the floor and the peers are held against
    memory_days: tuple[int, int]
    archive_days: tuple[int, ...]  # how large an archive is when a day is put into it
    slow_milliseconds: int
    reference_clicks: int
    reference_window: int
    parts_at_once: int  # more than one only where times mean nothing

    @property
    def clicks(self) -> int:
        return self.days * self.clicks_a_day


FULL = Sizes(5, 50_000, 4, (2, 20), (20, 60, 120, 200), 200, 10_000_000, 100_000, 1)
QUICK = Sizes(1, 1_000, 2, (1, 2), (1, 3), 20, 6_000, 3_000, 2)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured in each round, and what it should be.

    Without values it wasn't measured, and `measure` says why.
    """

    number: int
    measure: str
    values: Sequence[float]
    goal: float
    unit: str = ""
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        return self.median >= self.goal if self.at_least else self.median <= self.goal


@dataclass(frozen=True, slots=True)
class Timing:
    """What one subject took, round by round; `clicks` of 0: it isn't counted by clicks."""

    name: str
    clicks: int
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Point:
    """A day put into an archive that holds so many clicks, and into an empty one: µs a click."""

    clicks: int
    grown: Sequence[float]
    empty: Sequence[float]


@dataclass(slots=True)
class Results:
    figures: list[Figure] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    growth: list[Point] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how large the measurements are, and who is told of each."""

    sizes: Sizes
    work: Path
    tell: Callable[[str], None]

    @property
    def history(self) -> History:
        return History(self.sizes.clicks_a_day)

    def once(self, task: Task, folder: Path | None = None) -> Outcome:
        """Run a task in a folder, or in one of its own, which is deleted afterwards.

        Raises RuntimeError where it fails, or hasn't stored exactly what it should: a fast run
        that loses clicks is no result.
        """
        with tempfile.TemporaryDirectory(dir=self.work) as own:
            os.sync()  # what others have written isn't this one's to wait for
            outcome = _run(task.within(folder or Path(own)))
        self.tell(f"{task.subject} {outcome.seconds:.3f} s, {outcome.peak_megabytes:.0f} MB")
        return outcome

    def warm_up(self, url: str, form: str, first_day: int, days: int) -> None:
        """Have the server encode the days, which it does when they are first asked for."""
        a_day = self.sizes.clicks_a_day
        settings: Settings = {"format": form}
        self.once(
            Task("floors.reading", a_day, days, days * a_day, first_day, url, settings=settings)
        )

    def in_turn(self, tasks: Mapping[str, Task]) -> dict[str, list[Outcome]]:
        """Run all tasks one after the other, and again, as many rounds as there are."""
        outcomes: dict[str, list[Outcome]] = {name: [] for name in tasks}
        for _ in range(self.sizes.rounds):
            for name, task in tasks.items():
                outcomes[name].append(self.once(task))
        return outcomes


def ratios(over: Sequence[Outcome], under: Sequence[Outcome]) -> list[float]:
    """One's time over the other's, pair by pair of the rounds."""
    return [a.seconds / b.seconds for a, b in zip(over, under, strict=True)]


def microseconds(outcomes: Sequence[Outcome], clicks: int) -> list[float]:
    """What each outcome took a click."""
    return [outcome.seconds / clicks * 1e6 for outcome in outcomes]


def _run(task: Task) -> Outcome:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", task.dumps()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{task.subject} failed:\n{ended.stderr}")
    outcome = Outcome(**json.loads(ended.stdout))
    if outcome.stored != task.expected:
        raise RuntimeError(
            f"{task.subject} stored {outcome.stored}, and {task.expected} was to be stored"
        )
    return outcome
