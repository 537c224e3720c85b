"""The defects that are made on purpose: each still has its place in the code."""

import ast
from pathlib import Path

import pytest
from mutants import mutated
from support.defects import DEFECTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_can_still_be_made(defect) -> None:
    """In exactly one place, and what comes of it is a program; its tests are there."""
    text = (ROOT / defect.path).read_text(encoding="utf-8")
    changed = mutated(defect, text)
    assert changed != text
    ast.parse(changed)
    for path in defect.tests:
        if path.startswith("tests/"):
            assert (ROOT / path).exists()


@pytest.mark.parametrize("text", ["", "here and here"])
def test_a_defect_without_its_place_is_told(text) -> None:
    """What isn't there, or is there twice, shows nothing."""
    with pytest.raises(ValueError, match=r"stands [02] times in"):
        mutated(DEFECTS[0]._replace(before="here"), text)
