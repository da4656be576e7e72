"""Surge wording: a surge in words for whoever is paged. Pure; under alerts and the command line."""

from datetime import datetime, timedelta

from schemas.surge import Surge, SurgeKind

# A smaller chance tells nobody anything more, and no count of tickets is modelled so far out.
_LEAST_CHANCE = 1e-6
# Fewer are shown as none by one digit behind the point.
_NEXT_TO_NONE = 0.05


def counted(surge: Surge) -> str:
    """How many tickets came in which time, and how many are usual: `12 tickets in an hour where 2 are usual`."""
    what = f"{surge.observed:,} {'ticket' if surge.observed == 1 else 'tickets'}"
    span = length_of(surge.window.end - surge.window.start)
    if surge.kind is SurgeKind.EMERGING:
        return f"{what} alike in {span} where chance brings {_number(surge.expected)}"
    number = _number(surge.expected)
    return f"{what} in {span} where {number} {'is' if number == '1' else 'are'} usual"


def chance_of(q_value: float) -> str | None:
    """A probability as people say it, to one digit: `1 in 3,000`. None of 1: the rule `ratio` knows no probability."""
    if q_value >= 1.0:
        return None
    if q_value < _LEAST_CHANCE:
        return f"less than 1 in {round(1 / _LEAST_CHANCE):,}"
    times = int(1 / q_value + 1e-6)  # 1 / 1e-5 is a little less than 100,000
    digit = 10 ** (len(str(times)) - 1)
    return f"1 in {times // digit * digit:,}"


def length_of(span: timedelta) -> str:
    """A window's length as people say it, of a minute at least."""
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes == 1:
        return "a minute"
    if minutes % 60:
        return f"{minutes} minutes"
    return "an hour" if minutes == 60 else f"{minutes // 60} hours"


def minute(at: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _number(expected: float) -> str:
    if expected < _NEXT_TO_NONE:
        return "next to none"
    return f"{expected:,.0f}" if expected >= 10 else f"{expected:.1f}".removesuffix(".0")
