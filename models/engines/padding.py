"""Padded micro-batches for encoders that take rectangles, and the step from token states to one vector a text."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def pad(tokens: Sequence[Sequence[int]], pad_id: int) -> tuple[Ints, Ints]:
    """(ids, mask), each [B, L] with L the longest of the batch; the mask is 1 on tokens and 0 on padding."""
    lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
    mask = np.arange(int(lengths.max())) < lengths[:, None]
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(row, dtype=np.int64) for row in tokens])
    return ids, mask.astype(np.int64)


def pool(states: NDArray[np.float32], mask: Ints, pooling: Literal["mean", "cls"]) -> NDArray[np.float32]:
    """Unit rows [B, hidden] from states [B, L, hidden]: the mean over the tokens, or the first token."""
    if pooling == "cls":
        return unit(states[:, 0])
    summed = mask[:, None, :].astype(np.float32) @ states
    return unit(summed[:, 0])  # a mean and a sum point the same way


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their length; a zero row stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    result: NDArray[np.float32] = (rows / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    return result
