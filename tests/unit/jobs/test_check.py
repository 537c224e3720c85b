"""What `check` makes of a service's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from support.scripted import Reply, scripted

from archiver.config import load_config
from jobs.check import check, exit_code

EMPTY = b'{"error": 0, "total": 0, "limit": 1000, "offset": 0, "history": []}'


@pytest.fixture
def findings(tmp_path):
    """Gives the findings about one account, for a clock of this machine."""

    def look(now: datetime):
        path = tmp_path / "config.toml"
        with scripted(lambda _: Reply(EMPTY)) as address:
            path.write_text(
                '[[accounts]]\nname = "acme"\nservice = "linktrack"\nlogin = "x"\n'
                'format = "json"\ntimezone = "UTC"\npassword_env = "PASSWORD"\n'
                f'base_url = "{address}"\n'
            )
            return list(check(load_config(path), lambda _: "secret", lambda: now))

    return look


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        (timedelta(minutes=10), "600 seconds ahead of the service's: check its time"),
        (-timedelta(minutes=10), "600 seconds behind the service's: check its time"),
    ],
)
def test_a_clock_that_is_wrong(findings, skew, said) -> None:
    """It is told by how much and in which direction, and that it is to be mended here."""
    found = findings(datetime.now(UTC).replace(microsecond=0) + skew)
    [wrong] = [finding for finding in found if finding.place != "well"]
    assert wrong.place == "here"
    assert wrong.subject == "acme"
    assert any(said.replace("600", str(seconds)) in wrong.text for seconds in range(590, 611)), (
        wrong.text
    )
    assert exit_code(found) == 2


@pytest.mark.parametrize("skew", [timedelta(seconds=30), -timedelta(seconds=30)])
def test_a_clock_that_is_right_within_a_minute(findings, skew) -> None:
    """All is well."""
    found = findings(datetime.now(UTC) + skew)
    assert exit_code(found) == 0
    assert "the service's clock and this machine's agree" in [each.text for each in found]
