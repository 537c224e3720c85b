"""A run that goes wrong at each of its steps in turn: killed, without power, on a failing disk."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from support import figures
from support.archive import TestArchive
from support.children import in_child
from support.service import COMPARED
from support.steps import ENDS, Fault, Steps, installed

START, END = datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 9, 4, tzinfo=UTC)
BEFORE = START + timedelta(hours=30)
NOW = END + timedelta(days=1)
PERIOD = (START.isoformat(), END.isoformat())

#: Half a write needs a write, and a loss of power something that the program syncs itself.
CASES = [
    *((store, kind, "") for store in ("sqlite", "jsonl") for kind in ("kill", "error", "full")),
    ("jsonl", "power-cut", ""),
    *(("jsonl", kind, "write") for kind in ("torn", "short")),
]


@pytest.mark.parametrize("begun", [True, pytest.param(False, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("store", "kind", "among"), CASES)
def test_a_run_that_goes_wrong_at_any_of_its_steps(utc, tmp_path, store, kind, among, begun):
    """Then what was archived is there, what is covered is there, and the next run is exact."""
    utc.populate(90, START, END, links=3)
    with utc.serving(("no-id",)) as url:
        archive = TestArchive(tmp_path / "begun", url, store=store, concurrency=1)
        if begun:
            archive.backfill(PERIOD[0], BEFORE.isoformat(), NOW)
        for step in count(1):
            copy = TestArchive(_copied(archive, step), url, store=store, concurrency=1)
            if not _goes_wrong(copy, Fault(kind, step, among)):
                break
            _hold(copy, utc)
            figures.count(f"step: {kind}")
    assert step > (1 if among else 20)


def _copied(archive: TestArchive, step: int) -> Path:
    folder = archive.path.parent.with_name(str(step))
    if archive.directory.exists():
        shutil.copytree(archive.directory, folder / "archive")
    return folder


def _goes_wrong(archive: TestArchive, fault: Fault) -> bool:
    """Backfill all of it again, and let a step go wrong; give whether there was that step."""
    before = _exported(archive)
    steps = Steps(fault)

    def backfill() -> None:
        with installed(steps):
            archive.backfill(*PERIOD, NOW, again=True)

    if fault.kind in ENDS:
        went_wrong = in_child(backfill)
    else:
        backfill()
        went_wrong = sum(name.startswith(fault.among) for name in steps.names) >= fault.at
    assert before <= _exported(archive)
    return went_wrong


def _hold(archive: TestArchive, service) -> None:
    for covered in archive.status(NOW)["covered"]:
        window = (datetime.fromisoformat(covered[name]) for name in ("start", "end"))
        assert service.clicks_between(*window) <= _exported(archive)
    assert archive.backfill(*PERIOD, NOW).outcome == "complete"
    again = archive.backfill(*PERIOD, NOW, again=True)
    assert (again.outcome, again.accounts[0].new) == ("complete", 0)
    truth = service.clicks_between(START, END)
    assert archive.clicks() == _exported(archive) == truth
    assert archive.status(NOW)["clicks"] == truth.total()
    assert not archive.differences(NOW)


def _exported(archive: TestArchive) -> "Counter[tuple[object, ...]]":
    """What counts, torn ends not among it."""
    if not archive.directory.exists():
        return Counter()
    return Counter(tuple(click[name] for name in COMPARED) for click in archive.exported())
