"""Duplicates: whether two tickets report the same thing. Beside match on the routing path; live, and no part of what
makes a decision one that can be made again.

Two tickets are compared by what sets them apart from all others of the company: their vectors without what most
tickets have in common, the rare letters of their openings, who reported them, about what, and when.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.exact import Floats, logistic
from models.vote import Vectors

Terms = NDArray[np.uint16]
"""Which buckets of BUCKETS the letters of a text fall in, ascending, each once."""

# Trigrams of letters hashed; on the SeaMonkey pairs 16,384 buckets did as well as 262,144.
BUCKETS = 1 << 15
_MULTIPLIERS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], dtype=np.uint64)
_MIXER = np.uint64(0xD6E8FEB86659FD93)
_TOP = np.uint64(64 - 15)
_BLANK = np.uint64(32)
_LAST = 0x323B0  # no letter: stands for all above, where none is

# A text up to so long is all opening. Of a longer one, the sentences until they say something, cut where a title
# would have ended; on the SeaMonkey pairs, openings of 60 to 160 characters found fewer (.34 of average precision
# among random pairs against .58).
_ALL_OPENING, _LEAST_OPENING, _MOST_OPENING = 160, 20, 120
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|(?<=[。！？])")

# Directions that are weakened, and tickets for each of them and at least: fewer do not tell what is common.
_DIRECTIONS, _TICKETS_A_DIRECTION = 10, 20
LEAST_TICKETS = 64


@dataclass(frozen=True, slots=True)
class Weights:
    """What each kind of evidence adds to the log-odds that two tickets are duplicates; none is negative.

    Attributes:
        bias: taken off every pair.
        meaning: times the cosine of the vectors as they stand out from the backdrop.
        wording: times the overlap of the openings' terms.
        beyond: times that overlap times the share of the longer text behind its opening: of a long text, the
            opening says what it is about.
        recent: times 2 ** (-age / half-life), from which its mean over the first 14 days is taken off.
        same_customer: added where both are one customer's.
        other_customer, other_product: taken off where both are known and differ.

    What is not known of one of the two adds nothing and takes nothing off.
    """

    bias: float
    meaning: float
    wording: float
    beyond: float
    recent: float
    same_customer: float
    other_customer: float
    other_product: float


@dataclass(frozen=True, slots=True)
class DuplicatePolicy:
    """When a ticket is said to repeat another.

    Attributes:
        at: score from which on it is.
        horizon_ms: tickets created further apart are not compared.
        half_life_ms: after which half of what being recent adds is gone.
        candidates: open tickets that a new one is compared with, those nearest in meaning.
    """

    weights: Weights
    at: float
    horizon_ms: int
    half_life_ms: int = 30 * 86_400_000
    candidates: int = 8

    def __post_init__(self) -> None:
        if self.horizon_ms < 0 or self.half_life_ms < 1 or self.candidates < 1:
            raise ValueError("a horizon may not be negative; half-life and candidates are positive")


WEIGHTS = Weights(
    bias=1.57,
    meaning=3.81,
    wording=1.86,
    beyond=3.25,
    recent=1.39,
    same_customer=1.0,
    other_customer=0.25,
    other_product=1.0,
)
"""Made by `python -m app.train.duplicates` of half the SeaMonkey bug reports that were closed as duplicates and half
the intents of Banking77's train part; the last three by judgement, since neither says whose its tickets are."""

AT = 0.87
"""At which 1 in 100 of the other pairs of those halves is called a duplicate, half of them nearest neighbours and half
random. A link that is wrong costs a glance; nothing is merged by it."""

DAY_MS = 86_400_000
COMMITTED = DuplicatePolicy(WEIGHTS, AT, 14 * DAY_MS)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What all tickets of a company have in common, so that it says little of any two of them.

    Attributes:
        mean: [dim] float32, of the vectors.
        directions: [k, dim] float32 unit rows in which the vectors differ most.
        kept: [k] float32, the part of each direction that is kept, 0 to 1.
        rarity: [BUCKETS] float32, how few texts hold each term, squared.
    """

    mean: Vectors
    directions: Vectors
    kept: Vectors
    rarity: Vectors


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a ticket is compared by, beside its vector.

    Attributes:
        terms: of its opening.
        beyond: share of the text behind its opening.
        created_at_ms: epoch milliseconds; None where it is not known.
    """

    terms: Terms
    beyond: float
    customer_id: str | None = None
    product: str | None = None
    created_at_ms: int | None = None


