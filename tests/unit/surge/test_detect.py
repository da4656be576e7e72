"""The detector: judged together, entered and stayed, begun, and by the rule of thumb instead."""

import numpy as np
import pytest

from models.surge.detect import Detection, Detector, DetectPolicy, adjusted, onsets
from models.surge.window import DAY_S, HOUR_S, WindowPolicy, Windows
from tests.unit.surge.counted import NOW_S, fill, steady, windows_of

WEEKS_4 = 28 * 24 + 14


def surging(times: float, hours: int, rate: float = 10.0) -> Windows:
    """Eight clusters of which the first has a rise by this factor in the last hours."""
    windows = windows_of()
    for number in range(8):
        counts = steady(rate, WEEKS_4, seed=number or 8)
        if number == 0:
            counts[-hours:] = [round(count * times) for count in counts[-hours:]]
        fill(windows, f"c{number}", counts)
    return windows


def judge(windows: Windows, policy: DetectPolicy | None = None) -> Detection:
    return Detector(policy or DetectPolicy(), windows.policy).detect(windows, NOW_S)


def test_adjusted_by_hand() -> None:
    """Benjamini and Hochberg: the i-th least of m times m / i, made monotone from the largest down: .01 * 4 / 1 = .04;
    .02 * 4 / 2 = .04; .03 * 4 / 3 = .04; .5."""
    assert adjusted(np.array([0.03, 0.5, 0.01, 0.02])).tolist() == pytest.approx([0.04, 0.5, 0.04, 0.04])


def test_a_rise_enters_and_nothing_else_does() -> None:
    found = judge(surging(3.0, 4))
    assert found.enters.tolist() == [True] + [False] * 7
    assert found.stays[0]
    assert found.observed[0] > 2.0 * found.expected[0]
    assert found.q[0] <= DetectPolicy().level
    assert (found.q >= found.p).all()
    assert HOUR_S <= found.window_s[0] <= 8 * HOUR_S


def test_the_start_is_where_the_rise_began() -> None:
    assert judge(surging(4.0, 6)).started_s[0] == pytest.approx(NOW_S - 6 * HOUR_S, abs=HOUR_S)


def test_onsets_by_hand() -> None:
    """Buckets 1 1 1 1 5 5 with one expected in each: the last two gain 10 ln 5 - 8 = 8.09, the last three 11 ln (11/3)
    - 8 = 6.29, the last alone 5 ln 5 - 4 = 4.05."""
    sums = np.cumsum([[0.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0]], axis=1)
    assert onsets(np.repeat(sums, 2, axis=0), np.ones(2), np.array([6, 1])).tolist() == [2, 1]


def test_more_pages_are_put_up_with_where_more_are_asked_for() -> None:
    few, many = DetectPolicy(false_pages_per_week=0.001), DetectPolicy(false_pages_per_week=100.0)
    windows = surging(1.7, 4)
    assert not judge(windows, few).enters.any()
    assert judge(windows, many).enters[0]


def test_fewer_tickets_than_the_least_are_no_surge() -> None:
    windows = windows_of()
    windows.know("rare", NOW_S - 40 * DAY_S)
    windows.add("rare", NOW_S - 60, 3)
    assert judge(windows).enters[0]
    assert judge(windows, DetectPolicy(min_count=4)).p[0] == 1.0


@pytest.mark.parametrize(
    ("before", "today", "enters"),
    [
        pytest.param(10, 40, True, id="300 % more"),
        pytest.param(10, 39, False, id="a little less"),
        pytest.param(0, 3, True, id="from nothing"),
        pytest.param(0, 2, False, id="too few"),
    ],
)
def test_the_rule_of_thumb(before: int, today: int, enters: bool) -> None:
    windows = windows_of()
    windows.add("a", NOW_S - 30 * HOUR_S, before)
    windows.add("a", NOW_S - 3 * HOUR_S, today)
    found = judge(windows, DetectPolicy(rule="ratio"))
    assert found.enters.tolist() == found.stays.tolist() == [enters]
    assert (found.observed[0], found.expected[0], found.window_s[0]) == (today, before, DAY_S)


def test_hourly_counts_are_judged_by_whole_hours() -> None:
    windows = windows_of(WindowPolicy(bucket_s=3_600))
    counts = steady(30.0, WEEKS_4)
    counts[-3:] = [3 * count for count in counts[-3:]]
    fill(windows, "a", counts)
    found = judge(windows)
    assert found.enters[0]
    assert found.window_s[0] % HOUR_S == 0


def test_a_baseline_is_learnt_again_when_the_clusters_change() -> None:
    windows = surging(1.0, 1)
    detector = Detector(DetectPolicy(), windows.policy)
    detector.detect(windows, NOW_S)
    windows.drop("c0")
    fill(windows, "new", steady(5.0, WEEKS_4, seed=77))
    again, fresh = detector.detect(windows, NOW_S), judge(windows)
    assert again.p.tolist() == fresh.p.tolist()
    assert len(again.p) == 8


@pytest.mark.parametrize(
    ("windows", "now_s"),
    [
        pytest.param(windows_of(), NOW_S + DAY_S, id="not rolled"),
        pytest.param(windows_of(WindowPolicy(bucket_s=3_600)), NOW_S, id="other buckets"),
    ],
)
def test_windows_that_are_not_its_own_are_refused(windows: Windows, now_s: int) -> None:
    with pytest.raises(ValueError, match="another policy"):
        Detector(DetectPolicy(), WindowPolicy()).detect(windows, now_s)


@pytest.mark.parametrize("values", [{"false_pages_per_week": 0.0}, {"min_count": 0}, {"exit_chance": 1.0}])
def test_a_policy_that_means_nothing_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"errs|surge"):
        DetectPolicy(**values)  # type: ignore[arg-type]
