"""Laws of the scores: no order of the rows changes them, and a cut keeps to what was asked of it."""

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.evaluate.scores import Decided, calibration_error, confusions, cut, per_class, routing_scores

LABELS = ["a", "b", "c"]


@st.composite
def decided(draw: st.DrawFn) -> Decided:
    """Up to forty rows of three owners, with many equal confidences among them."""
    count = draw(st.integers(1, 40))

    def column(values: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(values, min_size=count, max_size=count))

    tenths = st.integers(0, 10).map(lambda tenth: tenth / 10)
    return Decided(
        truth=np.array(column(st.integers(-1, 2)), dtype=np.int64),
        first=np.array(column(st.sampled_from([-2, 0, 1, 2])), dtype=np.int64),
        routed=np.array(column(st.booleans()), dtype=bool),
        confidence=np.array(column(tenths), dtype=np.float64),
        in_scope=np.array(column(tenths), dtype=np.float64),
    )


@given(rows=decided(), seed=st.integers(0, 1000), error=st.sampled_from([0.0, 0.05, 0.3]))
def test_no_order_of_the_rows_changes_a_score(rows: Decided, seed: int, error: float) -> None:
    order = np.random.default_rng(seed).permutation(len(rows.truth))
    other = Decided(**{field.name: getattr(rows, field.name)[order] for field in fields(rows)})
    assert routing_scores(other, error) == routing_scores(rows, error)
    assert per_class(other, LABELS) == per_class(rows, LABELS)
    assert confusions(other, LABELS) == confusions(rows, LABELS)


@given(rows=decided(), error=st.floats(0, 1))
def test_what_lies_above_the_cut_keeps_to_the_error_and_no_lower_cut_does(
    rows: Decided, error: float
) -> None:
    lowest = cut(rows.confidence, rows.right, error)
    taken = rows.confidence >= lowest
    assert not taken.any() or (~rows.right[taken]).mean() <= error
    for lower in {value for value in rows.confidence.tolist() if value < lowest}:
        assert (~rows.right[rows.confidence >= lower]).mean() > error


@given(rows=decided(), bins=st.integers(1, 20))
def test_the_calibration_error_is_a_share_and_never_under_the_gap_of_the_means(
    rows: Decided, bins: int
) -> None:
    error = calibration_error(rows.confidence, rows.right, bins)
    assert error is not None
    gap = abs(float(rows.confidence.mean() - rows.right.mean()))
    assert gap - 1e-4 <= error <= 1
