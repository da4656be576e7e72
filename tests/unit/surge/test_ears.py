"""EARS by hand, step by step, and what is made of it for windows of hours.

Neither Hutwagner et al. (2003) nor Fricker et al. (2008) prints counts with their statistics.
"""

import numpy as np
import pytest

from models.exact import Floats
from models.surge.ears import judged_by, reference

# Nine days before the day that is judged; an outbreak has begun in the last two.
DAYS = np.array([[3.0, 5.0, 4.0, 6.0, 2.0, 4.0, 4.0, 9.0, 8.0]])
KNOWN = np.ones((1, 9), dtype=np.bool_)


def statistic(count: float, units: Floats, lag: int) -> float:
    mean, variance, _ = reference(units, np.ones(units.shape, dtype=np.bool_), lag)
    return float((count - mean[0]) / np.sqrt(variance[0]))


def test_c1_by_hand() -> None:
    """The seven days before: 4 6 2 4 4 9 8, sum 37, mean 5.285714. Squared residuals 1.653061 + .510204 + 10.795918 +
    1.653061 + 1.653061 + 13.795918 + 7.367347 = 37.428571, over 6: 6.238095, deviation 2.497618. C1 of 12 is
    (12 - 5.285714) / 2.497618 = 2.688276, under 3: no alarm, since the outbreak is in its own baseline."""
    assert statistic(12.0, DAYS[:, 2:], 0) == pytest.approx(2.688276, abs=1e-6)


def test_c2_by_hand() -> None:
    """The seven days that end two before: 3 5 4 6 2 4 4, sum 28, mean 4. Squared residuals 1 + 1 + 0 + 4 + 4 + 0 + 0 =
    10, over 6: 1.666667, deviation 1.290994. C2 of 12 is (12 - 4) / 1.290994 = 6.196773, above 3: an alarm."""
    assert statistic(12.0, DAYS, 2) == pytest.approx(6.196773, abs=1e-6)


def test_units_that_are_not_known_count_for_nothing() -> None:
    known = KNOWN.copy()
    known[0, :2] = False
    mean, variance, number = reference(DAYS, known, 2)
    assert (mean[0], variance[0], number[0]) == pytest.approx((4.0, 2.0, 5.0))


@pytest.mark.parametrize(
    ("hours", "mean"),
    [
        pytest.param(6, None, id="six hours are too few"),
        pytest.param(7, (6 * 2 + 9) / 7, id="seven by C1"),
        pytest.param(8, (7 * 2 + 9) / 8, id="eight by C1"),
        pytest.param(9, 2.0, id="nine by C2, without the last two"),
    ],
)
def test_which_of_the_two_a_cluster_is_old_enough_for(hours: int, mean: float | None) -> None:
    counts = np.full((1, hours), 2, dtype=np.int32)
    counts[0, -1] = 9
    rate, _, judged = judged_by(counts, np.zeros(1, dtype=np.int64), 1)
    assert judged[0] == (mean is not None)
    if mean is not None:
        assert rate[0] == pytest.approx(mean)


def test_the_spread_by_hand() -> None:
    """Nine hours, seven of them before the lag: 0 4 0 4 0 4 2, mean 2, variance 24 / 6 = 4. Squared mean without chance
    4 - 4 / 7 = 3.428571; spread (4 - 2) / 3.428571 = .583333, with ten of .25: (6 * .583333 + 2.5) / 16 = .375; and the
    mean's own chance, (1 / 2 + .375) / 7 = .125."""
    counts = np.array([[0, 4, 0, 4, 0, 4, 2, 50, 50]], dtype=np.int32)
    rate, spread, _ = judged_by(counts, np.zeros(1, dtype=np.int64), 1)
    assert rate[0] == pytest.approx(2.0)
    assert spread[0] == pytest.approx(0.375 + 0.125)


def test_windows_of_four_hours_are_compared_with_such() -> None:
    counts = np.tile(np.array([0, 0, 0, 8], dtype=np.int32), (1, 20))
    rate, spread, judged = judged_by(counts, np.zeros(1, dtype=np.int64), 4)
    assert judged[0]
    assert rate[0] == pytest.approx(2.0)
    assert spread[0] < judged_by(counts, np.zeros(1, dtype=np.int64), 1)[1][0]
