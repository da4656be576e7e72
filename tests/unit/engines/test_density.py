"""HDBSCAN at its edges."""

import numpy as np
import pytest

from models.engines.density import Hdbscan
from tests.fakes.generations import blobs, unit_rows


def test_three_dense_regions_are_found_and_told_apart() -> None:
    points, truth = blobs(np.eye(3, dtype=np.float32), each=40, spread=0.05, seed=0)
    labels = Hdbscan("eom").cluster(points, 10)
    assert labels.dtype == np.int64
    assert len(np.unique(labels[labels >= 0])) == 3
    assert all(len(np.unique(labels[(truth == blob) & (labels >= 0)])) == 1 for blob in range(3))


@pytest.mark.parametrize("count", [0, 1, 4, 5, 9])
def test_fewer_points_than_a_cluster_needs_are_noise(count: int) -> None:
    assert Hdbscan().cluster(unit_rows(count, 4, seed=1), 10).tolist() == [-1] * count


def test_copies_of_one_point_do_not_break_it() -> None:
    labels = Hdbscan().cluster(np.ones((50, 3), dtype=np.float32), 10)
    assert labels.shape == (50,)
    assert len(set(labels.tolist())) == 1
