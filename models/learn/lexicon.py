"""Learn the lexicon: which terms of a history count, how rare they are, and what few dimensions hold most of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from models.generation import Lexicon
from models.lexicon import COMPONENT_GRID, WEIGHT_GRID, Hashes, hashed_terms, weigh

_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class LexiconPolicy:
    """How much of a history's words is kept.

    Attributes:
        terms: most terms, those of most tickets first. Held out from Banking77's train part, 10,000 and 40,000 did
            within a third of a point of 20,000.
        components: most dimensions; 384 did no better than 256 there.
        least_texts: tickets of a term that counts.
        most_share: a term of more than this share of the texts tells nothing.
        smallest: texts from which on there is a lexicon.
        most_texts: texts that are read; more of them take longer and change little.
        rounds: power iterations (Halko et al. 2011); 4 did no better than 2.
        seed: of the first directions.
    """

    terms: int = 20_000
    components: int = 256
    least_texts: int = 2
    most_share: float = 0.5
    smallest: int = 50
    most_texts: int = 12_000
    rounds: int = 2
    seed: int = 0


def fit_lexicon(texts: Sequence[str], policy: LexiconPolicy, weight: float) -> Lexicon | None:
    """The lexicon of a history's texts with the lexical part's `weight`; None where they are too few."""
    rows = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), policy.most_texts)).astype(np.int64))
    read = [texts[row] for row in rows]
    if len(read) < policy.smallest:
        return None
    terms, frequency = _terms(read, policy)
    components = min(policy.components, len(terms) - 1, len(read) - 1)
    if components < 1:
        return None
    idf = np.log((1 + len(read)) / (1 + frequency)) + 1  # smoothed, as if one more text held every term
    rounded = (np.rint(idf * WEIGHT_GRID) / WEIGHT_GRID).astype(np.float32)
    directions = randomized_svd(
        _matrix(terms, rounded, read), components, n_iter=policy.rounds, random_state=policy.seed
    )[2]
    grid = np.rint(directions.T * COMPONENT_GRID).astype(np.int16)  # of unit columns: within -1 and 1
    return Lexicon(terms, rounded, np.ascontiguousarray(grid), weight)


def _terms(texts: Sequence[str], policy: LexiconPolicy) -> tuple[Hashes, NDArray[np.int64]]:
    """The terms kept, ascending, and in how many texts each stands."""
    terms, counts = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    for start in range(0, len(texts), _CHUNK):
        owner, hashes = hashed_terms(texts[start : start + _CHUNK])
        order = np.lexsort((owner, hashes))
        owner, hashes = owner[order], hashes[order]
        once = np.append(True, (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1]))[: len(owner)]
        found, number = np.unique(hashes[once], return_counts=True)
        both, place = np.unique(np.concatenate([terms, found]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, number]), len(both)).astype(np.int64)
        terms = both
    kept = (counts >= policy.least_texts) & (
        counts <= max(policy.least_texts, policy.most_share * len(texts))
    )
    terms, counts = terms[kept], counts[kept]
    first = np.sort(np.lexsort((terms, -counts))[: policy.terms])
    return terms[first], counts[first]


def _matrix(terms: Hashes, idf: NDArray[np.float32], texts: Sequence[str]) -> sparse.csr_matrix:
    columns, values, ends = [], [], [0]
    for start in range(0, len(texts), _CHUNK):
        for row, shares in weigh(terms, idf, texts[start : start + _CHUNK]):
            columns.append(row)
            values.append(shares)
            ends.append(ends[-1] + len(row))
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=(len(texts), len(terms))
    )
