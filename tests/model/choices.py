"""What a history is made of: strategies of clicks, times, changes, and ways for a run to go."""

from datetime import timedelta
from typing import NamedTuple

from hypothesis import strategies as st
from model import faults
from model.upstream import LINKS
from support.steps import ENDS, FAILURES, Fault, Kind

#: Zones, and an instant about which their clocks change, if they do: back an hour, forth, back
#: half an hour, at midnight, never.
ZONES = {
    "UTC": "2025-09-03T00:00:00Z",
    "America/New_York": "2025-11-02T06:00:00Z",
    "Europe/Zurich": "2025-03-30T01:00:00Z",
    "Australia/Lord_Howe": "2025-04-05T15:00:00Z",
    "Africa/Cairo": "2024-10-31T21:00:00Z",
    "Asia/Kathmandu": "2025-06-01T18:15:00Z",
}
DIALECTS = (
    "no-total", "no-id", "no-offset", "cap-500", "inclusive-end", "newest-first", "legacy-errors",
    "renamed",
)  # fmt: skip
RENAMED = {
    "parameters": {"start": "date_from", "end": "date_to", "limit": "count", "offset": "skip"},
    "fields": {"clicked_at": "created_at", "referrer": "referer", "user_agent": "agent"},
}

agos = st.one_of(
    st.integers(0, 900),
    st.sampled_from([0, 1, 600, 601, 1800, 3599, 3600, 5400, 7200, 43_200, 86_399, 86_400]),
    st.integers(0, 4 * 86_400),
).map(lambda seconds: timedelta(seconds=seconds))
waits = st.one_of(st.integers(0, 7200), st.integers(1, 150_000))
clicks = st.builds(
    lambda *values: values,
    st.integers(1, LINKS),
    st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    st.sampled_from(["", "DE", "FR"]),
    st.sampled_from(["", "https://news.example/ü?a=1&b=<2>"]),
    st.sampled_from(["", "Mozilla/5.0 \u2028 (X)"]),
    st.booleans(),
    st.sampled_from(["", "9.50"]),
)
groups = st.one_of(
    st.tuples(agos, clicks, st.integers(1, 4), st.just(0)),
    st.tuples(agos, clicks, st.integers(3, 20), st.sampled_from([0, 1, 61])),
)
#: What becomes of a click or link that is there: which, and for some to what.
changes = st.tuples(
    st.sampled_from(["again", "again", "rename", "convert", "vanish", "restore"]),
    st.integers(0, 1000),
    st.sampled_from(["", "1.50", "Ünï 🏆"]),
)


class Trouble(NamedTuple):
    """A step of a run that goes wrong: how, how far on its way, and among which of its steps."""

    kind: Kind
    percent: int
    among: str

    def fault(self, store: str, usual_steps: int) -> Fault:
        """The fault, for a run that usually takes so many steps; of a kind, a few at most."""
        if store == "sqlite" and self.among in {"write", "fsync", "create"}:
            return Fault(self.kind, 1 + self.percent * usual_steps // 100)
        number = 4 if self.among else usual_steps
        return Fault(self.kind, 1 + self.percent * number // 100, self.among)


_among = st.sampled_from(["", "", "write", "write", "fsync", "create", "INSERT INTO CO", "COMMIT"])
deaths, failures = (
    st.builds(Trouble, st.sampled_from(kinds), st.integers(0, 99), _among)
    for kinds in (ENDS, FAILURES)
)


class WrongClock(NamedTuple):
    """So many days the machine's clock is off in a run, and maybe the service's as well."""

    days: int
    both: bool


clocks = st.builds(WrongClock, st.sampled_from([-30, -3, 5, 40]), st.booleans())
#: What goes wrong with a run: nothing, one of its steps, some answers, the line, or a clock.
ways = st.one_of(
    st.none(),
    deaths,
    deaths,
    failures,
    st.lists(faults.answers, min_size=1, max_size=2),
    faults.lines,
    clocks,
)
