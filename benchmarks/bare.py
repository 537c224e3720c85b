"""Rows 1 to 6: the program against the floor, and against what people would otherwise use."""

from importlib.util import find_spec

from benchmarks.measure import Bench, Figure, Results, Timing, ratios
from benchmarks.served import serving
from benchmarks.tasks import Task


def measure(bench: Bench, results: Results) -> None:
    sizes = bench.sizes
    with serving(sizes.clicks_a_day, 0, sizes.days) as address:
        tasks = _tasks(bench, address)
        for path, form in (("api/v1_0", "json"), ("api/v1_0", "xml"), ("no-ids", "json")):
            bench.warm_up(f"{address}/{path}/", form, 0, sizes.days)
        outcomes = bench.in_turn(tasks)
    results.timings += [Timing(name, sizes.clicks, taken) for name, taken in outcomes.items()]
    floor, ours = outcomes["floor, JSON → SQLite"], outcomes["JSON → SQLite"]
    no_ids, lines = outcomes["without ids → SQLite"], outcomes["JSON → JSONL"]
    xml = ratios(outcomes["XML → SQLite"], outcomes["floor, XML → SQLite"])
    what = f"{sizes.clicks:,} clicks"
    dlt = ratios(outcomes["dlt"], ours) if "dlt" in outcomes else []
    missing = "" if dlt else ": not measured, for it isn't installed"
    script = ratios(outcomes["requests + sqlite-utils"], ours)
    results.figures += [
        Figure(1, f"{what}, JSON → SQLite, ÷ floor", ratios(ours, floor), 1.6),
        Figure(2, f"{what}, XML → SQLite, ÷ floor", xml, 1.4),
        Figure(
            3,
            f"{what}, JSON → JSONL, ÷ floor",
            ratios(lines, outcomes["floor, JSON → JSONL"]),
            1.8,
        ),
        Figure(4, f"{what} without ids, ÷ the floor of 1", ratios(no_ids, floor), 2.0),
        Figure(5, f"dlt's time ÷ that of 1{missing}", dlt, 7, at_least=True),
        Figure(6, "requests + sqlite-utils ÷ that of 1", script, 1.8, at_least=True),
    ]


def _tasks(bench: Bench, address: str) -> dict[str, Task]:
    sizes = bench.sizes
    exact = bench.history.fingerprint(0, sizes.days)
    exact_without_ids = bench.history.fingerprint(0, sizes.days, with_ids=False)
    url, no_ids = f"{address}/api/v1_0/", f"{address}/no-ids/"

    def other(subject: str) -> Task:
        return Task(
            subject,
            sizes.clicks_a_day,
            sizes.days,
            sizes.clicks,
            url=url,
            settings={"format": "json"},
        )

    def ours(form: str, store: str = "sqlite", url: str = url, expected: str = exact) -> Task:
        return Task(
            "ours.archive",
            sizes.clicks_a_day,
            sizes.days,
            expected,
            url=url,
            store=store,
            settings={"format": form},
        )

    tasks = {
        "server alone": other("floors.reading"),
        "floor, JSON → SQLite": other("floors.json_to_sqlite"),
        "JSON → SQLite": ours("json"),
        "without ids → SQLite": ours("json", url=no_ids, expected=exact_without_ids),
        "requests + sqlite-utils": other("peers.script"),
        "dlt": other("peers_dlt.pipeline"),
        "floor, XML → SQLite": other("floors.xml_to_sqlite"),
        "XML → SQLite": ours("xml"),
        "floor, JSON → JSONL": other("floors.json_to_lines"),
        "JSON → JSONL": ours("json", "jsonl"),
    }
    if find_spec("dlt") is None:
        del tasks["dlt"]
    return tasks
