"""A small encoder without weights: texts that share character n-grams lie near each other.

It satisfies `routing.encode.Encoder` and passes the same suite as the real engines (tests/unit/engines/test_protocol).
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BUCKETS = 1 << 20
_EMPTY = _BUCKETS  # the token of a text that has no n-gram


class HashingEncoder:
    """Each different n-gram of 2 to 4 characters is a token and owns a fixed random direction; a text is their sum.

    Args:
        dim: length of a vector.
        max_tokens: n-grams of a text; what is beyond is cut.
    """

    def __init__(self, dim: int = 64, max_tokens: int = 2048) -> None:
        self._dim, self._max_tokens = dim, max_tokens

    @property
    def fingerprint(self) -> str:
        shaping = repr((self._dim, self._max_tokens)).encode()
        return f"hashing:{hashlib.sha256(shaping).hexdigest()[:16]}"

    @property
    def dim(self) -> int:
        return self._dim

    def tokenize(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Buckets of the n-grams of each text, lower-cased, in order of place and size."""
        return [self._buckets(f" {text.lower()} ") for text in texts]

    def _buckets(self, text: str) -> list[int]:
        grams = [
            text[at : at + size] for at in range(len(text)) for size in (2, 3, 4) if at + size <= len(text)
        ]
        digests = (
            hashlib.blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=4).digest() for gram in grams
        )
        found = [int.from_bytes(digest, "little") % _BUCKETS for digest in digests]
        return found[: self._max_tokens] or [_EMPTY]

    def forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit rows [len(tokens), dim]."""
        rows = [sum(self._direction(bucket) for bucket in row) for row in tokens]
        matrix = np.asarray(rows, dtype=np.float64)
        unit: NDArray[np.float32] = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(
            np.float32
        )
        return unit

    def _direction(self, bucket: int) -> NDArray[np.float64]:
        return np.random.default_rng(bucket).standard_normal(self._dim)
