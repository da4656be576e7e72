"""Sentiment: how upset a ticket sounds, read off its dense vector. After encode, beside match; decide uses it.

A head is a network of one hidden layer, made for one encoder: `models/learn/sentiment.py` fits it, `app/sentiment/`
keeps it. Its weights are multiples of 1/256, as the components of settled vectors are (see vote.GRID). A product of
two such numbers is a multiple of 2**-16, one of that with a third a multiple of 2**-24, and no sum here reaches 2**20:
float64 holds every partial sum exactly, so that neither the batch nor the order of summation nor the machine matters,
and a score is the same to the bit whenever it is computed again.
"""

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.errors import Fatal
from models.exact import logistic
from models.vote import GRID, Vectors, settle

Weights = NDArray[np.float64]

_PLACES = 4
_ARRAYS = ("hidden", "hidden_bias", "output", "bias")


class Band(StrEnum):
    """How upset, in a word."""

    CALM = "calm"
    UPSET = "upset"
    VERY_UPSET = "very_upset"


@dataclass(frozen=True, slots=True)
class Sentiment:
    """What was read off one vector: the score from 0, calm, to 1, furious, with four decimals, and its band."""

    score: float
    band: Band


@dataclass(frozen=True, slots=True)
class SentimentHead:
    """A network with one hidden layer of rectified units, and the limits of its bands.

    Attributes:
        hidden: [dim, units] float64, weights into the hidden layer; `hidden_bias` [units].
        output: [units] float64, weights out of it; `bias` [1].
        upset_at, very_upset_at: scores at which these bands begin.
        encoder: fingerprint of the encoder whose vectors it was fitted on; it can read no other's.
    """

    hidden: Weights
    hidden_bias: Weights
    output: Weights
    bias: Weights
    upset_at: float
    very_upset_at: float
    encoder: str

    def __post_init__(self) -> None:
        units = self.output.shape
        fits = (
            self.hidden.ndim == 2
            and self.hidden.shape[1:] == units == self.hidden_bias.shape
            and self.bias.shape == (1,)
        )
        if not fits or not 0 < self.upset_at <= self.very_upset_at <= 1:
            raise Fatal("sentiment: the parts of the head do not fit each other")
        for name in _ARRAYS:
            object.__setattr__(self, name, _on_grid(getattr(self, name)))


def scores(head: SentimentHead, vectors: Vectors) -> Weights:
    """How upset each settled vector [n, dim] sounds: [n] float64 from 0 to 1, to four decimals."""
    hidden = np.maximum(vectors.astype(np.float64) @ head.hidden + head.hidden_bias, 0.0)
    found: Weights = np.round(logistic(hidden @ head.output + head.bias), _PLACES)
    return found


def sentiments(head: SentimentHead | None, vectors: Vectors) -> list[Sentiment | None]:
    """What each vector [n, dim] of the encoder sounds like; None for all where there is no head for it."""
    if head is None:
        return [None] * len(vectors)
    return [Sentiment(score, band(head, score)) for score in scores(head, settle(vectors)).tolist()]


def band(head: SentimentHead, score: float) -> Band:
    """The word for a score."""
    if score >= head.very_upset_at:
        return Band.VERY_UPSET
    return Band.UPSET if score >= head.upset_at else Band.CALM


def to_bytes(head: SentimentHead) -> bytes:
    """The head as an npz archive: the weights in 256ths as int16, and the rest as JSON. Equal heads, equal bytes."""
    rest = {"upset_at": head.upset_at, "very_upset_at": head.very_upset_at, "encoder": head.encoder}
    arrays = {name: np.rint(getattr(head, name) * GRID).astype(np.int16) for name in _ARRAYS}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays, rest=np.frombuffer(json.dumps(rest).encode(), dtype=np.uint8))
    return packed.getvalue()


def from_bytes(blob: bytes) -> SentimentHead:
    """The head that `to_bytes` wrote.

    Raises:
        Fatal: it is none, or its parts do not fit each other.
    """
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.float64) / GRID for name in _ARRAYS}
            rest = json.loads(archive["rest"].tobytes())
        return SentimentHead(**arrays, **rest)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Fatal(f"sentiment: the head cannot be read ({type(error).__name__})") from error


def _on_grid(weights: Weights) -> Weights:
    """The weights as the nearest multiples of 1/256 that an int16 counts; they may not change any more."""
    settled: Weights = np.clip(np.rint(weights * GRID), -(2**15), 2**15 - 1) / GRID
    settled.setflags(write=False)
    return settled
