"""Duplicates, scored on labelled pairs, by the very steps of a worker: clean, encode, sketch, score.

- `average_precision` and `auroc` are of the score over all pairs.
- `missed_share` is the share of the duplicates that score under the committed threshold, `false_share` the share of the
  other pairs that reach it.

What the tickets have in common is learnt from the texts of the file, as a worker learns it from the tickets that it
has read; labels are not looked at. Creation, customer and product count where the file has them; what it does not say
is not known, and neither adds to a score nor takes from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score, roc_auc_score

from app.evaluate.compared import Compared, Tell, compare
from app.evaluate.pairs import Flags, LabelledPairs, Rows
from models.errors import Fatal
from models.exact import Floats
from models.routing.clean import CleanPolicy
from models.routing.duplicates import DuplicatePolicy, scores
from models.routing.encode import Encoder
from models.routing.pack import PackPolicy

# Drawn where a file lists duplicates alone: neighbours and random others of each ticket.
_DRAWN = 10


@dataclass(frozen=True, slots=True)
class Means:
    """What pairs are scored with."""

    encoder: Encoder
    clean: CleanPolicy
    pack: PackPolicy
    policy: DuplicatePolicy
    seed: int = 7


def evaluate_duplicates(known: LabelledPairs, means: Means, tell: Tell) -> dict[str, Any]:
    """The figures that the module's docstring explains, for machines, with those of peers in the same run.

    Raises:
        Fatal: of the pairs that could be read, none is a duplicate, or all are.
    """
    compared = compare(known.reports, means.encoder, means.clean, means.pack, tell)
    pairs, labels = _pairs(known, compared, means.seed)
    if labels.all() or not labels.any():
        raise Fatal("both are needed: pairs that are duplicates, and pairs that are not")
    found = scores(compared.evidence(pairs, means.policy), means.policy.weights)
    ours = pair_scores(found, labels)
    called = found >= means.policy.at
    false_share = float(called[~labels].mean())
    return {
        **ours,
        "missed_share": round(float((~called[labels]).mean()), 4),
        "false_share": round(false_share, 4),
        "precision": round(float(labels[called].mean()), 4) if called.any() else None,
        "n": len(labels),
        "duplicates": int(labels.sum()),
        "threshold": means.policy.at,
        "peers": {
            name: {**pair_scores(theirs, labels), "missed_share": missed_at(theirs, labels, false_share)}
            for name, theirs in peers(compared, pairs).items()
        },
        "drawn": known.only_duplicates,
        "known": {
            "created_at": _share([one.created_at_ms for one in compared.sketches]),
            "customer": _share([one.customer_id for one in compared.sketches]),
            "product": _share([one.product for one in compared.sketches]),
        },
        "unknown_tickets": known.unknown,
        "refused": int((compared.place < 0).sum()),
        "bad_rows": len(known.bad_rows),
        "encoder": means.encoder.fingerprint,
    }


def pair_scores(found: Floats, labels: Flags) -> dict[str, float]:
    """How well scores [n] tell duplicates from others."""
    return {
        "average_precision": round(float(average_precision_score(labels, found)), 4),
        "auroc": round(float(roc_auc_score(labels, found)), 4),
    }


def missed_at(found: Floats, labels: Flags, false_share: float) -> float:
    """Share of the duplicates that a threshold misses which calls no more of the others duplicates than
    `false_share`."""
    others = np.sort(found[~labels])[::-1]
    allowed = int(np.floor(false_share * len(others) + 1e-9))
    at = others[allowed] if allowed < len(others) else -np.inf
    return round(float((found[labels] <= at).mean()), 4)


def peers(compared: Compared, pairs: Rows) -> dict[str, Floats]:
    """Scores [n] of pairs [n, 2] by the cosine of the vectors themselves, and by that of scikit-learn's TF-IDF of
    words as it is set up by default."""
    left, right = pairs[:, 0], pairs[:, 1]
    cosine = np.einsum("ij,ij->i", compared.vectors[left], compared.vectors[right], dtype=np.float64)
    words = TfidfVectorizer().fit_transform(compared.texts)
    return {"cosine": cosine, "tfidf": np.asarray(words[left].multiply(words[right]).sum(axis=1)).ravel()}


def _pairs(known: LabelledPairs, compared: Compared, seed: int) -> tuple[Rows, Flags]:
    """The pairs that could be read, as places among the compared, with their labels; where the file lists duplicates
    alone, beside others that no duplicates connect: neighbours, and as many random ones."""
    places = compared.place[known.pairs]
    read = (places >= 0).all(axis=1)
    pairs, labels = places[read], known.is_duplicate[read]
    if not known.only_duplicates:
        return pairs, labels
    groups = known.groups[compared.place >= 0]
    near = compared.nearest(_DRAWN)
    near = near[groups[near[:, 0]] != groups[near[:, 1]]]
    drawn = np.random.default_rng(seed).integers(0, len(groups), (len(near), 2))
    drawn = drawn[groups[drawn[:, 0]] != groups[drawn[:, 1]]]
    others = np.concatenate([near, drawn])
    return np.concatenate([pairs, others]), np.append(labels, np.zeros(len(others), dtype=np.bool_))


def _share(values: Sequence[object]) -> float:
    return round(sum(value is not None for value in values) / max(len(values), 1), 4)
