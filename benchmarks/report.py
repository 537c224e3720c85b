"""What was measured, as a page for people: the goals, the times, the machine."""

import os
import platform
import sqlite3
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.chart import draw
from benchmarks.measure import Figure, Point, Results, Sizes, Timing, microseconds

_PACKAGES = ("orjson", "requests", "urllib3", "sqlite-utils", "dlt", "sqlalchemy")
_EXPLAINED = """\
Ratios are taken pair by pair of runs that followed each other, each in a process of its own whose
start-up isn't counted. What stands here is the median of the rounds, and the least and the most.
The *floor* is a bare loop with the same durability and the same columns: `http.client` with
keep-alive, `json` or ElementTree, rows by `itemgetter`, `executemany` with ON CONFLICT into a
table keyed by account, time and id, a transaction per 20,000 rows; no checks, no time conversion.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """What it was measured on, and how busy that was with other things."""

    kind: str
    load_before: float

    @classmethod
    def this(cls) -> "Machine":
        gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        kind = (
            f"{_processor()} ({platform.machine()}), {os.cpu_count()} cores, {gigabytes:.0f} GB, "
            f"{platform.system()} {platform.release().split('-')[0]}"
        )
        return cls(kind, os.getloadavg()[0])

    @property
    def was_busy(self) -> bool:
        return self.load_before > 0.5 * (os.cpu_count() or 1)


def write(results: Results, sizes: Sizes, machine: Machine, folder: Path) -> None:
    """Write `results.md` and, where that was measured, `growth.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    if results.growth:
        chart = draw(results.growth, sizes.clicks_a_day)
        (folder / "growth.svg").write_text(chart, encoding="utf-8")
    lines = "\n".join(_page(results, sizes, machine))
    (folder / "results.md").write_text(f"{lines}\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """The goals as a Markdown table."""
    yield "| | measure | median | least to most | goal | met |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for figure in figures:
        goal = f"{'≥' if figure.at_least else '≤'} {figure.goal:g}{figure.unit}"
        head = f"| {figure.number} | {figure.measure} |"
        if not figure.values:
            yield f"{head} - | - | {goal} | not measured |"
            continue
        median, spread = _median_and_spread(figure.values, figure.unit)
        yield f"{head} {median} | {spread} | {goal} | {'yes' if figure.is_met else '**no**'} |"


def _page(results: Results, sizes: Sizes, machine: Machine) -> Iterator[str]:
    yield "# Results"
    yield ""
    yield f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}; {sizes.rounds} rounds."
    yield ""
    yield f"Machine: {machine.kind}."
    yield f"Versions: {', '.join(_versions())}."
    yield ""
    if machine.was_busy:
        yield (
            f"**The machine was busy with other things** (load {machine.load_before:.1f} at the "
            "beginning): these figures say little."
        )
        yield ""
    yield _EXPLAINED
    yield "## Goals"
    yield ""
    yield from table(results.figures)
    yield ""
    yield from _verdict(results.figures)
    yield ""
    yield "## Times"
    yield ""
    yield from _times(results.timings)
    if results.growth:
        yield ""
        yield "## As the archive grows"
        yield ""
        yield "![Time per click as the archive grows](growth.svg)"
        yield ""
        yield from _growth(results.growth)


def _verdict(figures: Sequence[Figure]) -> Iterator[str]:
    missed = [figure for figure in figures if figure.values and not figure.is_met]
    unmeasured = [figure for figure in figures if not figure.values]
    if not missed and not unmeasured:
        yield "All goals that were measured are met."
    if missed:
        yield "Not met:"
        yield ""
        yield from (f"- {figure.number}: {figure.measure}" for figure in missed)
    if unmeasured:
        yield f"Not measured: {', '.join(str(figure.number) for figure in unmeasured)}."


def _times(timings: Sequence[Timing]) -> Iterator[str]:
    yield "| what | median | least to most | peak memory |"
    yield "| --- | --- | --- | --- |"
    for timing in timings:
        if timing.clicks:
            values, unit = microseconds(timing.outcomes, timing.clicks), " µs a click"
        else:
            values, unit = [outcome.seconds for outcome in timing.outcomes], " s"
        median, spread = _median_and_spread(values, unit)
        peak = max(outcome.peak_megabytes for outcome in timing.outcomes)
        yield f"| {timing.name} | {median} | {spread} | {f'{peak:.0f} MB' if peak else '-'} |"


def _growth(points: Sequence[Point]) -> Iterator[str]:
    yield "| clicks in the archive | a day into it, µs a click | into an empty one, in turn |"
    yield "| --- | --- | --- |"
    for point in points:
        grown, empty = statistics.median(point.grown), statistics.median(point.empty)
        yield f"| {point.clicks:,} | {_digits(grown)} | {_digits(empty)} |"


def _median_and_spread(values: Sequence[float], unit: str) -> tuple[str, str]:
    median = f"{_digits(statistics.median(values))}{unit}"
    return median, f"{_digits(min(values))} to {_digits(max(values))}"


def _digits(value: float) -> str:
    """Three digits that say something, or so."""
    for least, form in ((100, ".0f"), (20, ".1f"), (0.1, ".2f")):
        if value >= least:
            return f"{value:{form}}"
    return f"{value:.4f}"


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()}"
    yield f"SQLite {sqlite3.sqlite_version}"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return "an unnamed processor"
