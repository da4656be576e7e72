"""An encoder that knows a few words: a text's vector can be said by hand, and what was asked of it is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.vote import Vectors

_END = 0


@dataclass
class WordEncoder:
    """A text is the sum of the directions of the words that stand in it, of unit length; without any, of the last axis.

    It satisfies `routing.encode.Encoder`. A letter of any other word is a token of its own that says nothing, and so
    is the end.

    Attributes:
        words: each with its direction; all of one length.
        max_tokens: what is beyond is cut, but for the end.
        passes: tokens of each pass, in their order.
    """

    words: Mapping[str, Sequence[float]]
    max_tokens: int = 10_000
    passes: list[int] = field(default_factory=list)
    fingerprint: str = "words"

    @property
    def dim(self) -> int:
        return len(next(iter(self.words.values())))

    def tokenize(self, texts: Sequence[str]) -> list[Sequence[int]]:
        return [[*self._ids(text)[: self.max_tokens - 1], _END] for text in texts]

    def _ids(self, text: str) -> list[int]:
        ids, at = [], 0
        while at < len(text):
            known = (number for number, word in enumerate(self.words, 1) if text.startswith(word, at))
            number = next(known, _END)
            ids.append(number)
            at += len(list(self.words)[number - 1]) if number else 1
        return ids

    def forward(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        self.passes.append(sum(map(len, tokens)))
        rows = np.vstack([np.zeros(self.dim), *self.words.values()])
        sums = np.array([rows[np.array(ids)].sum(axis=0) for ids in tokens])
        sums[~sums.any(axis=1), -1] = 1.0
        unit: Vectors = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
        return unit
