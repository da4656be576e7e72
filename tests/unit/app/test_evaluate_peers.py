"""Peers on the same vectors: each finds what is plain to see, says why where it cannot, and is compared by hand."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from app.evaluate.peers import PEERS, Task, Unable, compared, logistic_regression, measure_peers
from models.vote import Vectors

INSTALLED = find_spec("semantic_router") is not None

OURS = {"n": 4, "accuracy": 0.9, "coverage": 0.5, "precision": None, "oos_auroc": 0.8}


def around(centres: list[int], noise: float = 0.05) -> Vectors:
    """Unit vectors near the axes that are named."""
    chance = np.random.default_rng(1)
    rows = np.eye(4)[centres] + noise * chance.standard_normal((len(centres), 4))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def task(owners: list[int], asked: list[int], answered: list[int] | None = None) -> Task:
    """Texts near their owner's axis; rows that are not answered have no vector."""
    flags = np.array(answered or [1] * len(asked), dtype=bool)
    truth = np.array(asked, dtype=np.int64)
    return Task(
        known=around(owners),
        owners=np.array(owners, dtype=np.int64),
        asked=around(truth[flags].tolist()),
        answered=flags,
        truth=truth,
        target_error=0.05,
        seed=7,
    )


PLAIN = task([0] * 12 + [1] * 12 + [2] * 12, [0, 1, 2, 2, 1, 0])


def test_logistic_regression_finds_what_is_plain_and_routes_it() -> None:
    answer = logistic_regression(PLAIN)
    assert answer.first.tolist() == PLAIN.truth.tolist()
    assert answer.routed.all()
    assert answer.about["C"] in {3.0, 10.0, 30.0, 100.0}


def test_logistic_regression_routes_nothing_where_no_confidence_keeps_to_the_error() -> None:
    owners = [0, 1] * 12
    same = np.tile(around([0]), (24, 1))  # nothing tells the two apart
    answer = logistic_regression(replace(task(owners, [0, 1]), known=same))
    assert not answer.routed.any()
    assert answer.about["route_at"] is None


def test_with_one_text_a_label_logistic_regression_answers_but_routes_nothing() -> None:
    answer = logistic_regression(task([0, 1, 2], [2, 0]))
    assert answer.first.tolist() == [2, 0]
    assert not answer.routed.any()


def test_logistic_regression_says_that_one_label_is_too_few() -> None:
    with pytest.raises(Unable, match="at least two labels"):
        logistic_regression(task([0, 0, 0], [0]))


def test_a_row_that_could_not_be_read_is_wrong_for_a_peer_too() -> None:
    half = task([0] * 6 + [1] * 6, [0, 1, 0, 1], answered=[1, 1, 0, 0])
    found = measure_peers([half], OURS, lambda _: None)["logistic_regression"]
    assert (found["n"], found["accuracy"], found["coverage"]) == (4, 0.5, 0.5)


def test_tasks_are_scored_as_one() -> None:
    right = task([0] * 6 + [1] * 6, [0, 1])
    wrong = replace(right, asked=around([1, 0]))
    found = measure_peers([right, wrong], OURS, lambda _: None)["logistic_regression"]
    assert (found["n"], found["accuracy"]) == (4, 0.5)
    assert len(found["chose"]) == 2


def test_every_peer_is_told_of_and_in_the_report() -> None:
    steps: list[str] = []
    found = measure_peers([task([0, 0], [0])], OURS, steps.append)
    assert list(found) == list(PEERS)
    assert [step.partition(",")[0] for step in steps] == [f"peer: {name}" for name in PEERS]


def test_differences_are_ours_less_theirs_where_both_have_a_figure() -> None:
    theirs = {"n": 4, "accuracy": 0.8, "coverage": 0.75, "precision": 0.5, "oos_auroc": None}
    assert compared(OURS, theirs) == {
        "difference": {"accuracy": 0.1, "coverage": -0.25},
        "error_ratio": 0.5,
    }


def test_a_peer_without_an_error_has_no_ratio() -> None:
    assert compared(OURS, {"accuracy": 1.0})["error_ratio"] is None


@pytest.mark.skipif(INSTALLED, reason="semantic-router is installed")
@pytest.mark.parametrize("name", ["semantic_router", "semantic_router_sum"])
def test_a_peer_that_is_not_installed_is_one_line(name: str) -> None:
    found = measure_peers([PLAIN], OURS, lambda _: None)
    assert found[name] == {"missing": "semantic-router is not installed; run with `uv run --group bench`"}


@pytest.mark.skipif(not INSTALLED, reason="semantic-router is not installed: uv run --group bench pytest")
@pytest.mark.parametrize("name", ["semantic_router", "semantic_router_sum"])
def test_semantic_router_finds_what_is_plain(name: str) -> None:
    answer = PEERS[name](PLAIN)
    assert answer.first.tolist() == PLAIN.truth.tolist()
    assert answer.about["not_calibrated"] == "calibration needs both correct and incorrect examples"
    assert answer.routed.all()


@pytest.mark.skipif(not INSTALLED, reason="semantic-router is not installed: uv run --group bench pytest")
@pytest.mark.parametrize("name", ["semantic_router", "semantic_router_sum"])
def test_semantic_router_calibrates_itself_and_keeps_back_what_it_doubts(name: str) -> None:
    owners = [0] * 30 + [1] * 30
    asked = [0, 1] * 20
    blurred = replace(task(owners, asked), known=around(owners, 0.8), asked=around(asked, 0.8))
    answer = PEERS[name](blurred)
    assert answer.about["held_out"] == 12
    assert ((answer.confidence > 0) & (answer.confidence < 1)).all()
    assert (answer.routed == (answer.confidence >= 0.95)).all()
