"""Learn the confidence: what the evidence for an owner is worth, and from where on nobody needs to look.

Everything is fitted on tickets of the history that were held back in turn, in two roles: as they are (with their copies
held back too), and as tickets of a problem that nobody has seen (with all tickets of their cluster held back), which
no owner can be right for.
"""

from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from models.evidence import confidence_of, scope_of, weigh
from models.exact import Floats
from models.generation import Confidence
from models.vote import Rows

# A confidence that no ticket can reach: such a generation never routes without a person.
NEVER = 1.01

# What stands in for what cannot be fitted: a history of one owner, or of a handful of tickets.
UNFITTED = Confidence(head=10.0, vote=3.0, centroid=1.0, slope=1.0, bias=0.0, strength=1.0, nearest=1.0)

_DECILES = np.linspace(0, 1, 11)


@dataclass(frozen=True, slots=True)
class ConfidencePolicy:
    """What the thresholds must hold.

    Attributes:
        target_error: share of automatically routed tickets that may go to the wrong owner.
        unknown_share: share of tickets that are assumed to be of problems that the history has never seen. With none,
            a stream that has some breaks the promise; with more, fewer tickets are routed: CLINC150's validation part,
            3 % of it nobody's, was routed to .911 and rightly to .979 at .05, and to .825 and .993 at .1.
        floor_quantile: share of the rightly answered tickets that may be called unlike the history.
        owner_tickets: tickets given to an owner from which on it has a threshold of its own.
        least: confidence under which nothing is routed, however well the rest does: a ticket that more likely goes
            wrong than right is for a person.
    """

    target_error: float = 0.05
    unknown_share: float = 0.05
    floor_quantile: float = 0.01
    owner_tickets: int = 150
    least: float = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """Evidence on m tickets that were held back.

    Attributes:
        answers, linear, votes, centroids: [m, parties] the four kinds of evidence.
        strength, nearest: [m] as evidence.Evidence has them.
    """

    answers: Floats
    linear: Floats
    votes: Floats
    centroids: Floats
    strength: Floats
    nearest: Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted, and what it would have done to the history.

    Attributes:
        scope: the threshold of `thresholds.scope`.
        owners: stricter thresholds by party.
        reachable: whether any confidence holds the error; if not, route_at is NEVER.
        accuracy: share of the held-back tickets whose owner led.
        coverage: share that would have been routed.
        precision: share of those routed that went to the right owner, 0 where none was.
        reference: deciles of the confidence, the nearest cosine and the strength of the held-back tickets.
    """

    confidence: Confidence
    scope: float
    route_at: float
    owners: tuple[tuple[int, float], ...]
    reachable: bool
    accuracy: float
    coverage: float
    precision: float
    reference: tuple[tuple[str, tuple[float, ...]], ...]


def calibrate(
    alone: Asked, unknown: Asked | None, truth: Rows, policy: ConfidencePolicy, *, has_head: bool
) -> Calibration:
    """Weights, calibration and thresholds from held-back tickets of true party `truth` [m].

    Args:
        unknown: the same tickets as if their problem were unknown; None where there is one party only.
    """
    confidence = _stacked(alone, truth, has_head)
    probability = weigh(alone.answers, alone.linear, alone.votes, alone.centroids, confidence)
    leader, right = probability.argmax(axis=1), probability.argmax(axis=1) == truth
    top, weight, led = probability.max(axis=1), np.ones(len(truth)), leader
    every = right
    if unknown is not None:
        stranger = weigh(unknown.answers, unknown.linear, unknown.votes, unknown.centroids, confidence)
        top, led = np.append(top, stranger.max(axis=1)), np.append(led, stranger.argmax(axis=1))
        every = np.append(right, np.zeros(len(truth), dtype=np.bool_))
        share = policy.unknown_share
        weight = np.repeat([1.0, share / (1.0 - share)], len(truth))
        confidence = _platt(confidence, top, every, weight)
        confidence = _scoped(confidence, alone, unknown)
    scopes = scope_of(alone.strength, alone.nearest, confidence)
    basis = scopes[right] if right.any() else scopes
    scope = _floored(np.quantile(basis, policy.floor_quantile)) if len(basis) else 0.0
    if unknown is not None:
        scopes = np.append(scopes, scope_of(unknown.strength, unknown.nearest, confidence))
    known = scopes >= scope  # no other is ever routed: it costs nothing
    sure = confidence_of(top, confidence)
    route_at, owners = _thresholds(sure[known], every[known], weight[known], led[known], policy)
    needed = np.full(probability.shape[1], route_at)
    for party, at in owners:
        needed[party] = at
    own = sure[: len(truth)]
    routed = known[: len(truth)] & (own >= needed[leader])
    return Calibration(
        confidence=confidence,
        scope=scope,
        route_at=route_at,
        owners=owners,
        reachable=route_at <= 1,
        accuracy=float(right.mean()) if len(right) else 0.0,
        coverage=float(routed.mean()) if len(right) else 0.0,
        precision=float(right[routed].mean()) if routed.any() else 0.0,
        reference=tuple(
            (name, tuple(_rounded(value) for value in np.quantile(values, _DECILES)))
            for name, values in (
                ("confidence", own),
                ("nearest", alone.nearest),
                ("strength", alone.strength),
            )
            if len(values)
        ),
    )


def route_from(confidence: Floats, right: NDArray[np.bool_], weight: Floats, target_error: float) -> float:
    """The smallest confidence from which on the tickets routed are wrong at most as often as the target says; NEVER
    where there is none.

    Conformal risk control (Angelopoulos et al. 2024) of the loss that a ticket routed costs: 1 - target where it is
    wrong, -target where it is right, 0 where it is not routed. One more ticket, of the worst kind, is added to those
    seen; at a target of .05 a history must be right 19 times of 19 before anything is routed, and one of thousands
    loses next to nothing. The loss is not monotone in the threshold: it holds at the threshold, and on the whole from
    there on upwards, where the tickets are surer, but not at each cut between.
    """
    order = np.argsort(-confidence, kind="stable")
    loss = np.cumsum(weight[order] * (np.where(right[order], 0.0, 1.0) - target_error)) + (1.0 - target_error)
    # Equal confidences are routed together: only the last of them is a place to cut.
    ends = np.append(confidence[order][1:] != confidence[order][:-1], True)[: len(order)]
    holds = ends & (loss <= 1e-9)
    return float(confidence[order][np.flatnonzero(holds)[-1]]) if holds.any() else NEVER


def _thresholds(
    confidence: Floats, right: NDArray[np.bool_], weight: Floats, leader: Rows, policy: ConfidencePolicy
) -> tuple[float, tuple[tuple[int, float], ...]]:
    """From where on to route; and parties whose own tickets break the promise there, with where theirs would hold it.

    Rounded down to the places that a decision's confidence has: what was routed here is routed there.
    """
    route_at = max(policy.least, _floored(route_from(confidence, right, weight, policy.target_error)))
    found = []
    for party in np.unique(leader).tolist():
        own = leader == party
        if weight[own].sum() < policy.owner_tickets:
            continue
        routed = own & (confidence >= route_at)
        wrong = float((weight[routed] * ~right[routed]).sum())
        if wrong > policy.target_error * float(weight[routed].sum()):
            at = _floored(route_from(confidence[own], right[own], weight[own], policy.target_error))
            if at > route_at:
                found.append((int(party), at))
    return route_at, tuple(found)


def _stacked(alone: Asked, truth: Rows, has_head: bool) -> Confidence:
    """The weights of a conditional logit by maximum likelihood, none of them negative."""
    evidence = np.stack([alone.answers, alone.linear, alone.votes, alone.centroids], axis=-1)
    if evidence.shape[1] < 2 or len(truth) < 2:
        return UNFITTED if has_head else replace(UNFITTED, head=0.0)
    own = evidence[np.arange(len(truth)), truth]

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = evidence @ weights
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        shares /= shares.sum(axis=1, keepdims=True)
        likely = np.log(shares[np.arange(len(truth)), truth] + 1e-300)
        slope = (np.einsum("np,npk->nk", shares, evidence) - own).mean(axis=0)
        # Weak pull to 0, as of one ticket among the others: without it a history that is always right has no end.
        return float(-likely.mean() + weights @ weights / 200 / len(truth)), slope + weights / 100 / len(
            truth
        )

    start = np.array([UNFITTED.head if has_head else 0.0, 0.0, UNFITTED.vote, UNFITTED.centroid])
    learned = (0.0, None if has_head else 0.0)
    bounds = [learned, learned, (0.0, None), (0.0, None)]
    head, linear, vote, centroid = map(
        _rounded, minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    )
    return replace(UNFITTED, head=head, linear=linear, vote=vote, centroid=centroid)


def _platt(confidence: Confidence, top: Floats, right: NDArray[np.bool_], weight: Floats) -> Confidence:
    """Slope and bias of the log-odds (Platt 1999)."""
    if right.all() or not right.any():
        return confidence
    bounded = np.clip(top, 1e-9, 1 - 1e-9)
    odds = np.log(bounded / (1 - bounded))
    fitted = LogisticRegression(C=1e3).fit(odds[:, None], right, sample_weight=weight)
    return replace(
        confidence,
        slope=max(0.05, _rounded(fitted.coef_[0, 0])),  # a leader more likely is never less sure
        bias=_rounded(fitted.intercept_[0]),
    )


def _scoped(confidence: Confidence, alone: Asked, unknown: Asked) -> Confidence:
    """Weights of strength and nearness that best tell tickets from those of problems never seen."""
    seen = np.stack([alone.strength, alone.nearest], axis=1)
    never = np.stack([unknown.strength, unknown.nearest], axis=1)
    both = np.concatenate([seen, never])
    spread = both.std(axis=0) + 1e-9
    known = np.repeat([True, False], [len(seen), len(never)])
    fitted = LogisticRegression(C=1e3).fit(both / spread, known).coef_[0] / spread
    strength, nearest = (max(0.0, _rounded(value)) for value in fitted)
    if strength == nearest == 0.0:
        return confidence
    return replace(confidence, strength=strength, nearest=nearest)


def _rounded(value: float) -> float:
    return round(float(value), 6)


def _floored(value: float) -> float:
    return floor(float(value) * 1e6) / 1e6
