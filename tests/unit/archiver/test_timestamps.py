"""Local texts to UTC and back, in zones that change at every kind of odd time."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import datetime_exists, resolve_imaginary
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from archiver import timestamps
from archiver.model import Window
from archiver.timestamps import LocalTimes, as_instant, format_utc, parse_instant, parse_utc

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
NEW_YORK = ZoneInfo("America/New_York")

# Half an hour; midnight; a day skipped, a day repeated; seconds in the offset; a winter time
# that goes back; two hours.
ODD_ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Pacific/Apia",
    "Asia/Manila",
    "Pacific/Kwajalein",
    "America/Juneau",
    "Africa/Monrovia",
    "Europe/Amsterdam",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Asia/Kathmandu",
]


@cache
def times_of(zone: str) -> LocalTimes:
    return LocalTimes(zone)


def offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).replace(tzinfo=UTC) - instant


@cache
def changes(zone_name: str) -> list[tuple[datetime, timedelta, timedelta]]:
    """Every change of the zone's clock between 1840 and 2040: when, offset before, after."""
    zone, step = ZoneInfo(zone_name), timedelta(days=3)
    found = []
    early = datetime(1840, 1, 1, tzinfo=UTC)
    while early.year < 2040:
        old, new = offset(early, zone), offset(early + step, zone)
        low, high = early, early + step
        while old != new and high - low > SECOND:
            middle = low + (high - low) // SECOND // 2 * SECOND
            low, high = (middle, high) if offset(middle, zone) == old else (low, middle)
        if old != new:
            found.append((high, old, new))
        early += step
    return found or [(datetime(2026, 3, 8, 7, tzinfo=UTC), timedelta(), timedelta())]


def slowly(text: str, zone: ZoneInfo) -> datetime:
    """What `to_utc` should give, the straightforward way."""
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    if not datetime_exists(local):
        local = resolve_imaginary(local)
    return local.astimezone(UTC)


def wall(local: datetime) -> str:
    return local.replace(tzinfo=None).isoformat(" ", "seconds")


def window(start: str, end: str) -> Window:
    return Window(parse_utc(start), parse_utc(end))


near = st.sampled_from([0, 1, -1, 60, -60, 1800, 3600, -3600, 7200, 86400, -86400]) | st.integers(
    -10_000, 10_000
)
far = st.integers(-200_000, 200_000)


@st.composite
def moments(draw):
    """A zone, one of its changes, and three numbers of seconds about it."""
    zone = draw(st.sampled_from(ODD_ZONES))
    return zone, draw(st.sampled_from(changes(zone))), *(draw(near | far) for _ in range(3))


class TestUtcText:
    """`format_utc` and `parse_utc`."""

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_what_is_written_is_read(self, instant):
        """The text is 20 characters for every year, and gives back the whole second."""
        text = format_utc(instant)
        assert len(text) == 20
        assert parse_utc(text) == instant.replace(microsecond=0)

    def test_the_form(self):
        """Years are padded, other zones are turned into UTC."""
        assert format_utc(datetime(33, 4, 3, 15, tzinfo=UTC)) == "0033-04-03T15:00:00Z"
        winter = datetime(2026, 11, 19, 3, 15, 30, tzinfo=NEW_YORK)
        assert format_utc(winter) == "2026-11-19T08:15:30Z"

    def test_a_naive_time_is_no_instant(self):
        """A datetime without a zone is refused, and not read as the machine's local time."""
        with pytest.raises(ValueError, match="without a zone"):
            format_utc(datetime(2026, 11, 19))  # noqa: DTZ001

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "2026-11-19T08:15:30",
            "2026-11-19 08:15:30Z",
            "2026-11-19T08:15:30+00:00",
            "2026-11-19T08:15:30Z\n",
            "2026-11-19T08:15:60Z",
            "2026-11-19T24:00:00Z",
            "2026-02-30T08:15:30Z",
            "2026-11-19T08:15:30.5Z",
            "2026-11-19T08:15:3\uff10Z",
        ],
    )
    def test_nothing_else_is_read(self, text):
        """Any other spelling is refused."""
        with pytest.raises(ValueError, match=r"2026|day is out of range"):
            parse_utc(text or "2026")


