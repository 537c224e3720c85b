"""The period of a backfill, as typed."""

from datetime import UTC, datetime

import pytest

from archiver.config import Account
from archiver.errors import ConfigError
from archiver.model import Window
from jobs.backfill import Backfill

NOW = datetime(2026, 11, 21, 8, 15, tzinfo=UTC)


def account(timezone: str) -> Account:
    return Account(
        name="acme",
        service="linktrack",
        base_url="https://linktrack.info/api/v1_0/",
        login="acme-api",
        timezone=timezone,
        password_env="PASSWORD",
    )


def test_each_account_has_its_own_midnight() -> None:
    """A date is the account's, an offset is exact."""
    backfill = Backfill("2026-11-19", "2026-11-19T12:00:00Z")
    period = backfill.period(account("Asia/Kolkata"), NOW)
    assert period.start == datetime(2026, 11, 18, 18, 30, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 19, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("10", "2026-11-20", "--from: not a time: '10'"),
        ("2026-11-19", "", "--to: not a time: ''"),
        ("2026-11-20", "2026-11-19", "--to 2026-11-19 isn't after --from 2026-11-20; --to is out"),
        ("2026-11-20", "2026-11-20", "isn't after"),
        ("2026-11-20", "2026-11-20T04:00:00Z", "isn't after"),
        ("0226-11-20", None, "no service had links before 1991"),
        ("2026-11-22", None, "--from 2026-11-22 hasn't come yet"),
    ],
)
def test_a_period_that_is_none(start, end, said) -> None:
    """A ConfigError that says what is wrong with it, in the account's own time."""
    with pytest.raises(ConfigError) as raised:
        Backfill(start, end).period(account("America/New_York"), NOW)
    assert said in str(raised.value)


def test_without_an_end_it_is_up_to_now() -> None:
    """Whoever wants all since a day says no more than that."""
    period = Backfill("2026-11-19", None).period(account("UTC"), NOW)
    assert period == Window(datetime(2026, 11, 19, tzinfo=UTC), NOW)
