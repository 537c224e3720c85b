"""From when on a run wants clicks."""

from datetime import UTC, date, datetime, timedelta

import pytest

from archiver.config import Account
from jobs.daily import wanted_start

FIRST_RUN = datetime(2026, 11, 19, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "first_run_at", "start"),
    [
        (None, None, None),
        (None, FIRST_RUN, FIRST_RUN - timedelta(hours=24)),
        (date(2026, 1, 1), None, datetime(2026, 1, 1, 5, tzinfo=UTC)),
        (date(2026, 1, 1), FIRST_RUN, datetime(2026, 1, 1, 5, tzinfo=UTC)),
        ("2027-01-01T00:00:00Z", FIRST_RUN, datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_since_counts_or_a_day_before_the_first_run(since, first_run_at, start) -> None:
    """`since` is in the account's zone; before a first run nothing is known."""
    account = Account(
        name="acme",
        service="linktrack",
        base_url="https://linktrack.info/api/v1_0/",
        login="acme-api",
        timezone="America/New_York",
        password_env="PASSWORD",
        since=since,
    )
    assert wanted_start(account, first_run_at) == start
