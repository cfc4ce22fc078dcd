"""When a schedule of cron strikes, in UTC: five fields, or a word such as ``@daily``.

As in POSIX and in Kubernetes' CronJobs: where both day fields are restricted, either is enough. Steps, ranges, lists
and English names of months and days are read; a schedule that never strikes (30 February) is an error and not silence.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from tierrouter_core.errors import TierRouterError

_WORDS: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_DAYS: Final = 8 * 366 + 1
"""From one 29 February to the next there can be eight years."""


class ScheduleError(TierRouterError):
    """Text that is no schedule, or one that never strikes."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every field as the values that it allows."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """Both day fields are restricted, so a day that fits one of them fits."""

    def next_after(self, time: datetime) -> datetime:
        """The first strike after ``time`` (UTC), which is a whole minute."""
        day = time.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_LONGEST_DAYS):
            if self._has_day(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        strike = day.replace(hour=hour, minute=minute)
                        if strike > time:
                            return strike
            day += timedelta(days=1)
        raise ScheduleError("it never strikes: no month has such a day")

    def strikes_at(self, time: datetime) -> bool:
        """Whether ``time`` is one of its strikes."""
        is_whole = time.second == 0 and time.microsecond == 0
        return is_whole and time.minute in self.minutes and time.hour in self.hours and self._has_day(time)

    def _has_day(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (of_month or of_week) if self.either_day else (of_month and of_week)


@lru_cache(maxsize=256)
def read_schedule(text: str) -> Schedule:
    """Read ``0 3 * * *``, ``*/15 8-18 * * mon-fri``, ``@daily``.

    Raises:
        ScheduleError: it is none, or never strikes; the message names the field.
    """
    parts = _WORDS.get(text, text).split(" ")
    if len(parts) != len(_FIELDS):
        raise ScheduleError(f'"{text}": expected five fields such as 0 3 * * *, or one of {", ".join(_WORDS)}')
    minutes, hours, days, months, weekdays = (
        _values(part, field, text) for part, field in zip(parts, _FIELDS, strict=True)
    )
    schedule = Schedule(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not parts[2].startswith("*") and not parts[4].startswith("*"),
    )
    try:
        schedule.next_after(datetime(2000, 1, 1))
    except ScheduleError as error:
        raise ScheduleError(f'"{text}": {error}') from None
    return schedule


def _values(part: str, field: _Field, text: str) -> set[int]:
    found: set[int] = set()
    for item in part.split(","):
        span, slash, step_text = item.partition("/")
        step = _number(step_text, field, text) if slash else 1
        if step < 1:
            raise ScheduleError(f'"{text}": the {field.name} has a step of 0')
        if span == "*":
            low, high = field.low, field.high
        else:
            first, dash, last = span.partition("-")
            low = _number(first, field, text)
            # As cron has it: with a step, one value means all from there on.
            high = _number(last, field, text) if dash else (field.high if slash else low)
        if not field.low <= low <= high <= field.high:
            raise ScheduleError(f'"{text}": the {field.name} goes from {field.low} to {field.high}, found {span}')
        found |= set(range(low, high + 1, step))
    return found


def _number(text: str, field: _Field, whole: str) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    if not (text.isascii() and text.isdigit()):
        expected = f"a number from {field.low} to {field.high}" + (f", or {field.names[0]}" if field.names else "")
        raise ScheduleError(f'"{whole}": the {field.name}: expected {expected}, found "{text}"')
    return int(text)
