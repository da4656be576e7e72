"""Scores of routing: what was decided on labelled rows, held against their labels. Pure; last step of an evaluation.

Owners are codes from 0 on; rows that are nobody's have the truth OUTSIDE.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]

OUTSIDE = -1
"""The truth of a row that no owner should get."""

NOBODY = -2
"""The first owner of a row for which none was named or proposed."""

_BINS = 15
_TOP_CONFUSIONS = 20


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided on n rows, beside the truth. Columns are [n].

    Attributes:
        truth: the right owner, or OUTSIDE.
        first: the owner named, or proposed first where none was named, or NOBODY.
        routed: whether the first owner got the ticket without a person.
        confidence: probability, as stated, that the first owner is right.
        in_scope: the higher, the rather the row is somebody's at all; any scale.
    """

    truth: Codes
    first: Codes
    routed: Flags
    confidence: Numbers
    in_scope: Numbers

    @property
    def right(self) -> Flags:
        return np.equal(self.first, self.truth)


def join(parts: Sequence[Decided]) -> Decided:
    """The rows of all parts."""
    return Decided(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("truth", "first", "routed", "confidence", "in_scope")
        )
    )


def routing_scores(decided: Decided, target_error: float) -> dict[str, Any]:
    """The figures that say how good the decisions are; None where no row can say it.

    `accuracy` is the share of rows with an owner whose first owner is right; `coverage` the share of all rows that
    were routed, `coverage_in_scope` the share of those with an owner; `precision` the share of routed rows whose
    owner is right. `coverage_at_target` is the largest share of all rows that could have been routed in the order
    of confidence with `target_error` of them wrong: it compares confidences apart from thresholds, and is
    optimistic, since its threshold is read on the scored rows. `oos_auroc` and `oos_recall`, the share that was not
    routed, are about rows that are nobody's.
    """
    owned = decided.truth != OUTSIDE
    reachable = decided.confidence >= cut(decided.confidence, decided.right, target_error)
    return {
        "n": len(owned),
        "accuracy": share(decided.right[owned]),
        "coverage": share(decided.routed),
        "coverage_in_scope": share(decided.routed[owned]),
        "coverage_at_target": share(reachable),
        "precision": share(decided.right[decided.routed]),
        "ece": calibration_error(decided.confidence, decided.right),
        "oos_auroc": auroc(decided.in_scope, owned),
        "oos_recall": share(~decided.routed[~owned]),
    }


def share(flags: Flags) -> float | None:
    """How many of the flags are set, None of none, to four places."""
    return round(float(flags.mean()), 4) if len(flags) else None


def auroc(scores: Numbers, positive: Flags) -> float | None:
    """Probability that a positive row scores higher than another; None where one kind is missing."""
    if positive.all() or not positive.any():
        return None
    return round(float(roc_auc_score(positive, scores)), 4)


def calibration_error(confidence: Numbers, right: Flags, bins: int = _BINS) -> float | None:
    """Expected calibration error over bins of equal mass: the mean over rows of the gap between a bin's mean
    confidence and its share of right ones (Nguyen and O'Connor 2015, arXiv:1508.05154).

    Rows of equal confidence stand in one bin, so that no order of the rows changes it. None without rows.
    """
    if not len(confidence):
        return None
    order = np.lexsort((right, confidence))  # sums of floating-point numbers hang on their order too
    confidence, right = confidence[order], right[order]
    place = (rankdata(confidence) - 0.5) / len(confidence)  # ties share their mean rank; within (0, 1)
    row_bin = (place * bins).astype(np.int64)
    gap = np.bincount(row_bin, confidence - right, bins)  # of the sums: the mean's gap times the bin's rows
    return round(float(np.abs(gap).sum() / len(confidence)), 4)


def cut(confidence: Numbers, right: Flags, target_error: float) -> float:
    """The lowest confidence such that, of the rows from it upwards, at most `target_error` are wrong; infinity
    where there is none."""
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    # Rows of equal confidence go together: only the last of them is a place to cut.
    last = np.append(np.diff(confidence[order]) != 0, True)
    holds = confidence[order][last[: len(order)] & (wrong <= target_error)]
    return float(holds[-1]) if len(holds) else float("inf")


def per_class(decided: Decided, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Rows, precision, recall and F1 of the first owner for each label that rows have, over rows with an owner;
    a label that was never named has the precision 0."""
    owned = decided.truth != OUTSIDE
    codes = np.unique(decided.truth[owned])
    if not len(codes):
        return {}
    columns = precision_recall_fscore_support(
        decided.truth[owned], decided.first[owned], labels=codes, zero_division=0.0
    )
    return {
        labels[code]: {
            "n": int(rows),
            "precision": round(float(precision), 4),
            "recall": round(float(recall), 4),
            "f1": round(float(f1), 4),
        }
        for code, precision, recall, f1, rows in zip(codes.tolist(), *columns, strict=True)
    }


def confusions(decided: Decided, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The most frequent pairs of a label and the owner wrongly put first, most frequent first, then by name."""
    wrong = ~decided.right & (decided.truth != OUTSIDE) & (decided.first != NOBODY)
    pairs = Counter(zip(decided.truth[wrong].tolist(), decided.first[wrong].tolist(), strict=True))
    top = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:_TOP_CONFUSIONS]
    return [{"label": labels[truth], "named": labels[first], "count": count} for (truth, first), count in top]
