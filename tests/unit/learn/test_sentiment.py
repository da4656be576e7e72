"""Fitting a sentiment head: what it learns, that it is repeatable, and where its bands are put."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.learn.sentiment import Net, NetPolicy, best_limit, fit_net, rare_limit

SMALL = NetPolicy(units=8, decay=0.0, epochs=40, batch=16, step=0.01)


def _rows(count: int = 200) -> NDArray[np.float64]:
    rows = np.random.default_rng(0).standard_normal((count, 6))
    scaled: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def _said(net: Net, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    logits = np.maximum(rows @ net.hidden + net.hidden_bias, 0) @ net.output + net.bias
    return 1 / (1 + np.exp(-logits))


def _fit(rows: NDArray[np.float64], targets: NDArray[np.float64], policy: NetPolicy = SMALL) -> Net:
    return fit_net(rows, targets, np.ones(len(rows)), policy)


def test_it_learns_what_no_line_divides() -> None:
    rows = _rows()
    targets = (rows[:, 0] * rows[:, 1] > 0).astype(np.float64)
    assert ((_said(_fit(rows, targets), rows) > 0.5) == (targets > 0.5)).mean() > 0.95


def test_a_target_between_is_a_score_between() -> None:
    rows = _rows()
    found = _said(_fit(rows, np.full(len(rows), 0.7)), rows)
    assert np.abs(found - 0.7).max() < 0.05


def test_what_weighs_nothing_teaches_nothing() -> None:
    rows = _rows()
    truth = (rows[:, 0] > 0).astype(np.float64)
    weights = np.concatenate([np.ones(100), np.zeros(100)])
    net = fit_net(rows, np.concatenate([truth[:100], 1 - truth[100:]]), weights, SMALL)
    assert ((_said(net, rows) > 0.5) == (truth > 0.5)).mean() > 0.9


def test_the_same_examples_give_the_same_bytes_and_another_seed_others() -> None:
    rows, targets = _rows(), (_rows()[:, 2] > 0).astype(np.float64)
    one, same = _fit(rows, targets), _fit(rows, targets)
    other = _fit(rows, targets, NetPolicy(units=8, decay=0.0, epochs=40, batch=16, step=0.01, seed=1))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one, same, strict=True))
    assert one.hidden.tobytes() != other.hidden.tobytes()


def test_decay_keeps_weights_small() -> None:
    rows, targets = _rows(), (_rows()[:, 2] > 0).astype(np.float64)
    held = _fit(rows, targets, NetPolicy(units=8, decay=0.1, epochs=40, batch=16, step=0.01))
    assert np.linalg.norm(held.hidden) < np.linalg.norm(_fit(rows, targets).hidden) / 2


@pytest.mark.parametrize(
    ("scores", "upset", "limit"),
    [
        pytest.param([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 0.21, id="the-lowest-that-parts-them"),
        pytest.param([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1], 0.11, id="one-false-for-two-found"),
        pytest.param([0.3, 0.1], [0, 1], 0.01, id="the-wrong-way-round"),
    ],
)
def test_the_best_limit(scores: list[float], upset: list[int], limit: float) -> None:
    assert best_limit(np.array(scores), np.array(upset, dtype=np.bool_)) == limit


@pytest.mark.parametrize(
    ("scores", "share", "limit"),
    [
        pytest.param([0.1, 0.2, 0.3, 0.7], 0.25, 0.31, id="one-of-four-may"),
        pytest.param([0.1, 0.2, 0.3, 0.7], 0.0, 0.71, id="none-may"),
        pytest.param([1.0], 0.0, 0.99, id="no-limit-holds"),
    ],
)
def test_the_lowest_limit_that_few_reach(scores: list[float], share: float, limit: float) -> None:
    assert rare_limit(np.array(scores), share) == limit
