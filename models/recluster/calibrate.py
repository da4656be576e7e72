"""Calibrate: the thresholds of a generation, fitted on its own history. After exemplars; last step before naming.

Each ticket is voted on as if it were new: voters with its own text, and so itself, have no say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generation import Thresholds
from models.vote import Rows, Searchable, Vectors, VotePolicy, settle, tally

# A share of the vote that no ticket can reach: such a generation never routes without a person.
NEVER = 1.01

_CHUNK = 1024
_MOST_QUERIES = 20_000


@dataclass(frozen=True, slots=True)
class CalibrationPolicy:
    """What the thresholds must hold.

    Attributes:
        precision: share of automatically routed tickets that must go to the right owner.
        doubt: standard errors by which the measured precision must lie above it (Wilson 1927, lower bound); at 1 a
            history must be right 19 times of 19 before anything is routed, and one of thousands loses nothing.
        floor_quantile: share of the correctly voted tickets that may fall under the floor.
    """

    precision: float = 0.95
    doubt: float = 1.0
    floor_quantile: float = 0.01


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds and what they would have done to the history.

    Attributes:
        reachable: whether any share of the vote reaches the precision asked for; if not, route_at is NEVER.
        accuracy: share of the history whose owner won the vote.
        coverage: share that would have been routed.
        precision: share of those routed that went to the right owner, 0 where none was.
    """

    thresholds: Thresholds
    reachable: bool
    accuracy: float
    coverage: float
    precision: float


def calibrate(
    vectors: Vectors,
    labels: Rows,
    text_keys: Sequence[str],
    voter_texts: Sequence[str],
    ready: Searchable,
    vote: VotePolicy,
    policy: CalibrationPolicy,
) -> Calibration:
    """Thresholds from a vote on history rows.

    Args:
        vectors: [n, dim] of the tickets voted on.
        labels: [n] their true cluster rows, none of them -1.
        text_keys: n, equal for equal texts.
        voter_texts: the same key for every voter of `ready`, in order.
    """
    rows = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _MOST_QUERIES)).astype(np.int64))
    numbers = {key: number for number, key in enumerate(dict.fromkeys([*voter_texts, *text_keys]))}
    voter_text = np.array([numbers[key] for key in voter_texts], dtype=np.int64)
    own_text = np.array([numbers[text_keys[row]] for row in rows], dtype=np.int64)
    parts = [
        _vote(settle(vectors[rows[at : at + _CHUNK]]), own_text[at : at + _CHUNK], voter_text, ready, vote)
        for at in range(0, len(rows), _CHUNK)
    ]
    winner, confidence, nearest = (np.concatenate(column) for column in zip(*parts, strict=True))
    heard = np.isfinite(nearest)
    right = (winner == ready.party[labels[rows]]) & heard
    basis = nearest[right] if right.any() else nearest[heard]
    floor = round(float(np.quantile(basis, policy.floor_quantile)), 4) if len(basis) else 0.0
    known = nearest >= floor
    route_at = _route_at(confidence[known], right[known], policy)
    routed = (confidence >= route_at) & known
    return Calibration(
        thresholds=Thresholds(floor=floor, route_at=route_at),
        reachable=route_at <= 1,
        accuracy=float(right.mean()),
        coverage=float(routed.mean()),
        precision=float(right[routed].mean()) if routed.any() else 0.0,
    )


def _vote(
    queries: Vectors, own_text: Rows, voter_text: Rows, ready: Searchable, policy: VotePolicy
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
    """Winning party, its share and the nearest cosine of each query, voters of its own text left out."""
    copies = int(np.bincount(voter_text)[own_text[own_text <= voter_text.max()]].max(initial=0))
    similarities, voters = ready.voter_index.search(queries, policy.neighbours + copies)
    barred = (voters < 0) | (voter_text[voters] == own_text[:, None])
    order = np.argsort(barred, axis=1, kind="stable")[
        :, : policy.neighbours
    ]  # the admitted first, in their order
    barred = np.take_along_axis(barred, order, 1)
    seats = np.where(barred, -1, ready.voter_cluster[np.take_along_axis(voters, order, 1)])
    heard = np.where(barred, -np.inf, np.take_along_axis(similarities, order, 1)).astype(np.float32)
    share = tally(heard, seats, ready.party, policy).by_party
    nearest = np.minimum(heard[:, 0], 1.0).astype(np.float64)  # as match reports it
    return share.argmax(axis=1), share.max(axis=1).round(6), nearest


def _route_at(confidence: NDArray[np.float64], right: NDArray[np.bool_], policy: CalibrationPolicy) -> float:
    """The smallest share from which on the precision holds, NEVER where none does."""
    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    holds = wilson_lower(np.cumsum(right[order]), count, policy.doubt) >= policy.precision
    # Equal shares are routed together: only the last of them is a place to cut.
    holds &= np.append(confidence[order][1:] != confidence[order][:-1], True)
    return float(confidence[order][np.flatnonzero(holds)[-1]]) if holds.any() else NEVER


def wilson_lower(
    successes: NDArray[np.int64], trials: NDArray[np.int64], errors: float
) -> NDArray[np.float64]:
    """Lower end of the Wilson score interval, `errors` standard errors wide (Wilson 1927, JASA 22:209-212)."""
    share = successes / trials
    spread = errors * np.sqrt(share * (1 - share) / trials + errors**2 / (4 * trials**2))
    lower: NDArray[np.float64] = (share + errors**2 / (2 * trials) - spread) / (1 + errors**2 / trials)
    return lower
