"""Tails, held against scipy's and against sums of what they are the sum of."""

from math import exp, fsum, lgamma, log

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from models.surge.tail import peaks, recalibrated, upper_tail


@pytest.mark.parametrize("size", [0.3, 1.0, 5.0, 50.0, 2_000.0])
@pytest.mark.parametrize("mean", [1e-3, 0.2, 3.0, 40.0, 5_000.0])
def test_the_negative_binomial_tail_is_scipys(mean: float, size: float) -> None:
    counts = np.unique(np.rint(mean * np.linspace(0.0, 6.0, 40)) + np.arange(40) % 4).astype(np.float64)
    wanted = nbinom.sf(counts - 1.0, size, size / (size + mean))
    kept = wanted > 1e-290
    found = upper_tail(counts, np.full_like(counts, mean), np.full_like(counts, 1.0 / size))
    assert found[kept] == pytest.approx(wanted[kept], rel=1e-9)


@pytest.mark.parametrize("mean", [1e-3, 0.2, 3.0, 40.0, 5_000.0])
def test_without_spread_the_tail_is_poissons(mean: float) -> None:
    counts = np.unique(np.rint(mean * np.linspace(0.0, 3.0, 20)))
    found = upper_tail(counts, np.full_like(counts, mean), np.zeros_like(counts))
    assert found == pytest.approx(poisson.sf(counts - 1.0, mean), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("count", "mean", "size"), [(3, 1e-3, 200.0), (60, 20.0, 32.0), (40, 10.0, 5.0)])
def test_the_tail_is_the_sum_of_the_chances(count: int, mean: float, size: float) -> None:
    def of(number: int) -> float:
        ways = lgamma(number + size) - lgamma(size) - lgamma(number + 1)
        return exp(ways + size * log(size / (mean + size)) + number * log(mean / (mean + size)))

    wanted = fsum(of(number) for number in range(count, count + 2_000))
    found = upper_tail(np.array([float(count)]), np.array([mean]), np.array([1.0 / size]))
    assert found[0] == pytest.approx(wanted, rel=1e-9)


def test_a_past_that_agrees_with_the_model_leaves_its_tail() -> None:
    chance = np.random.default_rng(1)
    counts = chance.poisson(30.0 * chance.gamma(10.0, 0.1, (50, 648))).astype(np.float64)
    found = peaks(counts, np.full_like(counts, 30.0), np.full(50, 0.1), np.ones(counts.shape, dtype=np.bool_))
    assert found[:, 0].mean() == pytest.approx(0.05, abs=0.01)
    assert np.median(found[:, 1]) == 1.0


def test_a_past_of_heavier_tails_makes_the_same_count_less_rare() -> None:
    counts = np.full((1, 648), 10.0)
    counts[0, ::20] = 40.0
    shares = peaks(counts, np.full_like(counts, 10.0), np.array([0.1]), np.ones(counts.shape, dtype=np.bool_))
    # 33 of 648 hours of 40 where 10 are expected: ln of each tail beyond ln .05, and the prior's ten of 1.
    excess = log(0.05) - log(float(upper_tail(np.array([40.0]), np.array([10.0]), np.array([0.1]))[0]))
    slope = (33 * excess + 10) / 43 * (1 - 43**-0.5)
    assert shares[0].tolist() == pytest.approx([(33 + 2.5) / 698, slope], rel=1e-9)
    chance = np.array([1e-6])
    assert recalibrated(chance, shares[:, 0], shares[:, 1])[0] == pytest.approx(
        shares[0, 0] * exp(-(log(0.05) - log(1e-6)) / slope), rel=1e-9
    )


def test_recalibration_keeps_the_order_and_ends_at_one() -> None:
    chances = np.array([1e-9, 1e-4, 0.0499, 0.0501, 0.4, 1.0])
    found = recalibrated(chances, np.full(6, 0.08), np.full(6, 1.5))
    assert (np.diff(found) >= 0.0).all()
    assert found[-1] == 1.0
