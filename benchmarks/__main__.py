"""Measure all of it, and write `results.md` and `growth.svg`.

    make bench          the goals' sizes: some fifteen minutes, 6 GB of disk
    make bench-quick    small sizes: does it work at all? Its times mean nothing

What it works with lies in `build/`, on the disk of the checkout: a `/tmp` in memory would make
durability free. It is deleted at the end.
"""

import argparse
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import bare, growth, limits, reference, report
from benchmarks.measure import FULL, QUICK, Bench, Results
from benchmarks.tasks import ROOT

_PARTS = (
    bare.measure,
    limits.measure_memory,
    growth.measure,
    limits.measure_waiting,
    reference.measure,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="How fast is it?")
    parser.add_argument("--quick", action="store_true", help="small sizes, for its mechanics")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the work folder goes
    machine = report.Machine.this()
    results = Results()
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as work:
        bench = Bench(QUICK if asked.quick else FULL, Path(work), _tell)
        _measure(bench, results)
    results.figures.sort(key=lambda figure: figure.number)
    report.write(results, bench.sizes, machine, asked.output)
    print("\n".join(report.table(results.figures)))
    print(f"Written to {asked.output}: results.md, growth.svg")


def _measure(bench: Bench, results: Results) -> None:
    if bench.sizes.parts_at_once == 1:
        for part in _PARTS:
            part(bench, results)
        return
    with ThreadPoolExecutor(bench.sizes.parts_at_once) as pool:
        for under_way in [pool.submit(part, bench, results) for part in _PARTS]:
            under_way.result()


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
