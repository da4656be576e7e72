"""One contender of `sluice bench recluster`, in a process of its own; prints one line of JSON.

    python -m app.bench.regroup graph|hdbscan|bertopic|growth FILE

FILE holds vectors (.npy), or vectors, labels and texts (.npz). What is timed ends with names: each contender names what
it finds. A second time in the same process is the warm one.
"""

import json
import os
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.child import resident_mib
from app.evaluate.clusters import cluster_scores
from models.engines.density import HDBSCAN
from models.engines.graph import GRAPH
from models.recluster.cluster import Labels, Ways, problems_without_owner
from models.recluster.name import name_clusters
from models.vote import Vectors


def _ours(ways: Ways) -> Callable[[Vectors, list[str]], dict[str, Labels]]:
    def found(vectors: Vectors, texts: list[str]) -> dict[str, Labels]:
        labels = problems_without_owner(vectors, ways.without_owner).labels
        members: dict[int, list[str]] = {}
        for label, text in zip(labels.tolist(), texts, strict=True):
            if label >= 0:
                members.setdefault(label, []).append(text)
        name_clusters(members, {})
        return {"": labels}

    return found


def _bertopic(vectors: Vectors, texts: list[str]) -> dict[str, Labels]:
    """Its default pipeline, and the same with its outliers reduced by their vectors."""
    from bertopic import BERTopic

    model = BERTopic()
    topics, _ = model.fit_transform(texts, embeddings=vectors)
    reduced = model.reduce_outliers(texts, topics, strategy="embeddings", embeddings=vectors)
    return {"": np.array(topics), "reduce_outliers": np.array(reduced)}


def _measured(find: Callable[[Vectors, list[str]], dict[str, Labels]], given: Any) -> dict[str, Any]:
    vectors, texts = given["vectors"], given["texts"].tolist()
    truth: NDArray[np.int64] = given["truth"]
    seconds: list[float] = []
    for _ in range(2):
        started = perf_counter()
        found = find(vectors, texts)
        seconds.append(round(perf_counter() - started, 2))
    scores = {name: cluster_scores(labels.astype(np.int64), truth) for name, labels in found.items()}
    return {
        **scores.pop(""),
        **scores,
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
    contenders = {"graph": _ours(GRAPH), "hdbscan": _ours(HDBSCAN), "bertopic": _bertopic}
    report = _growth(given) if name == "growth" else _measured(contenders[name], given)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
