"""Which tickets vote."""

import numpy as np
import pytest

from models.recluster.exemplars import ExemplarPolicy, choose_exemplars


def _choose(
    labels: list[int], texts: list[str], policy: ExemplarPolicy, ages: list[int] | None = None
) -> list[int]:
    created = np.array(ages if ages is not None else range(len(labels)), dtype=np.int64)
    return [int(row) for row in choose_exemplars(np.array(labels, dtype=np.int64), texts, created, policy)]


@pytest.mark.parametrize(
    ("labels", "texts", "ages", "chosen"),
    [
        pytest.param([0, 1, 0], ["a", "b", "c"], [1, 2, 3], [0, 1, 2], id="all, where they fit"),
        pytest.param([0, -1, 0], ["a", "b", "c"], [1, 2, 3], [0, 2], id="not those left out"),
        pytest.param([0, 0, 0], ["a", "a", "a"], [1, 3, 2], [1], id="of copies the newest"),
        pytest.param([0, 1, 0], ["a", "a", "a"], [1, 2, 3], [1, 2], id="copies in two clusters stay in both"),
        pytest.param([0, 0], ["a", "a"], [5, 5], [0], id="of copies of one age the first"),
    ],
)
def test_small_histories(labels: list[int], texts: list[str], ages: list[int], chosen: list[int]) -> None:
    assert _choose(labels, texts, ExemplarPolicy(), ages) == chosen


def test_beyond_the_most_clusters_shrink_alike_but_small_ones_stay() -> None:
    labels = [0] * 800 + [1] * 400 + [2] * 15 + [3] * 30
    chosen = _choose(
        labels, [str(row) for row in range(len(labels))], ExemplarPolicy(most=300, least_a_cluster=20)
    )
    sizes = np.bincount(np.array(labels)[chosen])
    assert sizes[2:].tolist() == [15, 20]
    assert sizes.sum() <= 300
    assert sizes.sum() >= 298
    assert sizes[0] == pytest.approx(2 * sizes[1], abs=1)


def test_the_newest_stay() -> None:
    ages = np.random.default_rng(0).permutation(100).tolist()
    chosen = _choose([0] * 100, [str(row) for row in range(100)], ExemplarPolicy(most=10), ages)
    assert sorted(ages[row] for row in chosen) == list(range(90, 100))


def test_more_clusters_than_the_least_allows_share_what_there_is() -> None:
    labels = np.repeat(np.arange(50), 10).tolist()
    chosen = _choose(labels, [str(row) for row in range(500)], ExemplarPolicy(most=100, least_a_cluster=20))
    assert np.bincount(np.array(labels)[chosen]).tolist() == [2] * 50
