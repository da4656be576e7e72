"""A density clusterer without a library: what is close enough to a point seen before is of its cluster."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.recluster.cluster import Labels


@dataclass(frozen=True, slots=True)
class Leaders:
    """recluster.cluster.DensityClusterer by leaders (Hartigan 1975): clusters under the smallest size are noise."""

    radius: float = 0.5

    def cluster(self, points: NDArray[np.float32], min_cluster_size: int, min_samples: int) -> Labels:
        labels = np.full(len(points), -1, dtype=np.int64)
        count = 0
        for row in range(len(points)):
            if labels[row] >= 0:
                continue
            near = (np.linalg.norm(points - points[row], axis=1) <= self.radius) & (labels < 0)
            if near.sum() >= max(min_cluster_size, min_samples):
                labels[near], count = count, count + 1
        return labels


@dataclass(frozen=True, slots=True)
class Always:
    """A density clusterer that gives point i the label i // each, or noise where `each` is 0."""

    each: int

    def cluster(self, points: NDArray[np.float32], min_cluster_size: int, min_samples: int) -> Labels:
        if not self.each:
            return np.full(len(points), -1, dtype=np.int64)
        return np.arange(len(points), dtype=np.int64) // self.each
