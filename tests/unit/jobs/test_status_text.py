"""`status` for people: what its JSON doesn't say."""

from jobs.cli.status_text import as_text

DAYS = [f"2026-11-{day}T00:00:00Z" for day in range(10, 20)]
NOTHING = {
    "name": "acme", "service": "linktrack", "clicks": 0, "links": 0, "first_click": None,
    "last_click": None, "behind_seconds": None, "last_success": None, "last_run": None,
}  # fmt: skip


def days(*pairs: tuple[int, int]) -> list[dict[str, str]]:
    return [{"start": DAYS[start], "end": DAYS[end]} for start, end in pairs]


def lines(covered: list[dict[str, str]], gaps: list[dict[str, str]]) -> list[str]:
    """The lines on time that nobody asked for."""
    account = {**NOTHING, "covered": covered, "gaps": gaps}
    text = as_text({"archive": {"directory": "a", "store": "sqlite"}, "accounts": [account]}, {})
    return [line for line in text.splitlines() if line.startswith("  unasked ")]


def test_an_account_without_a_log_of_clicks() -> None:
    """Its links are told, and no clicks, nor what of them is covered or missing."""
    account = {**NOTHING, "service": "linkbee", "links": 1200, "covered": [], "gaps": []}
    text = as_text({"archive": {"directory": "a", "store": "sqlite"}, "accounts": [account]}, {})
    assert text.splitlines()[2:] == [
        "acme (linkbee)",
        "  links     1,200, with their totals; there is no log of clicks",
        "  last run  none yet: link-archiver run",
    ]


def test_clicks_that_the_service_has_lost_are_told() -> None:
    """Each time, for the run that found them tells of them once."""
    account = {**NOTHING, "clicks": 3000, "covered": [], "gaps": []}
    archive = {"directory": "a", "store": "sqlite"}
    text = as_text({"archive": archive, "accounts": [account]}, {"acme": 1200})
    assert "  vanished  1,200 of them from the service; here they stay" in text.splitlines()
    assert "vanished" not in as_text({"archive": archive, "accounts": [account]}, {})


def test_a_hole_that_no_run_fills_is_shown_with_its_remedy() -> None:
    """Between two backfills there is time that nobody has asked for."""
    assert lines(days((0, 1), (3, 5)), []) == [
        (
            f"  unasked   {DAYS[1]} to {DAYS[3]}: runs don't fill this; link-archiver backfill "
            f"--from {DAYS[1]} --to {DAYS[3]}"
        )
    ]


def test_a_gap_that_the_next_run_fills_is_no_such_hole() -> None:
    """It is among the gaps; of several holes each is looked at by itself."""
    covered = days((0, 1), (3, 4), (6, 7))
    assert lines(covered, days((1, 3), (4, 6))) == []
    [line] = lines(covered, days((4, 6)))
    assert f"--from {DAYS[1]} --to {DAYS[3]}" in line
    assert lines([], []) == lines(days((0, 9)), []) == []
