"""The judge: what is measured of a handful, worked by hand."""

import numpy as np
import pytest

from models.emerging.judge import (
    COMMITTED,
    MEASURES,
    Handful,
    Judge,
    Weights,
    Yardstick,
    closest,
    log_odds,
    measures,
    near,
    yardstick_of,
)
from tests.unit.emerging.test_space import SPACE

YARDSTICK = Yardstick(confident=0.9, reach=0.1)


def test_log_odds_are_the_weighted_sum_within_three_deviations() -> None:
    weights = Weights((1.0, 0.0), (2.0, 1.0), 0.5, (1.0, -1.0))
    # (5 - 1) / 2 = 2 and 9 is taken as 3: 0.5 + 2 - 3
    assert log_odds(np.array([[5.0, 9.0]]), weights) == pytest.approx([-0.5])


def test_what_is_committed_has_a_weight_for_every_measure() -> None:
    count = len(MEASURES)
    weights = COMMITTED.weights
    assert [len(weights.means), len(weights.deviations), len(weights.slopes)] == [count] * 3
    assert min(weights.deviations) > 0


def test_a_handful_must_exceed_what_the_others_come_near_by_the_margin() -> None:
    judge = Judge(COMMITTED.weights, level=-2.0, margin=1.5)
    assert judge.least(np.zeros(0)) == pytest.approx(-0.5)  # nobody else: the committed level
    others = np.arange(600.0)
    assert near(others) == 582.0  # the 18th, three in a hundred
    assert judge.least(others) == pytest.approx(583.5)
    assert near(np.arange(5_000.0)) == 4_980.0  # the 20th: a larger stream's calls nobody more often
    # Of 150 the fourth, 146 (three in a hundred), is heeded for three quarters: 146 * 3 / 4 - 2 / 4 + 1.5
    assert judge.least(np.arange(150.0)) == pytest.approx(110.5)
    assert near(np.array([7.0])) == 7.0


def test_the_yardstick_is_read_off_the_deciles() -> None:
    steps = tuple(number / 10 for number in range(11))
    found = yardstick_of((("confidence", steps), ("nearest", steps)))
    assert found is not None
    assert found.confident == 0.3
    assert found.reach == pytest.approx(0.8 / 2.563)
    assert yardstick_of((("confidence", steps),)) is None


def handful_of(points: list[list[float]]) -> Handful:
    return Handful(
        points=np.array(points),
        hybrids=np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]),
        history=np.array([0.3, 0.3, 0.3]),
        confidence=np.array([0.0, 0.3, 0.9]),
        hours=2.0,
        joins=4,
    )


def test_a_handful_is_measured_by_ticket() -> None:
    points = [[4.0, 3.0, 1.0], [4.2, 2.8, 1.0], [3.9, 3.1, 1.1]]
    measured = measures(handful_of(points), SPACE, YARDSTICK)
    assert measured is not None
    found = dict(zip(MEASURES, measured.tolist(), strict=True))
    assert found["nearer"] == pytest.approx(((0.6 + 0.0 + 0.8) / 3 - 0.3) / 0.1)
    assert found["confidence"] == pytest.approx(0.4)
    assert found["alike"] == pytest.approx(
        (0.6 + 0.0 + 0.8) / 3
    )  # a known problem's are alike by 1 in this space
    assert found["size"] == 3.0
    assert found["hours"] == pytest.approx(np.log(2.05))
    assert found["usual"] == pytest.approx(np.log(4.5))
    assert found["bond"] > 0.0  # they lie together, far from the origin
    assert found["pairs"] > found["weakest"] > 0.0


def test_a_handful_whose_pairs_lie_apart_is_not_measured() -> None:
    apart = [[6.0, 0.0, 0.0], [-6.0, 0.0, 0.0], [0.0, 6.0, 0.0]]
    assert measures(handful_of(apart), SPACE, YARDSTICK) is None


def test_the_closest_to_a_ticket_are_those_of_its_problem() -> None:
    points = np.array([[5.0, 4.0, 0.0], [-5.0, 1.0, 0.0], [5.1, 3.9, 0.0], [4.9, 4.1, 0.1], [0.0, -4.0, 0.0]])
    assert sorted(closest(points, 0, np.array([1, 2, 3, 4]), 3, SPACE)) == [0, 2, 3]
    assert closest(points, 0, np.array([2]), 3, SPACE) == [0, 2]  # no more are there
    assert closest(points, 0, np.array([1, 4]), 3, SPACE) == [0]  # none speaks for one problem
