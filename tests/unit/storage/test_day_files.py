"""The names of the JSONL store's files."""

import pytest

from storage.jsonl import day_of_path, path_of


def test_a_day_files_name_says_whose_it_is():
    """There and back."""
    path = path_of("acme", "2026-11-19")
    assert path == "clicks/acme/2026/2026-11-19.jsonl"
    assert day_of_path(path) == ("acme", "2026-11-19")


@pytest.mark.parametrize(
    "path",
    [
        "clicks/acme/2026/2026-02-30.jsonl",
        "clicks/acme/2026/2026-11-19.jsonl.torn",
        "clicks/acme/2026-11-19.jsonl",
        "clicks/acme/2026/notes.jsonl",
        "other/acme/2026/2026-11-19.jsonl",
        "clicks/a/b/2026/2026-11-19.jsonl",
        "clicks/acme/2026/\N{FULLWIDTH DIGIT TWO}026-11-19.jsonl",
    ],
)
def test_other_files_are_no_days(path):
    """Whatever they look like."""
    assert day_of_path(path) is None
