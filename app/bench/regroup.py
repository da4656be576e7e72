"""One contender of `sluice bench recluster`, in a process of its own; prints one line of JSON.

    python -m app.bench.regroup graph|hdbscan|bertopic|growth FILE

FILE holds vectors (.npy), or vectors and labels (.npz), beside which their texts stand (.json). What is timed ends with
names: each contender names what it finds. A second time in the same process is the warm one.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from app.child import resident_mib
from app.evaluate.clusters import cluster_scores
from models.engines.density import HDBSCAN
from models.engines.graph import GRAPH
from models.recluster.cluster import Labels, Ways, problems_without_owner
from models.recluster.name import name_clusters
from models.vote import Vectors


def _ours(ways: Ways) -> Callable[[Vectors, list[str]], Labels]:
    def found(vectors: Vectors, texts: list[str]) -> Labels:
        labels = problems_without_owner(vectors, ways.without_owner).labels
        members: dict[int, list[str]] = {}
        for label, text in zip(labels.tolist(), texts, strict=True):
            if label >= 0:
                members.setdefault(label, []).append(text)
        name_clusters(members, {})
        return labels

    return found


class _Bertopic:
    """Its default pipeline. It is imported before it is timed, as ours is."""

    def __init__(self) -> None:
        from bertopic import BERTopic

        self._new = BERTopic

    def __call__(self, vectors: Vectors, texts: list[str]) -> Labels:
        self._model = self._new()
        self._topics, _ = self._model.fit_transform(texts, embeddings=vectors)
        return np.array(self._topics, dtype=np.int64)

    def reduced(self, vectors: Vectors, texts: list[str]) -> Labels:
        """The topics found last, outliers given to the nearest by their vectors; scored, not timed."""
        found = self._model.reduce_outliers(texts, self._topics, strategy="embeddings", embeddings=vectors)
        return np.array(found, dtype=np.int64)


def _measured(name: str, given: Any, texts: list[str]) -> dict[str, Any]:
    vectors, truth = given["vectors"], given["truth"]
    find = {"graph": _ours(GRAPH), "hdbscan": _ours(HDBSCAN)}.get(name) or _Bertopic()
    seconds: list[float] = []
    for _ in range(2):
        started = perf_counter()
        labels = find(vectors, texts)
        seconds.append(round(perf_counter() - started, 2))
    report = cluster_scores(labels, truth)
    if isinstance(find, _Bertopic):
        report["reduce_outliers"] = cluster_scores(find.reduced(vectors, texts), truth)
    return report | {
        "cold_seconds": seconds[0],
        "warm_seconds": seconds[1],
        "peak_rss_mib": _peak_mib(),
    }


def _growth(vectors: Vectors) -> dict[str, Any]:
    started = perf_counter()
    found = problems_without_owner(vectors, GRAPH.without_owner)
    return {
        "clusters": found.count,
        "seconds": round(perf_counter() - started, 2),
        "peak_rss_mib": _peak_mib(),
    }


def _peak_mib() -> int:
    return round(resident_mib(os.getpid(), peak=True) or 0)


def main(name: str, path: str) -> None:
    """Measure one contender."""
    given = np.load(path)
    if name == "growth":
        report = _growth(given)
    else:
        report = _measured(
            name, given, json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
        )
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
