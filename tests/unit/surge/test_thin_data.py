"""What is judged where little is known of a cluster: the table of models/surge/detect.py, row by row."""

from collections.abc import Callable

import pytest

from models.surge.detect import Detector, DetectPolicy
from models.surge.window import DAY_S, HOUR_S, WindowPolicy, Windows
from tests.unit.surge.counted import MONDAY_S, NOW_S, fill, steady, windows_of

OTHERS = 6
WEEKS_4 = 28 * 24 + 14


def with_outbreak() -> list[int]:
    hours = steady(10.0, WEEKS_4)
    return [count * 4 if 200 <= hour < 218 else count for hour, count in enumerate(hours)]


def with_gap() -> list[int]:
    return [0 if 300 <= hour < 348 else count for hour, count in enumerate(steady(10.0, WEEKS_4))]


def seen(hours: list[int]) -> Callable[[Windows], None]:
    return lambda windows: fill(windows, "a", hours)


def watched(windows: Windows) -> None:
    windows.know("a", NOW_S - 40 * DAY_S)


def company(begin: Callable[[Windows], None]) -> Windows:
    """Six clusters of four weeks, and the one in question."""
    windows = windows_of()
    for number in range(OTHERS):
        fill(windows, f"other {number}", steady(10.0, WEEKS_4, seed=number + 1))
    begin(windows)
    return windows


@pytest.mark.parametrize(
    ("begin", "quiet", "loud"),
    [
        pytest.param(lambda windows: None, 40, None, id="nothing is known: quiet"),
        pytest.param(seen(steady(2.0, 5)), 40, None, id="five hours: quiet"),
        pytest.param(seen(steady(2.0, 20)), 5, 40, id="under a day"),
        pytest.param(seen(steady(2.0, 24 * 5)), 5, 40, id="under a week"),
        pytest.param(seen(steady(10.0, 24 * 12)), 14, 50, id="under three weeks"),
        pytest.param(seen(steady(10.0, WEEKS_4)), 14, 40, id="four weeks"),
        pytest.param(watched, 2, 3, id="watched for weeks without a ticket"),
        pytest.param(seen(with_outbreak()), 14, 130, id="one past outbreak"),
        pytest.param(seen(with_gap()), 14, 45, id="a gap of two days"),
    ],
)
def test_what_enters(begin: Callable[[Windows], None], quiet: int, loud: int | None) -> None:
    """The tickets of one more hour: so many are borne, so many are a surge."""
    for tickets in (quiet, loud):
        if tickets is None:
            continue
        windows = company(begin)
        windows.roll(NOW_S + HOUR_S)
        for number in range(tickets):
            windows.add("a", NOW_S + number * HOUR_S // tickets)
        found = Detector(DetectPolicy(), WindowPolicy()).detect(windows, NOW_S + HOUR_S)
        assert found.enters[windows.clusters.index("a")] == (tickets == loud)


def test_an_outbreak_of_the_past_does_not_move_the_mean() -> None:
    plain, moved = company(seen(steady(10.0, WEEKS_4))), company(seen(with_outbreak()))
    detector = Detector(DetectPolicy(windows_s=(DAY_S,)), WindowPolicy())
    row = plain.clusters.index("a")
    with_it, without = (
        detector.detect(moved, NOW_S).expected[row],
        detector.detect(plain, NOW_S).expected[row],
    )
    assert with_it / without == pytest.approx(1.0, abs=0.03)


def test_a_gap_that_has_just_ended_is_no_surge() -> None:
    hours = steady(10.0, WEEKS_4)
    hours[-26:-2] = [0] * 24
    windows = company(seen(hours))
    found = Detector(DetectPolicy(), WindowPolicy()).detect(windows, NOW_S)
    assert not found.enters.any()


def test_nothing_at_all() -> None:
    found = Detector(DetectPolicy(), WindowPolicy()).detect(windows_of(), NOW_S)
    assert len(found.p) == len(found.started_s) == 0
    assert found.at_s == NOW_S


def test_what_comes_at_midnight_is_judged_with_the_day_before() -> None:
    windows = windows_of(now_s=MONDAY_S - HOUR_S)
    fill(windows, "a", steady(10.0, 27 * 24), MONDAY_S - HOUR_S)
    for number in range(45):
        windows.add("a", MONDAY_S - HOUR_S + number * 80)
    windows.roll(MONDAY_S)
    assert Detector(DetectPolicy(), WindowPolicy()).detect(windows, MONDAY_S).enters.all()
