"""The judge: what is measured of a handful, worked by hand."""

import numpy as np
import pytest

from models.emerging.judge import (
    COMMITTED,
    MEASURES,
    Handful,
    Weights,
    Yardstick,
    closest,
    log_odds,
    measures,
    yardstick_of,
)
from tests.unit.emerging.test_space import SPACE

YARDSTICK = Yardstick(confident=0.9, middle=0.8, low=0.6, reach=0.1)


def test_log_odds_are_the_weighted_sum_within_three_deviations() -> None:
    weights = Weights((1.0, 0.0), (2.0, 1.0), 0.5, (1.0, -1.0))
    # (5 - 1) / 2 = 2 and 9 is taken as 3: 0.5 + 2 - 3
    assert log_odds(np.array([[5.0, 9.0]]), weights) == pytest.approx([-0.5])


def test_what_is_committed_has_a_weight_for_every_measure() -> None:
    count = len(MEASURES)
    weights = COMMITTED.weights
    assert [len(weights.means), len(weights.deviations), len(weights.slopes)] == [count] * 3
    assert min(weights.deviations) > 0


@pytest.mark.parametrize(("strength", "odd"), [(0.8, 0.0), (0.6, 1.0), (0.4, 2.0), (1.0, 0.0), (-9.0, 4.0)])
def test_oddness_is_told_in_steps_from_the_median_to_the_first_decile(strength: float, odd: float) -> None:
    assert YARDSTICK.oddness(np.array([strength]))[0] == pytest.approx(odd)


def test_the_yardstick_is_read_off_the_deciles() -> None:
    steps = tuple(number / 10 for number in range(11))
    found = yardstick_of((("confidence", steps), ("nearest", steps), ("strength", steps)))
    assert found is not None
    assert (found.confident, found.middle, found.low) == (0.3, 0.5, 0.1)
    assert found.reach == pytest.approx(0.8 / 2.563)
    assert yardstick_of((("confidence", steps),)) is None


def test_a_handful_is_measured_by_ticket() -> None:
    rows = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    handful = Handful(
        points=np.array([[4.0, 3.0, 1.0], [4.2, 2.8, 1.0], [3.9, 3.1, 1.1]]),
        hybrids=rows,
        strength=np.array([0.6, 0.8, 0.4]),
        history=np.array([0.3, 0.3, 0.3]),
        confidence=np.array([0.0, 0.3, 0.9]),
        share=0.25,
        waiting=40,
    )
    found = dict(zip(MEASURES, measures(handful, SPACE, YARDSTICK).tolist(), strict=True))
    assert found["odd"] == pytest.approx(1.0)  # (1 + 0 + 2) / 3
    assert found["nearer"] == pytest.approx(((0.6 + 0.0 + 0.8) / 3 - 0.3) / 0.1)
    assert found["confidence"] == pytest.approx(0.4)
    assert found["alike"] == pytest.approx(
        (0.6 + 0.0 + 0.8) / 3
    )  # a known problem's are alike by 1 in this space
    assert found["size"] == 3.0
    assert found["sooner"] == pytest.approx(np.log(0.25))
    assert found["waiting"] == pytest.approx(np.log(40))
    assert found["bond"] > 0.0  # they lie together, far from the origin
    assert found["pairs"] > 0.0
    assert found["unheld"] > 0.0  # and far from both known problems


def test_the_closest_to_a_ticket_are_those_of_its_problem() -> None:
    points = np.array([[5.0, 4.0, 0.0], [-5.0, 1.0, 0.0], [5.1, 3.9, 0.0], [4.9, 4.1, 0.1], [0.0, -4.0, 0.0]])
    assert sorted(closest(points, 0, np.array([1, 2, 3, 4]), 3, SPACE)) == [0, 2, 3]
    assert closest(points, 0, np.array([2]), 3, SPACE) == [0, 2]  # no more are there
    assert closest(points, 0, np.array([1, 4]), 3, SPACE) == [0]  # none speaks for one problem
