"""Clusterers without a library: what is close enough to a ticket seen before is of its cluster."""

from dataclasses import dataclass

import numpy as np

from models.recluster.cluster import Clusterer, ClusterPolicy, Labels, Way, Ways
from models.vote import Vectors


@dataclass(frozen=True, slots=True)
class Leaders:
    """recluster.cluster.Clusterer by leaders (Hartigan 1975): clusters under the smallest size are noise."""

    radius: float = 0.5
    least: int = 5

    def cluster(self, vectors: Vectors, smallest: int) -> Labels:
        labels = np.full(len(vectors), -1, dtype=np.int64)
        count = 0
        for row in range(len(vectors)):
            if labels[row] >= 0:
                continue
            near = (np.linalg.norm(vectors - vectors[row], axis=1) <= self.radius) & (labels < 0)
            if near.sum() >= max(smallest, self.least):
                labels[near], count = count, count + 1
        return labels


@dataclass(frozen=True, slots=True)
class Always:
    """A clusterer that gives ticket i the label i // each, or noise where `each` is 0."""

    each: int

    def cluster(self, vectors: Vectors, smallest: int) -> Labels:
        if not self.each:
            return np.full(len(vectors), -1, dtype=np.int64)
        return np.arange(len(vectors), dtype=np.int64) // self.each


def within(clusterer: Clusterer) -> Way:
    return Way(clusterer, ClusterPolicy())


def without(clusterer: Clusterer) -> Way:
    return Way(clusterer, ClusterPolicy(size_factor=0.1))


def ways(clusterer: Clusterer) -> Ways:
    return Ways(within(clusterer), without(clusterer))
