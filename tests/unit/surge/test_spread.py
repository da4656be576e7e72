"""How much more than Poisson's counts vary: planted spreads, drift, and what clusters learn from each other."""

import numpy as np
import pytest

from models.exact import Floats
from models.surge.spread import block_moments, moments, spread_of, spreads


def counted(rate: float, sizes: Floats, weeks: int, drift: float = 0.0) -> Floats:
    """[C, H] hourly counts of negative binomials of these sizes, with a level of its own each day."""
    chance = np.random.default_rng(5)
    hours = weeks * 168
    level = np.repeat(np.exp(chance.normal(size=(len(sizes), hours // 24)) * drift), 24, axis=1)
    rates = rate * level * chance.gamma(sizes[:, None], 1.0 / sizes[:, None], (len(sizes), hours))
    return chance.poisson(rates).astype(np.float64)


def learnt(counts: Floats) -> Floats:
    known = np.ones(counts.shape, dtype=np.bool_)
    return spreads(block_moments(counts, known), np.full(len(counts), float(counts.shape[1])))


def test_moments_by_hand() -> None:
    """Two weeks of two cells, here of a period of two hours: 4 and 8, 2 and 2. Means 6 and 2; squared residuals 4 + 4
    and 0, times 2 / 1; less 2 * 6 and 2 * 2 that Poisson explains: 16 - 16 = 0. Squared means 2 * 36 + 2 * 4 = 80, less
    what chance adds to them, 16 / 2 = 8: 72."""
    found = moments(np.array([[4.0, 2.0, 8.0, 2.0]]), np.ones((1, 4), dtype=np.bool_), 1, 2)
    assert (found.excess[0], found.squares[0], found.degrees[0]) == (0.0, 72.0, 2.0)


@pytest.mark.parametrize("weeks", [2, 4], ids=["by hours of days", "by hours of weeks"])
def test_planted_spreads_are_found(weeks: int) -> None:
    sizes = np.repeat([4.0, 20.0], 50)
    found = learnt(counted(30.0, sizes, weeks))
    for size in (4.0, 20.0):
        assert np.median(found[sizes == size, 0]) == pytest.approx(1.0 / size, rel=0.2)
        assert np.median(found[sizes == size, 2]) == pytest.approx(1.0 / size / 24, abs=0.01)


def test_drift_shows_in_the_longer_blocks() -> None:
    steady = np.median(learnt(counted(30.0, np.full(50, 20.0), 4)), axis=0)
    drifting = np.median(learnt(counted(30.0, np.full(50, 20.0), 4, drift=0.3)), axis=0)
    assert drifting[2] == pytest.approx(0.09 + steady[2], abs=0.04)
    assert drifting[0] < 3.5 * steady[0]


def test_a_rare_cluster_takes_its_spread_from_the_others() -> None:
    counts = counted(30.0, np.full(60, 10.0), 4)
    counts[-1] = counted(0.05, np.full(1, 10.0), 4)[0]
    assert learnt(counts)[-1, 0] == pytest.approx(0.1, abs=0.03)


def test_bursts_of_the_past_widen_the_spread() -> None:
    counts = counted(30.0, np.full(20, 20.0), 4)
    before = learnt(counts)[0, 0]
    counts[0, 100:640:90] *= 5.0
    assert learnt(counts)[0, 0] > 2.0 * before


def test_between_blocks_a_spread_is_interpolated_by_powers() -> None:
    found = spread_of(np.array([[0.16, 0.04, 0.01]]), np.array([0.25, 1.0, 2.0, 4.0, 24.0]))
    assert found[0].tolist() == pytest.approx([0.16, 0.16, 0.08, 0.04, 0.01])
