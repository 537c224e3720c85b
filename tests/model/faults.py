"""Every fault that the reference server knows, as its control API takes them."""

from hypothesis import strategies as st

from refserver.proxy import PROXY_FAULTS

_times = st.sampled_from([1, 1, 2, 3, None])


def _fault(name: str, **settings: st.SearchStrategy) -> st.SearchStrategy:
    given = {"times": _times, "skip": st.sampled_from([0, 0, 0, 1, 2, 4]), **settings}
    return st.fixed_dictionaries({"fault": st.just(name), **given})


#: The service's clock, until all is well again; in want of `seconds`.
CLOCK = {"fault": "clock", "times": None}

#: What is done to an answer. Waits are short: how long one is borne is tried elsewhere.
answers = st.one_of(
    _fault("delay", seconds=st.just(0.01)),
    _fault("too-many-requests", retry_after=st.sampled_from([None, 0, 3600])),
    _fault("server-error", status=st.sampled_from([500, 503])),
    _fault("html"),
    _fault(
        "redirect",
        location=st.just("http://127.0.0.1:1/"),
        status=st.sampled_from([301, 302, 303, 307, 308]),
    ),
    _fault("clock", seconds=st.sampled_from([-90_000, -3600, -61, 61, 3600, 90_000])),
    _fault(
        "clicks",
        link_id=st.just(1),
        count=st.integers(1, 3),
        ago=st.integers(0, 2 * 86_400),  # what the machine knows clicked_at by
        times=st.just(1),
    ),
    _fault("rename", link_id=st.just(2), title=st.sampled_from(["", "Another"])),
    _fault("wrong-total", by=st.sampled_from([-(10**6), -1, 1, 5])),
    # Once: a page that always comes again, without ids and a total, can't be told from a true one.
    _fault("repeated-page", times=st.just(1)),
    _fault("swell", megabytes=st.sampled_from([1] * 9 + [70]), times=st.just(1)),
)

#: What is done below HTTP. A line that only ever drips would be slow, and no more of a fault.
lines = st.fixed_dictionaries({"fault": st.sampled_from(PROXY_FAULTS), "times": _times}).map(
    lambda fault: {**fault, "times": 1} if fault["fault"] == "drip" else fault
)
