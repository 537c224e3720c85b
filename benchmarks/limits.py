"""Rows 7 and 10: memory that doesn't grow with the period, and a service that takes its time."""

from math import ceil
from urllib.request import urlopen

from benchmarks.history import PAGE_SIZE
from benchmarks.measure import Bench, Figure, Results, Timing
from benchmarks.served import serving
from benchmarks.tasks import Settings, Task

_CONCURRENCY = 8


def measure_memory(bench: Bench, results: Results) -> None:
    """Row 7: the most memory for many days, and how much more that is than for few."""
    sizes = bench.sizes
    few, many = sizes.memory_days
    with serving(sizes.clicks_a_day, 0, many) as address:
        tasks = {
            f"{days} days": _task(bench, days, f"{address}/api/v1_0/") for days in (few, many)
        }
        bench.warm_up(f"{address}/api/v1_0/", "json", 0, many)
        outcomes = bench.in_turn(tasks)
    peaks = [[outcome.peak_megabytes for outcome in each] for each in outcomes.values()]
    grown = [(much / little - 1) * 100 for little, much in zip(*peaks, strict=True)]
    clicks = [f"{days * sizes.clicks_a_day:,}" for days in (few, many)]
    results.figures += [
        Figure(7, f"peak memory, {clicks[1]} clicks, concurrency = 2", peaks[1], 110, " MB"),
        Figure(7, f"its growth from {clicks[0]} clicks", grown, 5, " %"),
    ]
    results.timings += [
        Timing(
            f"JSON → SQLite, {clicks[1]} clicks",
            many * sizes.clicks_a_day,
            [*outcomes.values()][1],
        )
    ]


def measure_waiting(bench: Bench, results: Results) -> None:
    """Row 10: how near several requests in flight come to what the service's slowness allows."""
    sizes = bench.sizes
    fewest = ceil(sizes.clicks / PAGE_SIZE)
    seconds = sizes.slow_milliseconds / 1000
    over_ideal, over_fewest, outcomes = [], [], []
    with serving(sizes.clicks_a_day, 0, sizes.days) as address:
        url = f"{address}/slow/{sizes.slow_milliseconds}/"
        task = _task(bench, sizes.days, url, concurrency=_CONCURRENCY)
        bench.warm_up(f"{address}/api/v1_0/", "json", 0, sizes.days)
        for _ in range(sizes.rounds):
            before = _requests(address)
            outcome = bench.once(task)
            made = _requests(address) - before
            over_ideal.append(outcome.seconds / (made * seconds / _CONCURRENCY))
            over_fewest.append(made / fewest)
            outcomes.append(outcome)
    slow = (
        f"a server of {sizes.slow_milliseconds} ms, {fewest} pages, concurrency = {_CONCURRENCY}"
    )
    ideal = f"(requests × {sizes.slow_milliseconds} ms ÷ {_CONCURRENCY})"
    results.figures += [
        Figure(10, f"{slow}: time ÷ {ideal}", over_ideal, 1.15),
        Figure(10, "its requests ÷ the fewest possible", over_fewest, 1.1),
    ]
    results.timings.append(Timing(slow, 0, outcomes))


def _task(bench: Bench, days: int, url: str, concurrency: int = 2) -> Task:
    settings: Settings = {"format": "json", "concurrency": concurrency}
    exact = bench.history.fingerprint(0, days)
    return Task("ours.archive", bench.sizes.clicks_a_day, days, exact, url=url, settings=settings)


def _requests(address: str) -> int:
    with urlopen(f"{address}/requests") as answer:
        return int(answer.read())
