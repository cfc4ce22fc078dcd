"""When a suite's schedule strikes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_operator.planning.schedules import ScheduleError, read_schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 3 * * *", "2026-01-31T02:59:59", "2026-01-31T03:00"),
        ("0 3 * * *", "2026-01-31T03:00:00", "2026-02-01T03:00"),
        ("@hourly", "2026-01-31T23:10", "2026-02-01T00:00"),
        ("@daily", "2026-12-31T12:00", "2027-01-01T00:00"),
        ("@weekly", "2026-01-28T00:00", "2026-02-01T00:00"),
        ("@monthly", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("*/15 8-18 * * mon-fri", "2026-01-30T18:45", "2026-02-02T08:00"),
        ("30 1,13 * * *", "2026-01-30T01:30", "2026-01-30T13:30"),
        ("0 0 29 2 *", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("0 0 * * 7", "2026-01-28T00:00", "2026-02-01T00:00"),
        ("0 0 1 JAN *", "2026-01-28T00:00", "2027-01-01T00:00"),
        ("5/20 0 * * *", "2026-01-28T00:05", "2026-01-28T00:25"),
        # Both days restricted: either is enough, as in cron.
        ("0 0 13 * fri", "2026-01-10T00:00", "2026-01-13T00:00"),
        ("0 0 13 * fri", "2026-01-13T00:00", "2026-01-16T00:00"),
        # A step over every day restricts nothing else.
        ("0 0 */2 * mon", "2026-01-01T00:00", "2026-01-05T00:00"),
    ],
)
def test_a_schedule_strikes_next(schedule: str, after: str, expected: str) -> None:
    assert read_schedule(schedule).next_after(at(after)) == at(expected)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 3 * *", "expected five fields"),
        ("@yearly", "expected five fields"),
        ("60 3 * * *", "the minute goes from 0 to 59, found 60"),
        ("0 24 * * *", "the hour goes from 0 to 23"),
        ("0 0 0 * *", "the day of the month goes from 1 to 31"),
        ("0 0 * 13 *", "the month goes from 1 to 12"),
        ("0 0 * * 8", "the day of the week goes from 0 to 7"),
        ("0 5-3 * * *", "found 5-3"),
        ("*/0 * * * *", "a step of 0"),
        ("a * * * *", 'found "a"'),
        ("0 0 30 2 *", "it never strikes"),
        ("0 3  * *", "the day of the month: expected a number"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_field(schedule: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        read_schedule(schedule)


TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))
PARTS = st.tuples(
    st.sampled_from(["*", "0", "*/7", "10-50/3", "59"]),
    st.sampled_from(["*", "3", "0,23", "*/5"]),
    st.sampled_from(["*", "1", "15-20", "31"]),
    st.sampled_from(["*", "feb", "1-6", "12"]),
    st.sampled_from(["*", "0", "mon-fri", "7"]),
)


@given(PARTS, TIMES)
def test_the_next_strike_is_one_and_none_lies_between(parts: tuple[str, ...], time: datetime) -> None:
    text = " ".join(parts)
    try:
        schedule = read_schedule(text)
    except ScheduleError:
        assert parts[2] == "31" and parts[3] == "feb"
        return
    strike = schedule.next_after(time)
    assert strike > time and schedule.strikes_at(strike)
    between = time.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(120):
        if between >= strike:
            break
        assert not schedule.strikes_at(between)
        between += timedelta(minutes=1)
