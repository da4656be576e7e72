"""The exact arithmetic of the vote, and how it is counted."""

import numpy as np
import pytest

from models.vote import GRID, VotePolicy, parties, settle, tally
from tests.fakes.generations import unit_rows


@pytest.mark.parametrize("dim", [8, 384, 512, 1024])
def test_settled_inner_products_are_the_same_in_any_order_of_summation(dim: int) -> None:
    rows = settle(unit_rows(40, dim, seed=dim))
    exact = rows.astype(np.float64) @ rows.astype(np.float64).T
    shuffled = rows[:, np.random.default_rng(1).permutation(dim)]
    assert np.array_equal(rows @ rows.T, exact)
    assert np.array_equal(np.einsum("ik,jk->ij", shuffled, shuffled), exact)


def test_settling_keeps_to_the_grid_moves_little_and_has_one_zero() -> None:
    rows = unit_rows(20, 64, seed=0)
    settled = settle(rows)
    assert np.array_equal(settled * GRID, np.rint(settled * GRID))
    assert np.abs(settled - rows).max() <= 0.5 / GRID
    assert (
        settle(np.array([[-0.0001]], dtype=np.float32)).tobytes() == np.zeros(1, dtype=np.float32).tobytes()
    )


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(np.array([1.0], dtype=np.float32), id="not a matrix"),
        pytest.param(np.array([[np.nan]], dtype=np.float32), id="nan"),
        pytest.param(np.array([[np.inf]], dtype=np.float32), id="infinite"),
    ],
)
def test_what_cannot_be_compared_is_refused(broken: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite"):
        settle(broken)


def test_an_owners_clusters_count_together_and_unowned_ones_alone() -> None:
    assert parties(["a", None, "b", "a", None]).tolist() == [0, 1, 2, 0, 3]


def test_votes_weigh_cosine_to_the_power_and_empty_seats_nothing() -> None:
    votes = tally(
        np.array([[0.8, 0.6, 0.4, -np.inf], [-0.2, -0.3, -np.inf, -np.inf]], dtype=np.float32),
        np.array([[0, 1, 2, -1], [0, 1, -1, -1]]),
        parties(["a", "b", "a"]),
        VotePolicy(power=3),
    )
    weights = np.array([0.8, 0.6, 0.4]) ** 3
    assert votes.by_cluster[0] == pytest.approx(weights / weights.sum(), rel=1e-6)
    assert votes.by_party[0] == pytest.approx(
        [(0.512 + 0.064) / weights.sum(), 0.216 / weights.sum()], rel=1e-6
    )
    assert not votes.by_cluster[1].any()
    assert not votes.by_party[1].any()


@pytest.mark.parametrize("power", [1, 2, 7, 12, 16])
def test_powers_are_those_of_arithmetic(power: int) -> None:
    cosines = np.array([[0.9, 0.5]], dtype=np.float32)
    share = tally(cosines, np.array([[0, 1]]), parties(["a", "b"]), VotePolicy(power=power)).by_cluster[0, 0]
    expected = float(cosines[0, 0]) ** power / sum(float(c) ** power for c in cosines[0])
    assert share == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("policy", [{"neighbours": 0}, {"power": 0}], ids=str)
def test_a_vote_nobody_takes_part_in_is_refused(policy: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        VotePolicy(**policy)
