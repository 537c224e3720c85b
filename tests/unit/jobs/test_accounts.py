"""Accounts that there are, and others."""

import pytest

from archiver.errors import ConfigError
from jobs.accounts import refuse_unknown


def test_known_names_are_accepted():
    """As many as are asked for, none included."""
    refuse_unknown([], [])
    refuse_unknown(["bees", "acme"], {"acme", "bees", "wasps"})


def test_all_unknown_names_are_told_at_once():
    """Each with what there is, in order."""
    with pytest.raises(ConfigError) as told:
        refuse_unknown(["x", "acme", "y"], {"bees", "acme"})
    there = "there is no such account; there are: acme, bees"
    assert told.value.problems == (f"--account x: {there}", f"--account y: {there}")
