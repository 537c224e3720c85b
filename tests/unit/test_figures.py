"""What the long suites counted, as it is written into docs/reliability.md."""

import json
import re

import pytest
from figures import PAGE, ROWS, counted, written

BEGIN, END = "<!-- soak: begin -->\n", "<!-- soak: end -->"


def test_the_counts_of_all_processes_are_one() -> None:
    """A row is the sum of what belongs to it, in each process; the rest of the page stays."""
    page = written(f"Before\n{BEGIN}old\n{END}\nAfter\n", "soak", {
        "histories": 1200, "history: fault: html": 3, "history: fault: clock": 4,
        "command: kill": 5, "command: kill at any moment": 6, "clicks lost": 0,
    })  # fmt: skip
    assert page.startswith(f"Before\n{BEGIN}| what | how many |\n| --- | ---: |\n")
    assert page.endswith(f"\n{END}\nAfter\n")
    assert re.search(
        r"\n\nOf (commit [0-9a-f]{7,} of \d{4}-\d\d-\d\d|a copy without its history), on ", page
    )
    assert "old" not in page
    for row in (
        "| random histories, each exact in the end | 1,200 |",
        "| faults of the service, of the line and of clocks in them | 7 |",
        "| commands killed at each step, amid each write, at any moment | 11 |",
        "| clicks lost | 0 |",
    ):
        assert f"\n{row}\n" in page


def test_files_are_summed(tmp_path) -> None:
    """Each process of a run leaves one."""
    for name, counts in (("1", {"histories": 2}), ("2", {"histories": 3, "runs": 1})):
        (tmp_path / f"{name}.json").write_text(json.dumps(counts))
    assert counted(tmp_path) == {"histories": 5, "runs": 1}


def test_a_page_without_the_block_is_told() -> None:
    """Nothing is written where nobody looks."""
    with pytest.raises(ValueError, match="no block soak"):
        written("Nothing here", "soak", {})


@pytest.mark.parametrize("name", ROWS)
def test_the_page_has_each_block(name) -> None:
    """The long suites write into it what they counted."""
    page = written(PAGE.read_text(encoding="utf-8"), name, {})
    for told, _ in ROWS[name]:
        assert f"| {told} |" in page