def plain(dim: int) -> Backdrop:
    """The backdrop of a company of which too little is known: nothing is common, every term is as rare."""
    nothing = np.empty((0, dim), dtype=np.float32)
    return Backdrop(
        np.zeros(dim, dtype=np.float32), nothing, nothing[:, 0], np.ones(BUCKETS, dtype=np.float32)
    )


def backdrop_of(vectors: Vectors, holding: NDArray[np.int64]) -> Backdrop:
    """The backdrop of tickets by their vectors [n, dim] and the number of their texts that hold each term [BUCKETS];
    a plain one of fewer than LEAST_TICKETS.

    The mean is taken off, and the strongest directions are scaled down to the variance of the one behind them, a
    softer form of removing them (Mu and Viswanath 2018, arXiv:1702.01417): templates and domains fill them. A term's
    rarity is its inverse document frequency (Sparck Jones 1972).
    """
    count, dim = vectors.shape
    if count < LEAST_TICKETS:
        return plain(dim)
    mean = vectors.mean(axis=0, dtype=np.float64)
    apart = vectors.astype(np.float64) - mean
    variance, directions = np.linalg.eigh(apart.T @ apart / count)
    strongest = min(_DIRECTIONS, count // _TICKETS_A_DIRECTION, dim - 1)
    variance, directions = variance[::-1], directions[:, ::-1][:, :strongest]
    rarity = np.log((1 + count) / (1 + holding)) ** 2
    return Backdrop(
        mean=mean.astype(np.float32),
        directions=np.ascontiguousarray(directions.T, dtype=np.float32),
        kept=(variance[strongest] / np.maximum(variance[:strongest], 1e-12)).astype(np.float32),
        rarity=rarity.astype(np.float32),
    )


def stand_out(vectors: Vectors, backdrop: Backdrop) -> Vectors:
    """Vectors [n, dim] as they stand out from the backdrop: unit rows, zeros where nothing does."""
    apart = vectors.astype(np.float32) - backdrop.mean
    apart += (apart @ backdrop.directions.T * (backdrop.kept - 1)) @ backdrop.directions
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    unit: Vectors = np.divide(apart, lengths, out=np.zeros_like(apart), where=lengths > 1e-6)
    return unit


def opening_of(text: str) -> str:
    """What a text begins with: its title, where it has one, or its first words."""
    if len(text) <= _ALL_OPENING:
        return text
    ends = (gap.start() for gap in _SENTENCE_END.finditer(text, 0, _MOST_OPENING))
    return text[: next((end for end in ends if end >= _LEAST_OPENING), _MOST_OPENING)]


def sketch(
    text: str, customer_id: str | None = None, product: str | None = None, created_at_ms: int | None = None
) -> Sketch:
    """What a ticket with this cleaned text is compared by."""
    opening = opening_of(text)
    beyond = 1.0 - len(opening) / len(text) if text else 0.0
    return Sketch(terms_of(opening), beyond, customer_id, product, created_at_ms)


def terms_of(text: str) -> Terms:
    """Trigrams of the letters and digits of each word and its ends, case folded, as `char_wb` of scikit-learn takes
    them; of Chinese and Japanese, which do not part their words, pairs of neighbours. Hashed to BUCKETS."""
    spaced = f" {text.casefold()} "
    if spaced.isascii():
        codes = np.frombuffer(spaced.encode(), dtype=np.uint8).astype(np.uint64)
    else:
        raw = spaced.encode("utf-32-le", "surrogatepass")
        codes = np.minimum(np.frombuffer(raw, dtype="<u4"), _LAST).astype(np.uint64)
    codes = np.where(_letters()[codes], codes, _BLANK)
    before, here, behind = codes[:-2], codes[1:-1], codes[2:]
    counts = here != _BLANK
    if not spaced.isascii():
        unparted = _unparted(codes)
        before = np.where(unparted[1:-1], np.uint64(0), before)
        counts &= ~unparted[1:-1] | unparted[2:]
    hashes = before * _MULTIPLIERS[0] + here * _MULTIPLIERS[1] + behind * _MULTIPLIERS[2]
    found: Terms = np.unique(((hashes[counts] * _MIXER) >> _TOP).astype(np.uint16))
    return found


@cache
def _letters() -> NDArray[np.bool_]:
    """Whether each code point up to _LAST is a letter or digit."""
    return np.array([chr(code).isalnum() for code in range(_LAST + 1)], dtype=np.bool_)


def _unparted(codes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which are of a script that does not part its words: kana and ideographs; Korean does."""
    return (
        ((codes >= 0x2E80) & (codes < 0xAC00)) | ((codes >= 0xF900) & (codes < 0xFB00)) | (codes >= 0x20000)
    )


def overlaps(one: Terms, others: Sequence[Terms], rarity: Vectors) -> Floats:
    """Cosine [n] of the terms of one text and of each other, every term weighed by its rarity; 0 without terms."""
    marked = np.zeros(BUCKETS)
    marked[one] = rarity[one]
    own = marked.sum()
    bounds = np.cumsum([0, *map(len, others)])
    joined = np.concatenate([np.empty(0, dtype=np.uint16), *others])
    shared, lengths = (
        np.diff(np.append(0.0, np.cumsum(values))[bounds])
        for values in (marked[joined], rarity[joined].astype(np.float64))
    )
    product = np.sqrt(own * lengths)
    cosines: Floats = np.divide(shared, product, out=np.zeros(len(others)), where=product > 0)
    return cosines.clip(0.0, 1.0)


def evidence(
    one: Sketch, others: Sequence[Sketch], cosines: Floats, rarity: Vectors, policy: DuplicatePolicy
) -> Floats:
    """What speaks for each of `others` being what `one` repeats: [n, 8], a column for each of Weights.

    Args:
        cosines: [n] of the vectors as they stand out from the backdrop.
    """
    wording = overlaps(one.terms, [other.terms for other in others], rarity)
    beyond = np.array([max(one.beyond, other.beyond) for other in others])
    return np.column_stack(
        [
            np.full(len(others), -1.0),
            cosines,
            wording,
            wording * beyond,
            [_recency(one.created_at_ms, other.created_at_ms, policy) for other in others],
            [_equal(one.customer_id, other.customer_id) is True for other in others],
            [-float(_equal(one.customer_id, other.customer_id) is False) for other in others],
            [-float(_equal(one.product, other.product) is False) for other in others],
        ]
    )


def promising(
    one: Sketch, others: Sequence[Sketch], cosines: Sequence[float], policy: DuplicatePolicy
) -> list[int]:
    """Which of `others` could reach the threshold if all that is still to be compared spoke for them: the nearest
    first, no more than the policy's candidates. Between short texts that leaves few."""
    weights = policy.weights
    if not 0.0 < policy.at < 1.0:
        rows = list(range(len(others)))
    else:
        at_best = weights.wording + weights.recent * (1.0 - _mean_recency(policy)) + weights.same_customer
        needed = math.log(policy.at / (1.0 - policy.at)) + weights.bias - at_best
        rows = [
            row
            for row, (other, cosine) in enumerate(zip(others, cosines, strict=True))
            if weights.meaning * cosine + weights.beyond * max(one.beyond, other.beyond) >= needed
        ]
    return sorted(rows, key=lambda row: (-cosines[row], row))[: policy.candidates]


def _equal(one: str | None, other: str | None) -> bool | None:
    return None if one is None or other is None else one == other


def _recency(one: int | None, other: int | None, policy: DuplicatePolicy) -> float:
    if one is None or other is None:
        return 0.0
    return math.exp2(-abs(one - other) / policy.half_life_ms) - _mean_recency(policy)


def _mean_recency(policy: DuplicatePolicy) -> float:
    """Mean of 2 ** (-age / half-life) over ages up to 14 days."""
    reach = 14 * 86_400_000 / policy.half_life_ms * math.log(2.0)
    return (1.0 - math.exp(-reach)) / reach


def scores(found: Floats, weights: Weights) -> Floats:
    """Scores [n] between 0 and 1 of evidence [n, 8]: a logistic regression's, as for as many duplicates as others."""
    return logistic(found @ vector_of(weights))


def vector_of(weights: Weights) -> Floats:
    """The weights [8] in the order of the evidence's columns."""
    return np.array(
        [
            weights.bias,
            weights.meaning,
            weights.wording,
            weights.beyond,
            weights.recent,
            weights.same_customer,
            weights.other_customer,
            weights.other_product,
        ]
    )
