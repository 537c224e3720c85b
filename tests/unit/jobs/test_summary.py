"""What a run did for an account, in a line."""

import pytest

from archiver.model import AccountReport
from jobs.summary import done_for


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (
            AccountReport("acme", fetched=1203, new=1201, windows=2),
            "complete, 1,201 new clicks, 2 known, 2 windows",
        ),
        (
            AccountReport("acme", fetched=1, new=1, windows=1),
            "complete, 1 new click, 0 known, 1 window",
        ),
        (AccountReport("bees", totals=1201, has_clicks=False), "complete, 1,201 totals"),
        (AccountReport("bees", totals=1, has_clicks=False, errors=["no"]), "partial, 1 total"),
    ],
)
def test_a_line(report, line) -> None:
    """One is one; where the service has no log of clicks, there are totals alone."""
    assert done_for(report) == line
