"""Fitting a sentiment head: a network of one hidden layer learns from vectors and how upset their texts are.

Off the ticket's path; `app/sentiment/train.py` brings the texts and keeps the result.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Adam with its authors' constants (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1).
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8

_LIMITS = np.arange(1, 100) / 100


@dataclass(frozen=True, slots=True)
class NetPolicy:
    """How the network is fitted.

    Attributes:
        units: of the hidden layer.
        decay: weight decay of both layers' weights, as in L2 regularisation of the mean loss.
        epochs: passes over the examples; the step shrinks to 0 over all of them.
        batch: examples of one step.
        step: Adam's step size at the start.
        seed: of the first weights and of the examples' order.
    """

    units: int = 64
    decay: float = 0.006
    epochs: int = 8
    batch: int = 256
    step: float = 0.001
    seed: int = 0


class Net(NamedTuple):
    """Weights of max(0, x @ hidden + hidden_bias) @ output + bias: [dim, units], [units], [units], [1]; float64."""

    hidden: Numbers
    hidden_bias: Numbers
    output: Numbers
    bias: Numbers


def fit_net(vectors: NDArray[np.floating], targets: Numbers, weights: Numbers, policy: NetPolicy) -> Net:
    """The network whose logistic output comes nearest to the targets, in weighted cross-entropy.

    Args:
        vectors: [n, dim] unit rows.
        targets: [n] from 0, calm, to 1; those between say how surely or how strongly upset a text is.
        weights: [n] how much each example counts.

    Unit rows have small components: they are learnt from as rows whose components are about 1, and the hidden
    weights scaled back in the end. Same arguments, same bits on one machine; from one to another the last ones differ.
    """
    scale = float(np.sqrt(vectors.shape[1]))
    chance = np.random.default_rng(policy.seed)
    net = _first(vectors.shape[1], policy.units, chance)
    moments = [np.zeros_like(part) for part in net], [np.zeros_like(part) for part in net]
    count = len(vectors)
    weights = weights / weights.mean()
    steps = policy.epochs * -(-count // policy.batch)
    done = 0
    for _ in range(policy.epochs):
        order = chance.permutation(count)
        for start in range(0, count, policy.batch):
            rows = order[start : start + policy.batch]
            inputs = vectors[rows].astype(np.float64) * scale
            found = _slope(net, inputs, targets[rows], weights[rows], policy.decay)
            done += 1
            _move(net, found, moments, done, policy.step * (1 - done / steps))
    return net._replace(hidden=net.hidden * scale)


def _first(dim: int, units: int, chance: np.random.Generator) -> Net:
    """Random weights that keep the size of what passes through (He et al. 2015, arXiv:1502.01852)."""
    return Net(
        hidden=chance.standard_normal((dim, units)) * np.sqrt(2 / dim),
        hidden_bias=np.zeros(units),
        output=chance.standard_normal(units) * np.sqrt(1 / units),
        bias=np.zeros(1),
    )


def _slope(net: Net, rows: Numbers, targets: Numbers, weights: Numbers, decay: float) -> Net:
    """Gradient of the mean weighted cross-entropy of some rows, with the decay."""
    raw = rows @ net.hidden + net.hidden_bias
    hidden = np.maximum(raw, 0.0)
    logits = hidden @ net.output + net.bias
    error = weights * (1 / (1 + np.exp(-logits)) - targets) / len(rows)
    back = error[:, None] * net.output * (raw > 0)
    return Net(
        hidden=rows.T @ back + decay * net.hidden,
        hidden_bias=back.sum(axis=0),
        output=hidden.T @ error + decay * net.output,
        bias=error.sum(keepdims=True),
    )


def _move(net: Net, slope: Net, moments: tuple[list[Numbers], list[Numbers]], done: int, step: float) -> None:
    """One step of Adam, in place."""
    for part, down, first, second in zip(net, slope, *moments, strict=True):
        first += (1 - _BETA_1) * (down - first)
        second += (1 - _BETA_2) * (down * down - second)
        grown = np.sqrt(second / (1 - _BETA_2**done)) + _EPSILON
        part -= step * (first / (1 - _BETA_1**done)) / grown


def best_limit(scores: Numbers, truth: Flags) -> float:
    """The score, in hundredths, from which on calling a text upset gives the highest F1, the lowest of several.

    Args:
        scores: [n] from 0 to 1; truth: [n] which texts are upset, at least one.
    """
    return float(_LIMITS[int(np.argmax([_f1(scores >= limit, truth) for limit in _LIMITS]))])


def rare_limit(scores: Numbers, share: float) -> float:
    """The lowest score, in hundredths, that at most `share` of the texts with these scores [n] reach; 0.99 if none."""
    held = [limit for limit in _LIMITS if np.mean(scores >= limit) <= share]
    return float(min(held, default=_LIMITS[-1]))


def _f1(said: Flags, truth: Flags) -> float:
    """Harmonic mean of precision and recall."""
    return 2 * int((said & truth).sum()) / (int(said.sum()) + int(truth.sum()))
