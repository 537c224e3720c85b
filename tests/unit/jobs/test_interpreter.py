"""Python is told to go about its work otherwise while clicks come in, and as ever afterwards."""

import gc
import sys

import pytest

from jobs.interpreter import seldom_collecting, short_turns


def test_looks_seldom_and_not_at_what_was_there() -> None:
    """Within, the threshold is high and what was there before is set aside."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with seldom_collecting():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > frozen
        assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_all_is_as_before_whatever_happened_within() -> None:
    """An error changes nothing of that: a daemon goes on living."""
    before = gc.get_threshold()
    with pytest.raises(KeyError), seldom_collecting():
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_threads_take_turns_more_often_within() -> None:
    """And as often as before afterwards, whatever happened."""
    before, within = sys.getswitchinterval(), []
    with pytest.raises(ZeroDivisionError), short_turns():
        within.append(sys.getswitchinterval() / 0)
    with short_turns():
        within.append(sys.getswitchinterval())
    assert within == [pytest.approx(before / 5)]
    assert sys.getswitchinterval() == pytest.approx(before)
