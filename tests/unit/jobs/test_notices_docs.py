"""`docs/notices.md` against the program."""

import re
from pathlib import Path

from jobs.anomalies import MANY
from jobs.metrics import NAMES
from jobs.pings import HURRIED, MAX_TEXT_BYTES, PATIENT

TEXT = Path(__file__).parents[3].joinpath("docs/notices.md").read_text(encoding="utf-8")


def test_each_metric_is_there():
    """With a line of its own, and none that isn't in the file."""
    assert sorted(re.findall(r"^\| `(link_archiver_\w+)` \|", TEXT, re.MULTILINE)) == sorted(NAMES)


def test_its_figures_are_the_programs():
    """What it says of times and sizes is so."""
    words = " ".join(TEXT.split())
    assert (PATIENT.seconds, PATIENT.tries, HURRIED.seconds, HURRIED.tries) == (10, 3, 3, 1)
    assert "at most 10 seconds and three tries; of a run that is ended by a signal, 3" in words
    assert MAX_TEXT_BYTES == 10_000
    assert f"where {MANY} or more are usual" in words
