"""Scores of routing, by hand: a row that is nobody's counts as wrong where it is routed, and has no owner to find."""

import numpy as np
import pytest

from app.evaluate.scores import (
    NOBODY,
    OUTSIDE,
    Decided,
    auroc,
    calibration_error,
    confusions,
    cut,
    join,
    per_class,
    routing_scores,
    share,
)


def decided(
    truth: list[int],
    first: list[int],
    routed: list[int] | None = None,
    confidence: list[float] | None = None,
    in_scope: list[float] | None = None,
) -> Decided:
    count = len(truth)
    return Decided(
        truth=np.array(truth, dtype=np.int64),
        first=np.array(first, dtype=np.int64),
        routed=np.array(routed or [0] * count, dtype=bool),
        confidence=np.array(confidence or [0.5] * count, dtype=np.float64),
        in_scope=np.array(in_scope or [0.5] * count, dtype=np.float64),
    )


# Four rows with an owner, of which the first and the third got the right one; two that are nobody's.
SIX = decided(
    truth=[0, 0, 1, 1, OUTSIDE, OUTSIDE],
    first=[0, 1, 1, NOBODY, 0, 1],
    routed=[1, 1, 1, 0, 1, 0],
    confidence=[0.9, 0.8, 0.7, 0.0, 0.6, 0.2],
    in_scope=[0.9, 0.8, 0.3, 0.6, 0.5, 0.1],
)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("n", 6, id="n"),
        pytest.param("accuracy", 0.5, id="accuracy"),  # 2 of 4
        pytest.param("coverage", 0.6667, id="coverage"),  # 4 of 6
        pytest.param("coverage_in_scope", 0.75, id="coverage-in-scope"),  # 3 of 4
        pytest.param("precision", 0.5, id="precision"),  # 2 of 4
        pytest.param("ece", 0.3333, id="ece"),  # each row a bin: (.1 + .8 + .3 + 0 + .6 + .2) / 6
        pytest.param("oos_auroc", 0.875, id="oos-auroc"),  # 7 of 8 pairs
        pytest.param("oos_recall", 0.5, id="oos-recall"),  # 1 of 2
    ],
)
def test_each_figure_is_what_it_says(key: str, value: float) -> None:
    assert routing_scores(SIX, 0.05)[key] == value


@pytest.mark.parametrize(
    ("error", "value"),
    [
        pytest.param(0.0, 0.1667, id="none-wrong"),  # .9 alone
        pytest.param(0.34, 0.5, id="a-third-wrong"),  # down to .7: 1 of 3 wrong
        pytest.param(0.5, 0.6667, id="half-wrong"),  # down to .6: 2 of 4 wrong
        pytest.param(1.0, 1.0, id="all"),
    ],
)
def test_coverage_at_target_goes_down_the_order_of_confidence(error: float, value: float) -> None:
    assert routing_scores(SIX, error)["coverage_at_target"] == value


def test_without_rows_that_are_nobodys_their_figures_are_none() -> None:
    scores = routing_scores(decided([0, 1], [0, 1], routed=[0, 0]), 0.05)
    assert (scores["oos_auroc"], scores["oos_recall"], scores["precision"]) == (None, None, None)
    assert (scores["accuracy"], scores["coverage"]) == (1.0, 0.0)


def test_with_nobodys_rows_alone_there_is_no_accuracy() -> None:
    scores = routing_scores(decided([OUTSIDE], [0], routed=[1]), 0.05)
    assert (scores["accuracy"], scores["coverage_in_scope"], scores["oos_auroc"]) == (None, None, None)
    assert (scores["precision"], scores["oos_recall"]) == (0.0, 0.0)


def test_no_rows_say_nothing() -> None:
    scores = routing_scores(decided([], []), 0.05)
    assert scores.pop("n") == 0
    assert set(scores.values()) == {None}


def test_joined_rows_are_scored_as_one() -> None:
    halves = join([decided([0, 0], [0, 0], routed=[1, 0]), decided([1, 1], [0, 0], routed=[1, 1])])
    scores = routing_scores(halves, 0.05)
    assert (scores["accuracy"], scores["coverage"], scores["precision"]) == (0.5, 0.75, 0.3333)


