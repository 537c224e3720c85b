"""What is said can be done about differences."""

import pytest

from jobs.cli.verify_text import remedies
from jobs.verdict import Verdict
from storage.verification.base import Difference

DAY = "2025-09-02"


def told(*differences: tuple[str | None, str | None, str]) -> list[str]:
    """What is told where `acme` alone is configured."""
    found = [Difference(account, day, what, 0, 1) for account, day, what in differences]
    return list(remedies(Verdict(differences=found), ["acme"]))


def test_a_damaged_day_is_repaired_where_that_can_be_done():
    """An account that isn't configured is named once, and how to come to a repair."""
    repair, unknown = told(
        ("acme", DAY, "clicks"), ("acme", DAY, "digest"), ("bees", DAY, "clicks"),
        ("bees", "2025-09-03", "bytes"),
    )  # fmt: skip
    assert repair == f"to mend it: link-archiver repair --account acme --day {DAY}"
    assert unknown.startswith("bees isn't configured: to repair its days, put its section back")


def test_a_day_that_is_none_can_not_be_repaired():
    """A time that another program wrote may begin with one."""
    [said] = told(("acme", "2025-09-99", "unreadable"))
    assert said.startswith("2025-09-99 is no day: what is stored of it for acme is another")


def test_a_name_of_another_program_cannot_write_to_the_terminal():
    """Whatever stands in the database."""
    [said] = told(("\x1b[2J", DAY, "clicks"))
    assert said.startswith("\\x1b[2J isn't configured")


@pytest.mark.parametrize(
    ("day", "what", "said"),
    [
        (DAY, "coverage", "coverage that overlaps is mended by the next run of its account"),
        (None, "coverage", "coverage that is no window can't be mended: put archive.db back"),
        (None, "revisions", "revisions of no day are another program's: delete them"),
        (None, "rejected", "another program changed records that can't be understood"),
        (None, "trigger", "another program has put a trigger on a table"),
    ],
)
def test_a_remedy_is_told_once(day, what, said):
    """Each kind of difference has its own; what can't be read isn't mended by a run."""
    [remedy] = told(("acme", day, what), ("acme", day, what))
    assert remedy.startswith(said)
