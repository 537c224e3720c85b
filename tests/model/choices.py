"""What a history is made of: strategies of clicks, times, changes, and ways for a run to go."""

from datetime import timedelta

from hypothesis import strategies as st
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
#: So long ago the first of so many alike, and so many seconds from one to the next.
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
#: The steps that make clicks count. (The first run takes some 65 in all, any other some 15, and
#: twelve for each day.)
_WEIGHTY = ("write", "fsync", "create", "INSERT INTO CLICKS", "INSERT INTO COVERAGE", "COMMIT")


def _faults(kinds: tuple[Kind, ...]) -> st.SearchStrategy[Fault]:
    whole = [kind for kind in kinds if kind not in {"torn", "short"}]
    return st.one_of(
        st.builds(Fault, st.sampled_from(whole), st.integers(1, 70)),
        st.builds(Fault, st.sampled_from(whole), st.integers(1, 6), st.sampled_from(_WEIGHTY)),
        # Half a write needs a write; where SQLite does the writing, it is a whole fault.
        st.builds(
            Fault, st.sampled_from(kinds), st.integers(1, 4), st.sampled_from(_WEIGHTY[::3])
        ),
    )


ways = st.one_of(st.none(), _faults(ENDS), _faults(FAILURES))
#: How many days the machine's clock is off in a run, and whether the service's is as well.
clocks = st.tuples(st.sampled_from([-30, -3, 5, 40]), st.booleans())