class TestToUtc:
    """The service's text to UTC."""

    @settings(deadline=None, max_examples=300)
    @given(moments())
    def test_it_is_the_slow_way_near_changes(self, moment):
        """Near every change the first and the second call agree with dateutil's rules."""
        zone, (at, old, _), seconds, *_ = moment
        text = wall(at + old + seconds * SECOND)
        expected = format_utc(slowly(text, ZoneInfo(zone)))
        assert times_of(zone).to_utc(text) == expected
        assert times_of(zone).to_utc(text) == expected

    @settings(deadline=None, max_examples=300)
    @given(moments())
    def test_a_remembered_hour_is_right_for_all_its_seconds(self, moment):
        """Whichever second of an hour comes first, the others are still right."""
        zone, (at, old, _), seconds, *_ = moment
        first = at + old + seconds * SECOND
        times = LocalTimes(zone)
        times.to_utc(wall(first))
        for second in [*range(0, 60, 7), *range(60, 3600, 97)]:
            text = wall(first.replace(minute=second // 60, second=second % 60))
            assert times.to_utc(text) == format_utc(slowly(text, ZoneInfo(zone)))

    def test_the_zone_is_asked_once_an_hour(self, monkeypatch):
        """A busy log has clicks in each minute: none of the others is converted by rules."""
        times = LocalTimes("Asia/Kathmandu")
        assert times.to_utc("2026-11-19 03:15:30") == "2026-11-18T21:30:30Z"
        monkeypatch.delattr(times, "zone")
        assert times.to_utc("2026-11-19 03:00:00") == "2026-11-18T21:15:00Z"
        assert times.to_utc("2026-11-19 03:59:59") == "2026-11-18T22:14:59Z"

    @pytest.mark.parametrize("text", ["0002-01-01 05:{}:00", "9999-01-01 05:{}:00"])
    def test_minutes_at_the_calendars_ends_are_not_kept(self, text):
        """An hour there may have minutes that stand for a time and others that don't."""
        times = LocalTimes("Asia/Kolkata")
        outcomes = []
        for minute in ("45", "15", "45", "15"):
            try:
                outcomes.append(times.to_utc(text.format(minute)))
            except ValueError:
                outcomes.append("refused")
        assert outcomes[:2] == outcomes[2:]
        assert "refused" in outcomes

    @settings(deadline=None, max_examples=300)
    @given(
        st.sampled_from(sorted(available_timezones())),
        st.datetimes(datetime(2, 1, 3), datetime(9998, 1, 1)),  # noqa: DTZ001
    )
    def test_it_is_the_slow_way_in_every_zone(self, zone, local):
        """In any zone, in any year, the answer is dateutil's."""
        text = wall(local)
        assert times_of(zone).to_utc(text) == format_utc(slowly(text, ZoneInfo(zone)))

    @pytest.mark.parametrize(
        ("zone", "text", "expected"),
        [
            ("America/New_York", "2026-11-19 03:15:30", "2026-11-19T08:15:30Z"),
            ("America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"),  # the first
            ("America/New_York", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"),
            ("America/New_York", "2026-03-08 02:10:00", "2026-03-08T07:10:00Z"),  # imaginary
            ("America/New_York", "2026-03-08 03:10:00", "2026-03-08T07:10:00Z"),
            ("Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"),
            ("Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03T15:45:00Z"),
            ("America/Havana", "2026-03-08 00:30:00", "2026-03-08T05:30:00Z"),
            ("America/Havana", "2026-11-01 00:30:00", "2026-11-01T04:30:00Z"),
            ("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T22:00:00Z"),
            ("Africa/Monrovia", "1971-06-01 00:00:00", "1971-06-01T00:44:30Z"),
        ],
    )
    def test_named_examples(self, zone, text, expected):
        """Ambiguous is the first of the two, imaginary is as if the clock had not changed."""
        assert LocalTimes(zone).to_utc(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-19T03:15:30",
            "2026-11-19 03:15:30.999999999",
            "2026-11-19T08:15:30Z",
            "2026-11-19 08:15:30.5Z",
            "2026-11-19T13:45:30+05:30",
            "2026-11-19T03:15:30-05:00",
        ],
    )
    def test_other_spellings(self, text):
        """A T, a fraction (dropped), Z and an offset (exact) are understood, before and after."""
        times = LocalTimes("America/New_York")
        assert times.to_utc(text) == "2026-11-19T08:15:30Z"
        times.to_utc("2026-11-19 03:15:30")
        assert times.to_utc(text) == "2026-11-19T08:15:30Z"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "10",
            "2026-11-19",
            "2026-11-19 03:15",
            "2026-11-19 03:15:60",
            "2026-11-19 03:15:3",
            "2026-11-19 03:15:300",
            "2026-11-19 03:15:30.\uff15",
            "2026-11-19 24:00:00",
            "2026-13-19 03:15:30",
            "2026-02-29 03:15:30",
            "0000-01-01 00:00:00",
            "2026-11-19 03:15:3\uff10",
            "\uff12026-11-19 03:15:30",
            "2026-11-19 03:15:30\n",
            " 2026-11-19 03:15:30",
            "2026-11-19 03:15:30 ",
            "2026-11-19 03:15:30z",
            "2026-11-19 03:15:30.",
            "2026-11-19 03:15:30+0500",
            "2026-11-19 03:15:30+24:00",
            "2026-11-19 03:15:30+05:60",
            "2026-W47-4 03:15:30",
        ],
    )
    def test_what_is_no_time_is_refused(self, text):
        """Also when its minute is remembered."""
        times = LocalTimes("America/New_York")
        times.to_utc("2026-11-19 03:15:30")
        with pytest.raises(ValueError, match="not a time"):
            times.to_utc(text)

    @pytest.mark.parametrize("text", ["192.0.2.17", "2026-11-19 03:15:30" + "x" * 9, "x" * 999])
    def test_what_is_no_time_is_not_quoted(self, text):
        """It could be anything, such as what isn't to be told."""
        with pytest.raises(ValueError, match="not a time such as") as error:
            LocalTimes("UTC").to_utc(text)
        assert str(error.value) == "not a time such as 2026-11-19 08:15:30"

    @pytest.mark.parametrize(
        ("zone", "text"),
        [
            ("Asia/Tokyo", "0001-01-01 00:00:00"),
            ("America/New_York", "9999-12-31 23:59:59"),
            ("UTC", "0001-01-01T00:00:00+23:59"),
            ("UTC", "9999-12-31T23:59:59-00:01"),
        ],
    )
    def test_off_the_calendar(self, zone, text):
        """What isn't between the years 1 and 9999 in UTC is a ValueError, never an overflow."""
        with pytest.raises(ValueError, match="not a time on the calendar"):
            LocalTimes(zone).to_utc(text)

    @pytest.mark.parametrize(
        ("text", "refused"),
        [
            ("0001-01-01 00:00:00", True),
            ("0001-12-31 23:59:59", True),
            ("0002-01-01 00:00:00", False),
            ("9998-12-31 23:59:59", False),
            ("9999-01-01 00:00:00", True),
            ("9999-12-31 23:59:59", True),
        ],
    )
    def test_the_calendars_ends_are_no_times(self, text, refused):
        """Programs write them for no time at all."""
        if refused:
            with pytest.raises(ValueError, match="a time in the calendar's first or last year"):
                LocalTimes("UTC").to_utc(text)
        else:
            assert LocalTimes("UTC").to_utc(text)[:19] == text.replace(" ", "T")

    @settings(deadline=None)
    @given(st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z"))
    def test_any_text_is_a_time_or_a_value_error(self, text):
        """No text makes it raise anything but ValueError or write anything but UTC."""
        try:
            converted = times_of("Europe/Amsterdam").to_utc(text)
        except ValueError:
            return
        assert format_utc(parse_utc(converted)) == converted

    def test_memory_is_bounded(self, monkeypatch):
        """Years of clicks don't fill the memory with minutes."""
        monkeypatch.setattr(timestamps, "_MINUTES_KEPT", 150)
        times = LocalTimes("UTC")
        for hour in range(24):
            assert times.to_utc(f"2026-11-19 {hour:02}:08:30") == f"2026-11-19T{hour:02}:08:30Z"
            assert 0 < len(times._minutes) <= 150

    @pytest.mark.parametrize("name", ["", "Mars/Olympus", "America", "../etc/passwd", "a\0b"])
    def test_an_unknown_zone_is_named(self, name):
        """An unknown zone is a ValueError that names it."""
        with pytest.raises(ValueError, match="unknown time zone") as error:
            LocalTimes(name)
        assert repr(name) in str(error.value)


class TestBounds:
    """What a service that compares local text is asked."""

    @settings(deadline=None, max_examples=1000)
    @given(moments(), st.integers(1, 5_000) | st.integers(1, 250_000))
    def test_every_text_of_the_window_is_asked_for(self, moment, length):
        """A text whose instant is in the window is within; outside imaginary times, no other."""
        zone, (at, old, new), begins, seconds, _ = moment
        asked = Window(at + begins * SECOND, at + (begins + length) * SECOND)
        text = wall(at + old + seconds * SECOND)
        start, end = times_of(zone).bounds(asked)
        belongs = asked.start <= slowly(text, ZoneInfo(zone)) < asked.end
        if any(at < edge < at + (new - old) for edge in (asked.start, asked.end)):
            assert start <= text < end or not belongs
        else:
            assert (start <= text < end) == belongs

    @settings(deadline=None, max_examples=300)
    @given(moments(), st.booleans(), st.sampled_from([-1, 0]), st.integers(1, 250_000))
    def test_the_texts_at_the_windows_ends(self, moment, at_end, step, length):
        """The last text before and the first text at each end are on the right side of it."""
        zone, (at, old, new), begins, *_ = moment
        asked = Window(at + begins * SECOND, at + (begins + length) * SECOND)
        edge = (asked.end if at_end else asked.start) + step * SECOND
        start, end = times_of(zone).bounds(asked)
        for ahead in (old, new):
            text = wall(edge + ahead)
            if asked.start <= slowly(text, ZoneInfo(zone)) < asked.end:
                assert start <= text < end

    @settings(deadline=None, max_examples=300)
    @given(moments())
    def test_windows_that_touch_share_no_text(self, moment):
        """One window's end is the next one's start, but for imaginary times."""
        zone, (at, old, new), *seconds = moment
        one, two, three = sorted(at + n * SECOND for n in seconds)
        assume(one < two < three and not at <= two < at + (new - old))
        before, after = (
            times_of(zone).bounds(Window(*ends)) for ends in ((one, two), (two, three))
        )
        assert before[1] <= after[0] or after[0] == after[1] or before[0] == before[1]

    @pytest.mark.parametrize(
        ("zone", "asked", "expected"),
        [
            # An ordinary hour.
            (
                "America/New_York",
                ("2026-11-19T08:00:00Z", "2026-11-19T09:00:00Z"),
                ("2026-11-19 03:00:00", "2026-11-19 04:00:00"),
            ),
            # From the middle of the first pass to that of the second.
            (
                "America/New_York",
                ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
                ("2026-11-01 01:30:00", "2026-11-01 02:00:00"),
            ),
            # Wholly in the second pass: nothing.
            (
                "America/New_York",
                ("2026-11-01T06:10:00Z", "2026-11-01T06:50:00Z"),
                ("2026-11-01 02:00:00", "2026-11-01 02:00:00"),
            ),
            # Up to the skipped hour, into it, from it.
            (
                "America/New_York",
                ("2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z"),
                ("2026-03-08 01:00:00", "2026-03-08 02:00:00"),
            ),
            (
                "America/New_York",
                ("2026-03-08T06:00:00Z", "2026-03-08T07:10:00Z"),
                ("2026-03-08 01:00:00", "2026-03-08 03:10:00"),
            ),
            (
                "America/New_York",
                ("2026-03-08T07:10:00Z", "2026-03-08T09:00:00Z"),
                ("2026-03-08 02:10:00", "2026-03-08 05:00:00"),
            ),
            # Half an hour.
            (
                "Australia/Lord_Howe",
                ("2026-04-04T14:40:00Z", "2026-04-04T15:10:00Z"),
                ("2026-04-05 01:40:00", "2026-04-05 02:00:00"),
            ),
            # Midnight itself is skipped, or comes twice.
            (
                "America/Havana",
                ("2026-03-08T05:10:00Z", "2026-03-08T06:00:00Z"),
                ("2026-03-08 00:10:00", "2026-03-08 02:00:00"),
            ),
            (
                "America/Havana",
                ("2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"),
                ("2026-11-01 00:30:00", "2026-11-01 01:00:00"),
            ),
            # A whole day is skipped.
            (
                "Pacific/Apia",
                ("2011-12-30T09:00:00Z", "2011-12-30T10:00:00Z"),
                ("2011-12-29 23:00:00", "2011-12-30 00:00:00"),
            ),
            (
                "Pacific/Apia",
                ("2011-12-30T11:00:00Z", "2011-12-30T12:00:00Z"),
                ("2011-12-30 01:00:00", "2011-12-31 02:00:00"),
            ),
        ],
    )
    def test_named_examples(self, zone, asked, expected):
        """The bounds of windows about the well-known changes."""
        assert LocalTimes(zone).bounds(window(*asked)) == expected

    def test_the_calendars_ends(self):
        """The first year is asked for where it exists, and named where it doesn't."""
        first = window("0001-01-01T00:00:00Z", "0001-01-01T12:00:00Z")
        last = window("9999-12-31T12:00:00Z", "9999-12-31T23:59:59Z")
        assert LocalTimes("UTC").bounds(first)[0] == "0001-01-01 00:00:00"
        assert LocalTimes("UTC").bounds(last)[1] == "9999-12-31 23:59:59"
        with pytest.raises(ValueError, match="leaves the calendar in America/New_York"):
            LocalTimes("America/New_York").bounds(first)
        with pytest.raises(ValueError, match="leaves the calendar in Asia/Tokyo"):
            LocalTimes("Asia/Tokyo").bounds(last)


class TestRepeatedHour:
    """`repeated_hour_start`."""

    @settings(deadline=None, max_examples=300)
    @given(moments())
    @example(("America/New_York", (datetime(2026, 11, 1, 6, tzinfo=UTC), -4 * HOUR, -5 * HOUR), 0))
    def test_it_begins_where_the_first_pass_does(self, moment):
        """An instant from one pass before the change to one after gives the first pass's start."""
        zone, (at, old, new), seconds, *_ = moment
        instant = at + seconds * SECOND
        repeated = max(old - new, timedelta())
        expected = at - repeated if at - repeated <= instant < at + repeated else None
        assert times_of(zone).repeated_hour_start(instant) == expected

    def test_a_fraction_of_a_second_changes_nothing(self):
        """The start is on a whole second, up to the last microsecond of the second pass."""
        instant = datetime(2026, 11, 1, 6, 59, 59, 999_999, tzinfo=UTC)
        start = LocalTimes("America/New_York").repeated_hour_start(instant)
        assert start == datetime(2026, 11, 1, 5, tzinfo=UTC)

    def test_the_calendars_ends_are_in_no_repeated_hour(self):
        """The first and the last instant raise nothing."""
        for instant in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            assert LocalTimes("America/New_York").repeated_hour_start(instant) is None


class TestParseInstant:
    """What people type, and what TOML makes of it."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-11-19", "2026-11-19T05:00:00Z"),
            ("2026-07-01", "2026-07-01T04:00:00Z"),
            ("2026-11-19T03:15:30", "2026-11-19T08:15:30Z"),
            ("2026-11-19 03:15", "2026-11-19T08:15:00Z"),
            ("2026-11-19T08:15:30Z", "2026-11-19T08:15:30Z"),
            ("2026-11-19T09:15+01:00", "2026-11-19T08:15:00Z"),
            ("2026-11-19T09:15:30+0100", "2026-11-19T08:15:30Z"),
            ("2026-11-01T01:30", "2026-11-01T05:30:00Z"),
            ("2026-11-01T01:30-05:00", "2026-11-01T06:30:00Z"),
            ("2026-03-08T02:10", "2026-03-08T07:10:00Z"),
        ],
    )
    def test_what_is_accepted(self, text, expected):
        """With an offset it is exact, without the zone's clock, and a date is its midnight."""
        instant = parse_instant(text, NEW_YORK)
        assert format_utc(instant) == expected
        assert instant.tzinfo is UTC
        assert as_instant(text, NEW_YORK) == instant

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "10",
            "yesterday",
            "20261119",
            "2026-11",
            "2026-13-01",
            "2026-02-30",
            "0000-01-01",
            "2026-11-19T24:00",
            "2026-11-19T03",
            "2026-11-19T03:15:60",
            "2026-11-19T03:15:30.5",
            "2026-11-19Z",
            "2026-11-19T03:15:30+0199",
            "2026-11-19T03:15:30+9900",
            "2026-W47-4",
            "2026-323",
            "2026-11-1\uff19",
            "2026-11-19\n",
            "19.11.2026",
            "9999-12-31T23:00:00-05:00",
            "2026-11-19" + "x" * 1000,
        ],
    )
    def test_what_is_refused(self, text):
        """Anything else is a short error that says what is accepted."""
        with pytest.raises(ValueError, match="write 2026-11-19") as error:
            parse_instant(text, NEW_YORK)
        assert repr(text[:80]) in str(error.value)
        assert len(str(error.value)) < 300

    def test_what_toml_gives(self):
        """A date is its midnight, a naive datetime the zone's clock, an aware one exact."""
        assert as_instant(date(2026, 11, 19), NEW_YORK) == parse_utc("2026-11-19T05:00:00Z")
        naive = datetime(2026, 11, 1, 1, 30, fold=1)  # noqa: DTZ001
        assert as_instant(naive, NEW_YORK) == parse_utc("2026-11-01T05:30:00Z")
        aware = datetime(2026, 11, 19, 8, tzinfo=UTC)
        assert as_instant(aware, NEW_YORK) == aware

    def test_a_fraction_of_a_second_is_refused_in_toml_too(self):
        """Windows begin on whole seconds, whichever way the time was written."""
        with pytest.raises(ValueError, match="whole seconds"):
            as_instant(datetime(2026, 11, 19, 8, 0, 0, 1, tzinfo=UTC), NEW_YORK)

    def test_a_date_off_the_calendar_is_refused(self):
        """Midnight in the east of the year 1 is no instant, and no overflow."""
        with pytest.raises(ValueError, match="outside the years"):
            as_instant(date(1, 1, 1), ZoneInfo("Asia/Tokyo"))
