"""Examples: the most typical ticket first, then others that say something else."""

import numpy as np
import pytest

from models.recluster.examples import examples_of
from models.recluster.history import Group
from models.recluster.problems import Problems
from models.vote import Vectors


def _problems(vectors: Vectors, texts: list[str]) -> Problems:
    rows = np.arange(len(texts))
    labels = np.zeros(len(texts), dtype=np.int64)
    return Problems(None, vectors, texts, rows, [Group(rows, None, None)], labels, 0, [])


def _at(*degrees: float) -> Vectors:
    """Unit rows around the first axis."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        pytest.param((0, 40, -40, 1, -1), ("T-0", "T-1", "T-2"), id="the medoid, then what is far"),
        pytest.param((0, 1, 2, 3, 4), ("T-2",), id="near copies show nothing new"),
        pytest.param((0,), ("T-0",), id="one ticket"),
        pytest.param(
            (0, 0, 0, 0, 30, -30, 28, -28, 175), ("T-0", "T-4", "T-7"), id="an outlier is no example"
        ),
    ],
)
def test_which_tickets_show_a_cluster(degrees: tuple[float, ...], expected: tuple[str, ...]) -> None:
    texts = [f"text {chr(97 + number)}" for number in range(len(degrees))]
    found = examples_of(_problems(_at(*degrees), texts), [f"T-{number}" for number in range(len(degrees))])
    assert set(found[0]) == set(expected)
    assert found[0][0] == expected[0]


def test_they_are_five_at_most_and_different() -> None:
    """Nine tickets that all share one direction and have one of their own."""
    vectors = np.hstack([np.full((9, 1), 0.8), 0.6 * np.eye(9)]).astype(np.float32)
    texts = [f"text {number}" for number in range(9)]
    found = examples_of(_problems(vectors, texts), [f"T-{number}" for number in range(9)])[0]
    assert len(found) == len(set(found)) == 5


def test_the_order_of_the_tickets_changes_nothing() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(40, 6)).astype(np.float32) + 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts, ids = [f"text {number % 9}" for number in range(40)], [f"T-{number}" for number in range(40)]
    vectors = vectors[np.arange(40) % 9]  # equal texts have equal vectors
    order = chance.permutation(40)
    again = _problems(vectors[order], [texts[row] for row in order])
    assert examples_of(_problems(vectors, texts), ids) == examples_of(again, [ids[row] for row in order])


def test_tickets_without_ids_are_no_examples() -> None:
    assert examples_of(_problems(_at(0, 40), ["a", "b"]), None) == [()]
