"""Encode: texts to unit vectors, through whichever engine satisfies the protocol. After pack, before match."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.routing.pack import PackPolicy, pack

Vectors = NDArray[np.float32]
Tokens = Sequence[int]


class Encoder(Protocol):
    """An engine that turns texts into vectors, split where batching needs it: tokens first, then the pass.

    The vector of a text must not depend on the batch it stands in, to within 1e-5 in every component.
    """

    @property
    def fingerprint(self) -> str:
        """Name and digest of everything that shapes a vector: weights, precision, pooling, tokenizer, limits."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Token ids of each text, special tokens included, cut to the engine's own maximum length."""
        ...

    def forward(self, tokens: Sequence[Tokens]) -> Vectors:
        """Unit rows [len(tokens), dim], float32, for one micro-batch of at least one text."""
        ...


def encode(encoder: Encoder, texts: Sequence[str], policy: PackPolicy) -> Vectors:
    """Vectors of `texts` in their own order, [len(texts), encoder.dim], float32 unit rows.

    The texts are packed by length, so that a long text does not pad short ones.
    """
    return encode_tokens(encoder, encoder.tokenize(texts), policy)


def encode_tokens(encoder: Encoder, tokens: Sequence[Tokens], policy: PackPolicy) -> Vectors:
    """As `encode`, of texts whose tokens are known."""
    vectors = np.empty((len(tokens), encoder.dim), dtype=np.float32)
    for group in pack([len(ids) for ids in tokens], policy):
        vectors[list(group)] = encoder.forward([tokens[i] for i in group])
    return vectors