@pytest.mark.parametrize(
    ("confidence", "right", "bins", "value"),
    [
        pytest.param([0.2, 0.2, 0.8, 0.8], [0, 1, 1, 1], 2, 0.25, id="two-bins"),  # (|.4 - 1| + |1.6 - 2|) / 4
        pytest.param([0.5] * 4, [0, 1, 0, 1], 15, 0.0, id="equal-ones-are-one-bin"),
        pytest.param([1.0, 1.0], [1, 1], 15, 0.0, id="sure-and-right"),
        pytest.param([1.0, 1.0], [0, 0], 15, 1.0, id="sure-and-wrong"),
        pytest.param([0.1, 0.2, 0.3, 0.9], [0, 0, 0, 1], 2, 0.125, id="uneven"),  # (|.3 - 0| + |1.2 - 1|) / 4
    ],
)  # fmt: skip
def test_calibration_error_is_the_gap_of_each_bin(
    confidence: list[float], right: list[int], bins: int, value: float
) -> None:
    found = calibration_error(np.array(confidence), np.array(right, dtype=bool), bins)
    assert found == value


@pytest.mark.parametrize(
    ("confidence", "right", "error", "lowest"),
    [
        pytest.param([0.9, 0.8, 0.7], [1, 1, 0], 0.0, 0.8, id="before-the-wrong-one"),
        pytest.param([0.9, 0.8, 0.7], [0, 1, 1], 0.34, 0.7, id="past-an-early-slip"),
        pytest.param([0.9, 0.9, 0.7], [1, 0, 0], 0.4, float("inf"), id="equals-go-together"),
        pytest.param([0.7, 0.9, 0.8], [0, 1, 1], 0.0, 0.8, id="in-any-order"),
        pytest.param([0.9], [0], 0.5, float("inf"), id="nowhere"),
        pytest.param([], [], 0.5, float("inf"), id="no-rows"),
    ],
)
def test_the_cut_is_the_lowest_that_keeps_to_the_error(
    confidence: list[float], right: list[int], error: float, lowest: float
) -> None:
    assert cut(np.array(confidence), np.array(right, dtype=bool), error) == lowest


def test_auroc_counts_a_tie_as_half() -> None:
    assert auroc(np.array([0.5, 0.9, 0.5]), np.array([True, True, False])) == 0.75


def test_a_share_of_none_is_none() -> None:
    assert share(np.array([], dtype=bool)) is None
    assert share(np.array([True, False, False])) == 0.3333


def test_each_class_has_its_own_figures() -> None:
    rows = decided(truth=[0, 0, 0, 1, OUTSIDE], first=[0, 0, 1, 1, 0])
    assert per_class(rows, ["a", "b", "never asked"]) == {
        "a": {"n": 3, "precision": 1.0, "recall": 0.6667, "f1": 0.8},
        "b": {"n": 1, "precision": 0.5, "recall": 1.0, "f1": 0.6667},
    }


def test_a_class_that_was_never_named_has_no_precision_to_speak_of() -> None:
    found = per_class(decided(truth=[0, 1], first=[NOBODY, 0]), ["a", "b"])
    assert found["b"] == {"n": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_without_owners_there_are_no_classes() -> None:
    assert per_class(decided([OUTSIDE], [0]), ["a"]) == {}


def test_confusions_come_most_frequent_first_and_name_nobodys_rows_never() -> None:
    rows = decided(truth=[0, 0, 1, 2, 2, OUTSIDE, 1], first=[1, 1, 0, 0, NOBODY, 1, 1])
    assert confusions(rows, ["a", "b", "c"]) == [
        {"label": "a", "named": "b", "count": 2},
        {"label": "b", "named": "a", "count": 1},
        {"label": "c", "named": "a", "count": 1},
    ]


def test_no_more_than_twenty_confusions_are_listed() -> None:
    labels = [str(number) for number in range(30)]
    rows = decided(truth=list(range(30)), first=[(number + 1) % 30 for number in range(30)])
    assert len(confusions(rows, labels)) == 20
