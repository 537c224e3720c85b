"""Rows 8, 9 and 11, and the chart: an archive that grows, and what a day costs in it.

It is filled past the service, as runs would have filled it. At each of its sizes, days that follow
are archived by the program, each into an empty archive first.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Bench, Figure, Point, Results, Timing, microseconds, ratios
from benchmarks.served import serving
from benchmarks.tasks import Outcome, Task

_Days = tuple[list[Outcome], list[Outcome], list[Outcome]]


def measure(bench: Bench, results: Results) -> None:
    grown = bench.work / "grown"
    grown.mkdir()
    day, a_day = 0, bench.sizes.clicks_a_day
    empty: list[Outcome] = []
    into: list[Outcome] = []
    again: list[Outcome] = []
    for days in bench.sizes.archive_days:
        bench.once(_task(bench, "ours.fill", day, days - day), grown)
        empty, into, again = _days_put_in(bench, grown, days)
        results.growth.append(
            Point(days * a_day, microseconds(into, a_day), microseconds(empty, a_day))
        )
        day = days + bench.sizes.rounds
    of = f"{bench.sizes.archive_days[-1] * a_day:,} clicks"
    results.figures += [
        Figure(
            8,
            f"a day of {a_day:,} clicks into an archive of {of} ÷ into an empty one",
            ratios(into, empty),
            1.15,
        ),
        Figure(9, "the same day again, all known ÷ the first time", ratios(again, into), 1.0),
    ]
    results.timings += [
        Timing("a day into an empty archive", a_day, empty),
        Timing(f"a day into an archive of {of}", a_day, into),
        Timing("the same day again", a_day, again),
    ]
    _measure_reading(bench, results, grown, of, day * a_day)
    shutil.rmtree(grown)


def _days_put_in(bench: Bench, grown: Path, first_day: int) -> _Days:
    """Archive a day for each round: into an empty archive, into the grown one, and there again."""
    rounds, a_day = bench.sizes.rounds, bench.sizes.clicks_a_day
    taken: _Days = ([], [], [])
    with serving(a_day, first_day, rounds) as address:
        url = f"{address}/api/v1_0/"
        bench.warm_up(url, "json", first_day, 1)
        for day in range(first_day, first_day + rounds):
            once = _task(bench, "ours.archive", day, 1, url)
            again = _task(bench, "ours.archive_again", day, 1, url)
            for outcomes, task, folder in zip(
                taken, (once, once, again), (None, grown, grown), strict=True
            ):
                outcomes.append(bench.once(task, folder))
    return taken


def _measure_reading(bench: Bench, results: Results, grown: Path, of: str, clicks: int) -> None:
    """Row 11: what is archived, told and exported, beside a bare SELECT."""
    day, a_day = bench.sizes.archive_days[-1] // 2, bench.sizes.clicks_a_day
    exact = bench.history.fingerprint(day, 1)
    tasks = {
        "status": Task("ours.status", a_day, 1, clicks),
        "a bare SELECT of a day as JSON lines": Task("floors.selecting", a_day, 1, a_day, day),
        "export of a day": Task("ours.export", a_day, 1, exact, day),
    }
    outcomes: dict[str, list[Outcome]] = {name: [] for name in tasks}
    commands = []
    for _ in range(bench.sizes.rounds):
        for name, task in tasks.items():
            outcomes[name].append(bench.once(task, grown))
        commands.append(_status_command(grown))
    status, selected, exported = outcomes.values()
    results.figures += [
        Figure(11, f"status of {of}", [each.seconds for each in status], 0.5, " s"),
        Figure(11, f"export of a day of {of} ÷ a bare SELECT", ratios(exported, selected), 1.3),
    ]
    results.timings += [
        Timing("status", 0, status),
        Timing("status, the whole command", 0, commands),
        Timing("export of a day", a_day, exported),
        Timing("a bare SELECT of a day as JSON lines", a_day, selected),
    ]


def _status_command(grown: Path) -> Outcome:
    program = Path(sys.executable).with_name("link-archiver")
    command = [str(program), "--config", str(grown / "config.toml"), "status"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Outcome(time.perf_counter() - begun, 0, 0)


def _task(bench: Bench, subject: str, first_day: int, days: int, url: str = "") -> Task:
    expected = (
        bench.history.fingerprint(first_day, days) if url else days * bench.sizes.clicks_a_day
    )
    return Task(
        subject,
        bench.sizes.clicks_a_day,
        days,
        expected,
        first_day,
        url,
        settings={"format": "json"},
    )
