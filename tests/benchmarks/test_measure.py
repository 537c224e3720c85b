"""What makes a figure: pairs, medians, and archives that must be exact."""

from pathlib import Path

import pytest

from benchmarks.history import History
from benchmarks.measure import QUICK, Bench, Figure, Point, Results, Timing, ratios
from benchmarks.report import Machine, write
from benchmarks.served import serving
from benchmarks.tasks import Outcome, Task

_HISTORY = History(50)
_MET = Figure(1, "a goal that is met", [1.5, 1.7, 1.4], 1.6)
_NEARLY = Figure(2, "a goal that is met once", [1.3, 1.5, 1.6], 1.4)
_MISSED = Figure(5, "a goal that is missed", [6.5, 6.9, 7.5], 7, at_least=True)
_UNMEASURED = Figure(6, "a goal that wasn't measured", [], 1.8)


def _written(folder: Path, *figures: Figure, load: float = 0.0) -> str:
    point = Point(1000, [5.0, 6.0], [5.5, 4.5])
    timing = Timing("what took its time", 1000, [Outcome(0.005, 42, 0)])
    results = Results(list(figures), [timing], [point])
    write(results, QUICK, Machine("a machine", load), folder)
    return (folder / "results.md").read_text()


def test_ratios_are_taken_pair_by_pair() -> None:
    """A round's time is held against the other's of the same round, not against its median."""
    over, under = ([Outcome(seconds, 0, 0) for seconds in taken] for taken in ((3, 8), (1, 4)))
    assert ratios(over, under) == [3.0, 2.0]


def test_goals_are_judged_by_the_median(tmp_path: Path) -> None:
    """The median decides, in the goal's direction, whatever the best and the worst round."""
    text = _written(tmp_path, _MET, _NEARLY, _MISSED)
    assert "| 1 | a goal that is met | 1.50 | 1.40 to 1.70 | ≤ 1.6 | yes |" in text
    assert "| 2 | a goal that is met once | 1.50 | 1.30 to 1.60 | ≤ 1.4 | **no** |" in text
    assert "| 5 | a goal that is missed | 6.90 | 6.50 to 7.50 | ≥ 7 | **no** |" in text


def test_what_is_not_met_or_not_measured_is_said(tmp_path: Path) -> None:
    """A goal that is missed is named as that, and so is one without a figure."""
    text = _written(tmp_path, _MET, _MISSED, _UNMEASURED)
    assert "Not met:\n\n- 5: a goal that is missed\n" in text
    assert "Not measured: 6." in text
    assert "All goals that" not in text
    assert "All goals that were measured are met." in _written(tmp_path, _MET)


def test_a_busy_machine_is_said(tmp_path: Path) -> None:
    """Figures from a machine that had other things to do come with a warning."""
    assert "was busy" in _written(tmp_path, _MET, load=9.0)
    assert "was busy" not in _written(tmp_path, _MET)


@pytest.mark.parametrize("subject", ["floors.json_to_sqlite", "ours.archive"])
def test_an_archive_that_is_not_exact_is_no_result(tmp_path: Path, subject: str) -> None:
    """A subject that hasn't stored what it should is an error, however fast it was."""
    bench = Bench(QUICK, tmp_path, tell=lambda _: None)
    with serving(50, 0, 2) as address:
        exact = 100 if subject.startswith("floors") else _HISTORY.fingerprint(0, 2)
        other = 99 if subject.startswith("floors") else _HISTORY.fingerprint(0, 1)
        url = f"{address}/api/v1_0/"
        task = Task(subject, 50, 2, exact, url=url, settings={"format": "json"})
        assert bench.once(task).stored == exact
        with pytest.raises(RuntimeError, match="was to be stored"):
            bench.once(Task(subject, 50, 2, other, url=url, settings={"format": "json"}))
