"""Compared: reports cleaned, encoded and sketched by the very steps of a worker, and the evidence on pairs of them.
After pairs, before their scores.

A worker knows what its company's tickets have in common from those it has read; here it is learnt from the reports of
the file, whose labels are not looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from app.evaluate.pairs import Report, Rows
from models.errors import Invalid
from models.exact import Floats
from models.routing.clean import CleanPolicy, Ticket, clean
from models.routing.duplicates import (
    BUCKETS,
    Backdrop,
    DuplicatePolicy,
    Sketch,
    backdrop_of,
    evidence,
    sketch,
    stand_out,
    terms_of,
)
from models.routing.encode import Encoder, encode
from models.routing.pack import PackPolicy
from models.vote import Vectors, settle

_ANY_TIME_MS = 1_790_000_000_000
_ENCODED_AT_ONCE = 1_000
# Reports whose products with all others are held at once.
_CHUNK = 256

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """Reports ready to be compared.

    Attributes:
        place: [reports] where each stands among those that could be cleaned, -1 for one that could not.
        texts: cleaned.
        vectors: [n, dim] settled.
        apart: [n, dim] as they stand out from the backdrop.
    """

    place: Rows
    texts: list[str]
    vectors: Vectors
    apart: Vectors
    sketches: list[Sketch]
    backdrop: Backdrop

    def evidence(self, pairs: Rows, policy: DuplicatePolicy) -> Floats:
        """Evidence [n, kinds] on pairs [n, 2] of places."""
        cosines = np.einsum("ij,ij->i", self.apart[pairs[:, 0]], self.apart[pairs[:, 1]], dtype=np.float64)
        rows = [
            evidence(
                self.sketches[a], [self.sketches[b]], cosines[row : row + 1], self.backdrop.rarity, policy
            )
            for row, (a, b) in enumerate(pairs.tolist())
        ]
        return np.concatenate(rows)

    def nearest(self, count: int) -> Rows:
        """Pairs [m, 2] of each report and the `count` nearest to it in meaning and in wording, each pair once."""
        lengths = [len(one.terms) for one in self.sketches]
        columns = np.concatenate([one.terms for one in self.sketches]).astype(np.int64)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        weights = np.sqrt(self.backdrop.rarity[columns])
        wording = sparse.csr_matrix((weights, (rows, columns)), shape=(len(lengths), BUCKETS))
        norms = sparse.linalg.norm(wording, axis=1)
        wording = sparse.diags(1.0 / np.maximum(norms, 1e-12)) @ wording
        found: list[Rows] = []
        for start in range(0, len(lengths), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            for cosines in (self.apart[chunk] @ self.apart.T, (wording[chunk] @ wording.T).toarray()):
                found.append(_most_alike(cosines, start, min(count, len(lengths) - 1)))
        return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _most_alike(cosines: NDArray[np.floating], start: int, count: int) -> Rows:
    """Pairs [n * count, 2] of each of n rows, numbered from `start`, and its `count` largest others."""
    own = np.arange(start, start + len(cosines))
    cosines[own - start, own] = -np.inf
    near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    return np.column_stack([np.repeat(own, count), near.ravel()])


def compare(
    reports: Sequence[Report], encoder: Encoder, clean_policy: CleanPolicy, pack: PackPolicy, tell: Tell
) -> Compared:
    """Clean, encode and sketch the reports; a report of several lines has a title, the first."""
    place, texts, told = np.full(len(reports), -1, dtype=np.int64), list[str](), list[Report]()
    for row, report in enumerate(reports):
        text = _cleaned(report.text, clean_policy)
        if text is not None:
            place[row] = len(texts)
            texts.append(text)
            told.append(report)
    vectors = np.empty((len(texts), encoder.dim), dtype=np.float32)
    holding: NDArray[np.int64] = np.zeros(BUCKETS, dtype=np.int64)
    for start in range(0, len(texts), _ENCODED_AT_ONCE):
        chunk = texts[start : start + _ENCODED_AT_ONCE]
        vectors[start : start + len(chunk)] = settle(encode(encoder, chunk, pack))
        for text in chunk:
            holding[terms_of(text)] += 1
        tell(start + len(chunk), len(texts))
    backdrop = backdrop_of(vectors, holding)
    return Compared(
        place=place,
        texts=texts,
        vectors=vectors,
        apart=stand_out(vectors, backdrop),
        sketches=[
            sketch(text, report.customer_id, report.product, report.created_at_ms)
            for text, report in zip(texts, told, strict=True)
        ],
        backdrop=backdrop,
    )


def _cleaned(text: str, policy: CleanPolicy) -> str | None:
    title, _, description = text.partition("\n")
    if not description.strip():
        title, description = "", text
    try:
        ticket = Ticket("pair", "v1", "created", _ANY_TIME_MS, _ANY_TIME_MS, title, description)
        return clean(ticket, policy).text
    except Invalid:
        return None
