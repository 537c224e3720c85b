"""docs/commands.md is what the programs say of themselves."""

import importlib.util
import re
from pathlib import Path

import pytest

from jobs.cli import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate_commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_up_to_date(generator):
    """It is generated: `make docs` writes it anew."""
    assert generator.PATH.read_text(encoding="utf-8") == generator.reference()


def test_every_command_is_there_with_an_example(generator):
    """Of both programs, those that are only groups too."""
    sections = re.split(r"^## ", generator.reference(), flags=re.MULTILINE)
    told = {section.partition("\n")[0]: section for section in sections}
    names = {f"link-archiver {name}" for name in COMMANDS}
    names |= {"link-archiver", "link-refserver serve", "link-refserver populate"}
    assert names <= told.keys()
    for name in names:
        assert re.search(rf"Example:\n +{name}", told[name]), name
