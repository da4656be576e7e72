"""What a few weeks say of an hour of the week: weights and shrinkage by hand, and seasons that were planted."""

import numpy as np
import pytest

from models.surge.season import anscombe, outbreak_weights, profile, shrunk, trend


def test_farringtons_weights_by_hand() -> None:
    """Four weeks of an hour with a mean of 10, one of them an outbreak of 40, dispersion 1.

    Anscombe residual of 40: 40^(2/3) = 11.696071, 10^(2/3) = 4.641589, so 3/2 (11.696071 - 4.641589) = 10.581723; over
    10^(1/6) = 1.467799 that is 7.209246. It is above 2.58, so its weight is gamma / 7.209246² = .0192406 gamma; the
    others' residual is 0 and their weight gamma; they add up to 4: gamma = 4 / 3.0192406 = 1.324836.
    """
    counts = np.array([[10.0, 10.0, 10.0, 40.0]])
    residuals = anscombe(counts, np.full((1, 4), 10.0), np.ones((1, 4)))
    assert residuals[0].tolist() == pytest.approx([0.0, 0.0, 0.0, 7.209246], abs=1e-5)
    weights = outbreak_weights(residuals, np.ones((1, 4), dtype=np.bool_))
    assert weights[0].tolist() == pytest.approx([1.324836, 1.324836, 1.324836, 0.0254906], abs=1e-5)
    assert weights.sum() == pytest.approx(4.0)


def test_a_dispersion_divides_a_residual_by_its_root() -> None:
    counts, mean = np.array([[40.0]]), np.array([[10.0]])
    assert anscombe(counts, mean, np.array([[4.0]]))[0, 0] == pytest.approx(7.209246 / 2, abs=1e-5)


@pytest.mark.parametrize(
    ("residual", "weight"),
    [
        pytest.param(1.5, 1.0, id="Farrington's own limit of 1 would weigh it .44"),
        pytest.param(2.58, 1.0, id="at Noufaily's limit"),
        pytest.param(4.0, 1 / 16, id="above"),
        pytest.param(-4.0, 1.0, id="too few tickets are no outbreak"),
    ],
)
def test_what_an_outbreak_weighs_beside_other_counts(residual: float, weight: float) -> None:
    found = outbreak_weights(np.array([[0.0, residual]]), np.ones((1, 2), dtype=np.bool_))
    assert found[0, 1] / found[0, 0] == pytest.approx(weight)


def test_what_is_not_known_weighs_nothing() -> None:
    found = outbreak_weights(np.array([[0.0, 5.0, 0.0]]), np.array([[False, True, True]]))
    assert found[0].tolist() == pytest.approx([0.0, 2 * 0.04 / 1.04, 2 / 1.04])


def test_shrinkage_by_hand() -> None:
    """Two ratios of 1.3 and .7 with a noise of .04 beside a prior of 1: their mean square distance is .09, of which .04
    is chance, so .05 is true; 5/9 of each distance is kept: 1 + .3 * 5/9 = 1.166667. What remains is 5/9 * .04."""
    found, left = shrunk(
        np.array([[1.3, 0.7]]), np.full((1, 2), 0.04), np.ones((1, 2)), np.ones((1, 2), np.bool_)
    )
    assert found[0].tolist() == pytest.approx([1.166667, 0.833333], abs=1e-6)
    assert left[0, 0] == pytest.approx(5 / 9 * 0.04 / 1.166667**2, abs=1e-6)


def test_distances_that_chance_explains_are_no_season() -> None:
    found, left = shrunk(
        np.array([[1.1, 0.9]]), np.full((1, 2), 0.04), np.ones((1, 2)), np.ones((1, 2), np.bool_)
    )
    assert found[0].tolist() == [1.0, 1.0]
    assert left[0].tolist() == [0.0, 0.0]


def planted(rate: float, weeks: int) -> tuple[np.ndarray, np.ndarray]:
    """What is expected [168] of a busy noon and a quiet Sunday, and counts [1, W, 168] of it."""
    hour = np.arange(168)
    shape = np.exp(np.cos(2 * np.pi * (hour % 24 - 12) / 24)) * np.where(hour // 24 == 6, 0.4, 1.0)
    expected = rate * shape / shape.mean()
    counts = np.random.default_rng(3).poisson(np.tile(expected, (1, weeks, 1))).astype(np.float64)
    return expected, counts


def test_a_season_is_found_where_there_are_tickets_enough() -> None:
    expected, counts = planted(10.0, 4)
    few = np.full(1, 0.01)
    found, doubt = profile(counts, np.ones_like(counts), few, few / 24)
    off = found[0] / expected - 1.0
    raw = counts[0].mean(axis=0) / expected - 1.0
    assert np.sqrt((off**2).mean()) < 0.6 * np.sqrt((raw**2).mean())
    assert found.sum() == pytest.approx(counts.sum() / 4, rel=1e-3)
    assert np.sqrt(doubt.mean()) == pytest.approx(np.sqrt((off**2).mean()), rel=0.5)


def test_no_season_is_made_up_from_a_dozen_tickets() -> None:
    _, counts = planted(0.02, 4)
    few = np.full(1, 0.01)
    found, _ = profile(counts, np.ones_like(counts), few, few / 24)
    assert found.max() / found.mean() < 6.0, "one ticket in an hour is 48 times its mean"


def test_the_latest_week_has_a_level_of_its_own() -> None:
    expected, counts = planted(10.0, 4)
    counts[:, 3] = np.rint(counts[:, 3] * 1.5)
    weights, few = np.ones_like(counts), np.full(1, 0.01)
    found, doubt = profile(counts, weights, few, few / 24)
    level, _ = trend(counts, weights, found, few / 24)
    assert (found * level[:, None]).mean() / expected.mean() == pytest.approx(1.5, abs=0.05)
    assert (doubt > 0.0).all()
