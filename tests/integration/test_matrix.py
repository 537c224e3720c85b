"""Both stores, both formats and every dialect: the archive is exactly what the service has."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.archive import TestArchive
from support.matrix import Case, every_case, pairwise
from support.service import Service

from refserver.database import NewClick

DIALECTS = (
    "no-total", "no-id", "no-offset", "cap-500", "inclusive-end", "newest-first", "legacy-errors",
    "renamed",
)  # fmt: skip
FACTORS = {
    "store": ("sqlite", "jsonl"),
    "format": ("xml", "json"),
    "method": ("post", "get"),
    "pagination": ("offset", "bisect"),
    **dict.fromkeys(DIALECTS, (False, True)),
}
RENAMED = {
    "parameters": {"start": "date_from", "end": "date_to", "limit": "count", "offset": "skip"},
    "fields": {"clicked_at": "created_at", "referrer": "referer", "user_agent": "agent"},
}
NOW = datetime(2025, 11, 5, 12, tzinfo=UTC)
BUSY_SECOND = datetime(2025, 10, 18, 15, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A month of clicks with a clock change back in it, and a day of several pages."""
    made = Service(tmp_path_factory.mktemp("service") / "service.db", "America/New_York")
    made.populate(2500, datetime(2025, 10, 1, tzinfo=UTC), datetime(2025, 11, 6, tzinfo=UTC))
    burst = [NewClick(1, BUSY_SECOND, "198.51.100.7", referrer=f"r{n % 50}") for n in range(400)]
    day = [NewClick(2, BUSY_SECOND + timedelta(seconds=7 * n), "::1") for n in range(1800)]
    made.record([*burst, *day])
    yield made
    made.close()


def settings_of(case: Case) -> dict[str, object]:
    """What an account's configuration has to say for a case."""
    settings = {key: case[key] for key in ("format", "method", "pagination")}
    return {**settings, **(RENAMED if case["renamed"] else {})}


def is_possible(case: Case) -> bool:
    """A service that ignores offsets can't be paged by them."""
    return not (case["no-offset"] and case["pagination"] == "offset")


def parity(case: Case) -> int:
    """Whether an odd number of a case's other dialects is on."""
    return sum(bool(case[name]) for name in DIALECTS if name != "legacy-errors") % 2


def check(service: Service, folder: Path, case: Case) -> None:
    dialects = [dialect for dialect in DIALECTS if case[dialect]]
    settings = settings_of(case)

    def archive(name: str, url: str) -> TestArchive:
        return TestArchive(
            folder / name, url, store=str(case["store"]), timezone=service.timezone, **settings
        )

    with service.serving(dialects) as url:
        first = archive("first", url)
        report = first.run(NOW)
        assert report.outcome == "complete", report
        settled = NOW - timedelta(minutes=10)
        assert first.clicks() == service.clicks_between(NOW - timedelta(days=1), settled)

        assert first.backfill("2025-10-05", "2025-11-05", NOW).outcome == "complete"
        midnight = datetime(2025, 10, 5, 4, tzinfo=UTC)
        assert first.clicks() == service.clicks_between(midnight, settled)
        stored = first.export()

        again = (first.run(NOW), first.backfill("2025-10-05", "2025-11-05", NOW, again=True))
        assert [report.outcome for report in again] == ["complete", "complete"]
        assert [report.accounts[0].new for report in again] == [0, 0]
        assert first.export() == stored

        periods = [("2025-10-08", "2025-10-19"), ("2025-10-15", "2025-11-03")]
        one, other = archive("one", url), archive("other", url)
        for start, end in periods:
            assert one.backfill(start, end, NOW, again=True).outcome == "complete"
        for start, end in reversed(periods):
            assert other.backfill(start, end, NOW, again=True).outcome == "complete"
        assert one.export() == other.export() != b""


def case_name(case: Case) -> str:
    words = [str(value) for value in case.values() if isinstance(value, str)]
    return "-".join([*words, *(name for name in DIALECTS if case[name])])


POSSIBLE = [case for case in every_case(FACTORS) if is_possible(case)]
PAIRS = pairwise(POSSIBLE)
# What shapes a request's way or an error's form, and no answer that is archived, takes turns.
TURNS = {("post", False): 0, ("get", True): 1}
EVERY = [
    case for case in POSSIBLE if TURNS.get((case["method"], case["legacy-errors"])) == parity(case)
]


@pytest.mark.parametrize("case", PAIRS, ids=case_name)
def test_each_pair_of_settings_and_dialects_is_archived_exactly(service, tmp_path, case):
    """A day and a month are exact, again adds nothing, and overlaps agree in either order."""
    check(service, tmp_path, case)


@pytest.mark.soak
@pytest.mark.parametrize("case", EVERY, ids=case_name)
def test_each_combination_is_archived_exactly(service, tmp_path, case):
    """The same for the whole matrix."""
    check(service, tmp_path, case)
