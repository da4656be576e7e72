"""Lexicon: the words and characters of a text as a vector, joined to what the encoder says of it.

An encoder reads meaning; error codes, device models and module names it has hardly seen. Their n-grams, weighed by how
rare they are in the company's own history (TF-IDF) and reduced to a few hundred dimensions (latent semantic analysis,
Deerwester et al. 1990), stand beside the encoder's vector in every comparison. Learned in learn/lexicon.
"""

from collections.abc import Sequence
from functools import cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from models.exact import log
from models.generation import Lexicon
from models.vote import Vectors, settle

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]

# n-grams of characters, also across blanks, so that Chinese, codes and parts of words all count. Measured on 2,000
# held-out texts of Banking77's train part (logistic regression on the joined vector): .9265 so, .9245 within words.
_SHORTEST, _LONGEST = 2, 5

# Weights are rounded so far that every sum below is exact in float64, in any order (see vote.GRID).
WEIGHT_GRID = 64
_SHARE_GRID = 2.0**16
COMPONENT_GRID = 2.0**14
_SUM_GRID = 2.0**20

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
_WORD, _PAIR = np.uint64(101), np.uint64(211)


def join(lexicon: Lexicon | None, texts: Sequence[str], vectors: Vectors) -> Vectors:
    """Hybrid vectors [n, dim + components] of texts and their vectors [n, dim], settled and of about unit length.

    The vectors are settled first: what is kept of a ticket gives the same hybrid vector as the ticket did. Without a
    lexicon a hybrid vector is the settled one. A text that the lexicon knows nothing of is all encoder: shorter, it
    would not even be like itself, and nobody could correct what is decided of it.
    """
    if lexicon is None:
        return settle(vectors)
    return joined(lexicon, lexical_vectors(lexicon, texts), vectors)


def joined(lexicon: Lexicon, lexical: NDArray[np.float64], vectors: Vectors) -> Vectors:
    """As `join`, of texts whose lexical vectors [n, components] are known."""
    length = sqrt(1.0 + lexicon.weight * lexicon.weight)
    lengths = np.where(lexical.any(axis=1), length, 1.0)[:, None]
    return np.hstack([settle(settle(vectors) / lengths), settle(lexical * (lexicon.weight / length))])


def lexical_vectors(lexicon: Lexicon, texts: Sequence[str]) -> NDArray[np.float64]:
    """Unit rows [n, components]; zeros for a text without a term that the lexicon knows."""
    rows = np.zeros((len(texts), lexicon.components.shape[1]))
    for number, (columns, shares) in enumerate(weigh(lexicon.terms, lexicon.idf, texts)):
        if len(columns):
            parts = lexicon.components[columns].astype(np.float64) / COMPONENT_GRID
            row = np.rint((shares @ parts) * _SUM_GRID) / _SUM_GRID
            norm = np.sqrt(np.square(row).sum())
            rows[number] = row / norm if norm > 0 else row
    return rows


def weigh(
    terms: Hashes, idf: NDArray[np.float32], texts: Sequence[str]
) -> list[tuple[Numbers, NDArray[np.float64]]]:
    """For each text the terms that stand in it, as rows of `terms`, and their TF-IDF weights, of unit length.

    A term that stands f times in a text weighs 1 + ln f, times its idf (Salton and Buckley 1988).
    """
    owner, hashes = hashed_terms(texts)
    place = np.minimum(np.searchsorted(terms, hashes), max(len(terms) - 1, 0))
    known = terms[place] == hashes if len(terms) else np.zeros(len(hashes), dtype=np.bool_)
    owner, place = owner[known], place[known]
    order = np.lexsort((place, owner))
    owner, place = owner[order], place[order]
    first = np.flatnonzero(np.r_[True, (owner[1:] != owner[:-1]) | (place[1:] != place[:-1])][: len(owner)])
    counts = np.diff(np.append(first, len(owner))).astype(np.float64)
    owner, place = owner[first], place[first]
    weights = np.rint((1.0 + log(counts)) * WEIGHT_GRID) / WEIGHT_GRID * idf[place]
    bounds = np.searchsorted(owner, np.arange(len(texts) + 1))
    found = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        own = weights[start:end]
        length = np.sqrt(np.square(own).sum()) if end > start else 1.0
        found.append((place[start:end], np.rint(own / length * _SHARE_GRID) / _SHARE_GRID))
    return found


def hashed_terms(texts: Sequence[str]) -> tuple[Numbers, Hashes]:
    """Every term of the texts: the row of its text and its hash, repeated as often as it stands there.

    Terms are n-grams of 2 to 5 characters, words, and pairs of neighbouring words, case folded. 64-bit hashes of
    100,000 terms collide with a chance of 3 in 10 billion.
    """
    folded = [text.casefold() for text in texts]
    joined = " " + "  ".join(folded) + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    owner = np.repeat(np.arange(len(folded)), [len(text) + 2 for text in folded])
    if not len(folded):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    rows, hashes = _character_terms(codes, owner)
    for more_rows, more in _word_terms(codes, owner):
        rows.append(more_rows)
        hashes.append(more)
    return np.concatenate(rows), np.concatenate(hashes)


def _character_terms(codes: Hashes, owner: Numbers) -> tuple[list[Numbers], list[Hashes]]:
    rows: list[Numbers] = []
    hashes: list[Hashes] = []
    rolling = codes * _MULTIPLIER
    for length in range(2, _LONGEST + 1):
        rolling = rolling[:-1] * _MULTIPLIER + codes[length - 1 :]
        count = len(rolling)
        if length >= _SHORTEST and count:
            whole = owner[:count] == owner[length - 1 :]
            rows.append(owner[:count][whole])
            hashes.append(_mixed(rolling[whole] ^ np.uint64(length)))
    return rows, hashes


def _word_terms(codes: Hashes, owner: Numbers) -> list[tuple[Numbers, Hashes]]:
    unique, place = np.unique(codes, return_inverse=True)
    inside = np.array([_in_word(int(code)) for code in unique])[place]
    begins = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
    if not len(begins):
        return []
    word = np.cumsum(np.append(inside[:1], inside[1:] & ~inside[:-1])) - 1
    position = np.where(inside, np.arange(len(codes)) - begins[np.maximum(word, 0)], 0)
    powers = np.cumprod(np.full(int(position.max()) + 1, _MULTIPLIER))
    values = np.where(inside, (codes + np.uint64(7)) * powers[position], np.uint64(0))
    sums = np.add.reduceat(values, begins)
    rows = owner[begins]
    beside = rows[1:] == rows[:-1]
    pairs = _mixed((sums[:-1] * _MULTIPLIER + sums[1:])[beside] ^ _PAIR)
    return [(rows, _mixed(sums ^ _WORD)), (rows[:-1][beside], pairs)]


@cache
def _in_word(code: int) -> bool:
    return chr(code).isalnum()


def _mixed(hashes: Hashes) -> Hashes:
    """Hashes whose every bit hangs on all bits of the old ones."""
    hashes = (hashes ^ (hashes >> _HALF)) * _MIXER
    return hashes ^ (hashes >> _HALF)
