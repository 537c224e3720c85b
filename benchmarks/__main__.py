"""Measure all of it, or some of it, and write `results.md` and `growth.svg`.

    make bench          the goals' sizes: some fifteen minutes, 6 GB of disk
    make bench-quick    small sizes: does it work at all? Its times mean nothing
    python -m benchmarks --only loading --rounds 3 --output build/bench    some rows of the table

What it works with lies in `build/`, on the disk of the checkout: a `/tmp` in memory would make
durability free. It is deleted at the end.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from benchmarks import bare, growth, limits, reference, report
from benchmarks.measure import FULL, QUICK, Bench, Results
from benchmarks.tasks import ROOT

Part: TypeAlias = Callable[[Bench, Results], None]

_PARTS: dict[str, Part] = {
    "loading": bare.measure,  # rows 1 to 6
    "memory": limits.measure_memory,  # 7
    "growth": growth.measure,  # 8, 9 and 11
    "waiting": limits.measure_waiting,  # 10
    "reference": reference.measure,  # 12
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="How fast is it?")
    parser.add_argument("--quick", action="store_true", help="small sizes, for its mechanics")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", choices=_PARTS, action="append", help="not all: this part")
    parser.add_argument("--rounds", type=int, help="how often all is done; 5 is usual")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the work folder goes
    machine = report.Machine.this()
    sizes = QUICK if asked.quick else FULL
    sizes = replace(sizes, rounds=asked.rounds or sizes.rounds)
    results = Results()
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as work:
        bench = Bench(sizes, Path(work), _tell)
        _measure(bench, results, [_PARTS[name] for name in asked.only or _PARTS])
    results.figures.sort(key=lambda figure: figure.number)
    report.write(results, bench.sizes, machine, asked.output)
    print("\n".join(report.table(results.figures)))
    print(f"Written to {asked.output}")


def _measure(bench: Bench, results: Results, parts: Iterable[Part]) -> None:
    if bench.sizes.parts_at_once == 1:
        for part in parts:
            part(bench, results)
        return
    with ThreadPoolExecutor(bench.sizes.parts_at_once) as pool:
        for under_way in [pool.submit(part, bench, results) for part in parts]:
            under_way.result()


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
