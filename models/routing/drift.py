"""Drift: how far the tickets of today have moved from the history that a generation was made from. After match, beside
decide, which it does not change.

The measure is the population stability index of credit scoring: over parts that held a share p of the history and hold
q now, the sum of (q - p) ln(q / p), which is Jeffreys' divergence (Jeffreys 1946; Kullback and Leibler 1951). Under .1
nothing has changed, from .25 on much has: the rule of thumb of that trade (Lewis 1994, Siddiqi 2006). Where nothing
has changed, the index of n tickets over B parts against a history of m is distributed as (1/n + 1/m) times a
chi-square of B - 1 degrees of freedom (Yurdakul 2018), so that .25 says something of a window that is large enough.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.exact import Floats
from models.generation import Confidence, Generation
from models.routing.match import Match
from models.vote import Rows

# A chi-square of 9 degrees of freedom is larger once in 100,000.
_CHANCE = 39.34

# Added to the tickets of every part: a part that is empty is not infinitely far away.
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """What is looked at, and what is said of it.

    Of 1,000 windows drawn from tickets that a generation had not seen, none raised the alarm: of 500 tickets they
    reached .10 at most, of 1,000 .08 (Banking77 and CLINC150, shuffled, 500 to 6,000 of them as history), on the demo's
    company .17 and .10, and .22 and .18 on CLINC150's own test part, which was not written as its train part was. Of
    windows with three tenths of texts of the other data set all raised it, with a tenth none; of the demo's Chinese
    tickets with English ones among them, all with four tenths (tests/bench/test_drift.py).

    Attributes:
        window: tickets that are looked at, the latest.
        least: tickets before which nothing is said.
        alarm_at: index from which on there is drift.
        calm_at: index below which there is none any more.
    """

    window: int = 1_000
    least: int = 500
    alarm_at: float = 0.25
    calm_at: float = 0.1


@dataclass(frozen=True, slots=True)
class Yardstick:
    """One measure of the history, cut into parts.

    Attributes:
        name: `confidence`, `nearest` or `strength`.
        ends: [B - 1] ascending, the last value of each part but the last, which has no end.
        shares: [B] of the history.
    """

    name: str
    ends: Floats
    shares: Floats


def yardsticks(generation: Generation) -> tuple[Yardstick, ...]:
    """A yardstick for each measure of the generation's reference that a decision has too."""
    return tuple(
        yardstick(name, deciles)
        for name, deciles in generation.reference
        if name in _MEASURES and not (name == "strength" and generation.confidence.strength == 0.0)
    )


def yardstick(name: str, deciles: Sequence[float]) -> Yardstick:
    """The parts between ascending deciles, of 11 values with both ends. Equal ones fall together, so that a part is
    never cut where many tickets stand on one value."""
    upto = {value: number / 10 for number, value in enumerate(deciles) if number > 0 and value < deciles[-1]}
    shares = np.diff([0.0, *upto.values(), 1.0])
    return Yardstick(name, np.array(list(upto), dtype=np.float64), shares)


def parts_of(matches: Sequence[Match], generation: Generation, sticks: Sequence[Yardstick]) -> Rows:
    """[k, len(sticks)] the part that each ticket falls into, in their order, without those that are copies.

    The history's measures are of tickets whose copies were held back with them. Nothing of that kind is nearer to the
    history than the nearest of these was, so that a ticket which is counts for a copy: it says nothing of drift, and
    in a stream of templates would look like much of it.
    """
    most = next((deciles[-1] for name, deciles in generation.reference if name == "nearest"), math.inf)
    own = [match for match in matches if match.nearest <= most]
    columns = [
        np.searchsorted(stick.ends, [_MEASURES[stick.name](match, generation.confidence) for match in own])
        for stick in sticks
    ]
    return np.array(columns, dtype=np.int64).reshape(len(sticks), len(own)).T


def stability_index(counts: NDArray[np.integer], shares: Floats) -> float:
    """The population stability index of tickets by part [B] against the history's shares [B]; 0 or more."""
    now = (counts + _HALF) / (counts.sum() + _HALF * len(counts))
    return float(np.sum((now - shares) * np.log(now / shares)))


def least_window(history: int, policy: DriftPolicy) -> int | None:
    """The tickets from which on the alarm is beyond chance, against a history of so many; None where no window of the
    policy's is large enough."""
    room = policy.alarm_at / _CHANCE - 1.0 / max(1, history)
    if room * policy.window < 1.0:
        return None
    return max(policy.least, math.ceil(1.0 / room))


def _strength(match: Match, confidence: Confidence) -> float:
    """How strongly the head answered: the other part of the scope (see evidence.scope_of)."""
    return (match.scope - match.nearest * confidence.nearest) / confidence.strength


_MEASURES: dict[str, Callable[[Match, Confidence], float]] = {
    "confidence": lambda match, _: match.candidates[0].confidence,
    "nearest": lambda match, _: match.nearest,
    "strength": _strength,
}
