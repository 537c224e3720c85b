"""Whatever happens, in whatever order: in the end the archive is what the service told."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from model.choices import DIALECTS
from model.machine import History
from model.upstream import Host, hosting

#: So many sequences in all, spread over the cases, in `make test` and in `make soak`.
SEQUENCES = int(os.environ.get("MODEL_SEQUENCES", "360"))
SOAK_SEQUENCES = int(os.environ.get("MODEL_SOAK_SEQUENCES", "20000"))

CASES = [(store, dialect) for store in ("sqlite", "jsonl") for dialect in (None, *DIALECTS)]
cases = pytest.mark.parametrize(("store", "dialect"), CASES, ids=lambda value: value or "plain")


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """One server for all histories; each puts its own service there."""
    with hosting() as made:
        yield made


def search(host: Host, store: str, dialect: str | None, sequences: int) -> None:
    run_state_machine_as_test(
        lambda: History(host, store, dialect),
        settings=settings(
            max_examples=sequences // len(CASES),
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )


@cases
def test_after_any_sequence_the_archive_is_exact(host, store, dialect) -> None:
    """Runs, backfills, crashes and faults between clicks that come, come late, change and go."""
    search(host, store, dialect, SEQUENCES)


@pytest.mark.soak
@cases
def test_after_any_of_very_many_sequences_the_archive_is_exact(host, store, dialect) -> None:
    """The same, some thousand times for each store and dialect."""
    search(host, store, dialect, SOAK_SEQUENCES)
