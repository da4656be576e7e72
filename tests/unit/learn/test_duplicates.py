"""Learning duplicates: weights keep their signs, and the threshold its promise."""

import numpy as np
import pytest

from models.exact import Floats
from models.learn.duplicates import Pairs, Shares, fit_weights, shares_at, threshold


def rows(*columns: Floats) -> Floats:
    return np.column_stack([np.full(len(columns[0]), -1.0), *columns])


def source(seed: int = 0, size: int = 400) -> Pairs:
    """The first kind of evidence tells duplicates, the second the contrary, of the third nothing is said."""
    chance = np.random.default_rng(seed)

    def some(first: float, second: float) -> Floats:
        noise = chance.normal(scale=0.2, size=(2, size))
        return rows(first + noise[0], second + noise[1], np.zeros(size))

    return Pairs(some(0.8, 0.2), some(0.4, 0.5), some(0.0, 0.6))


def test_what_tells_duplicates_gets_weight_and_what_tells_others_none() -> None:
    bias, told, contrary, unsaid = fit_weights([source()], np.array([0.0, 0.0, 0.0, 0.7]))
    assert told > 1
    assert bias > 0
    assert contrary == 0
    assert unsaid == 0.7


def test_the_fitted_weights_are_a_minimum() -> None:
    """No weight moved either way makes the loss smaller, ridge counted."""
    given = source()
    start = np.zeros(4)
    found = fit_weights([given], start)

    def loss(weights: Floats) -> float:
        value = 0.0
        for part, label, share in ((given.repeats, 1, 0.5), (given.near, 0, 0.25), (given.random, 0, 0.25)):
            logits = part @ weights
            value += share * float((np.logaddexp(0, logits) - label * logits).mean())
        return value + 0.001 * float(weights @ weights)

    for kind in (0, 1):
        for step in (-0.02, 0.02):
            moved = found.copy()
            moved[kind] += step
            assert loss(moved) > loss(found)


def test_sources_count_alike_whatever_their_size() -> None:
    large, small = source(1, 4000), source(2, 40)
    both = fit_weights([large, small], np.zeros(4))
    doubled = Pairs(*(np.concatenate([part] * 5) for part in (small.repeats, small.near, small.random)))
    np.testing.assert_allclose(fit_weights([large, doubled], np.zeros(4)), both, rtol=1e-3)


@pytest.mark.parametrize("false_share", [0.001, 0.01, 0.05, 0.2])
def test_a_threshold_keeps_to_the_false_share(false_share: float) -> None:
    sources, weights = [source(1), source(2, 100)], np.array([2.0, 4.0, 0.0, 0.0])
    at = threshold(sources, weights, false_share)

    def share(at: float) -> float:
        found = [shares_at(one, weights, at) for one in sources]
        return float(np.mean([(one.false_near + one.false_random) / 2 for one in found]))

    assert share(at) <= false_share < share(at - 0.05)


def test_a_threshold_that_everybody_keeps_to_is_none() -> None:
    assert threshold([source()], np.array([2.0, 4.0, 0.0, 0.0]), 1.0) == 0.0


def test_shares_at_a_threshold() -> None:
    values = Pairs(
        repeats=np.array([[-1.0], [1.0]]), near=np.array([[1.0], [-1], [-1], [-1]]), random=np.array([[-1.0]])
    )
    assert shares_at(values, np.array([1.0]), 0.5) == Shares(0.5, 0.25, 0.0)
