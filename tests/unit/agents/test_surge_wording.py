"""A surge in words for whoever is paged."""

from datetime import datetime, timedelta
from typing import cast

import pytest

from agents.surge_wording import chance_of, counted, length_of
from schemas.examples import EXAMPLES
from schemas.surge import Surge, SurgeKind, Window

_EXAMPLE = cast(Surge, EXAMPLES[Surge])


def surge(observed: int, expected: float, minutes: int, kind: SurgeKind = SurgeKind.GROWING) -> Surge:
    end: datetime = _EXAMPLE.window.end
    window = Window(start=end - timedelta(minutes=minutes), end=end)
    fields = {"observed": observed, "expected": expected, "window": window, "kind": kind}
    return _EXAMPLE.model_copy(update=fields)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (surge(12, 2.0, 60), "12 tickets in an hour where 2 are usual"),
        (surge(12, 1.04, 15), "12 tickets in 15 minutes where 1 is usual"),
        (surge(1_400, 310.6, 1_440), "1,400 tickets in 24 hours where 311 are usual"),
        (surge(3, 0.004, 120), "3 tickets in 2 hours where next to none are usual"),
        (surge(26, 0.29, 170, SurgeKind.EMERGING), "26 tickets alike in 170 minutes where chance brings 0.3"),
        (
            surge(6, 0.0, 0, SurgeKind.EMERGING),
            "6 tickets alike in a minute where chance brings next to none",
        ),
    ],
)
def test_how_many(given: Surge, said: str) -> None:
    assert counted(given) == said


@pytest.mark.parametrize(
    ("q_value", "said"),
    [
        (0.0, "less than 1 in 1,000,000"),
        (3.3e-7, "less than 1 in 1,000,000"),
        (1e-6, "1 in 1,000,000"),
        (1e-5, "1 in 100,000"),
        (1.7e-4, "1 in 5,000"),
        (0.25, "1 in 4"),
        (1.0, None),
    ],
)
def test_a_chance(q_value: float, said: str | None) -> None:
    assert chance_of(q_value) == said


@pytest.mark.parametrize(
    ("minutes", "said"), [(5, "5 minutes"), (60, "an hour"), (90, "90 minutes"), (1_440, "24 hours")]
)
def test_a_window_as_people_say_it(minutes: int, said: str) -> None:
    assert length_of(timedelta(minutes=minutes)) == said
