"""Figures of the ledger with what a run reports."""

from datetime import UTC, datetime, timedelta

import pytest

from archiver.model import AccountReport, RunReport
from jobs.figures import Figures, with_report

BEGAN = datetime(2026, 11, 19, 3, 15, 0, 700_000, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=9)
SECOND = BEGAN.replace(microsecond=0).timestamp()
REPORT = RunReport(
    [AccountReport("acme", fetched=5, new=3, totals=2, warnings=["w"], errors=["a", "b"])]
)
REPORTED = {"fetched": 5, "new": 3, "duplicates": 2, "totals": 2, "warnings": 1, "errors": 2}


def test_an_account_that_took_no_part():
    """Its figures are the ledger's; and so are all without a report."""
    figures = Figures("bees", archived_clicks=7, outcome="complete")
    assert with_report(figures, REPORT, BEGAN, ENDED) == figures
    assert with_report(figures, None, BEGAN, ENDED) == figures


@pytest.mark.parametrize("kept", [None, SECOND - 86_400])
def test_a_run_that_the_ledger_does_not_know(kept):
    """Its beginning and length are the whole run's, not those of the run before."""
    figures = Figures("acme", 7, last_run=kept, last_run_seconds=kept and 600, outcome="complete")
    found = with_report(figures, REPORT, BEGAN, ENDED)
    assert found == Figures(
        "acme", 7, last_run=SECOND, last_run_seconds=pytest.approx(9.7), outcome="partial",
        **REPORTED,
    )  # fmt: skip


def test_a_run_that_the_ledger_knows():
    """Its own turn began and ended when the ledger says; what was done is the report's."""
    figures = Figures("acme", last_run=SECOND, last_run_seconds=4, outcome=None)
    found = with_report(figures, REPORT, BEGAN, ENDED)
    assert found == Figures(
        "acme", last_run=SECOND, last_run_seconds=4, outcome="partial", **REPORTED
    )


def test_a_turn_whose_end_the_ledger_could_not_keep():
    """It ended with the run, and not before it began, whatever the clock says."""
    figures = Figures("acme", last_run=SECOND, outcome="interrupted")
    assert with_report(figures, REPORT, BEGAN, ENDED).last_run_seconds == pytest.approx(9.7)
    earlier = BEGAN - timedelta(days=1)
    assert with_report(figures, REPORT, BEGAN, earlier).last_run_seconds == 0
