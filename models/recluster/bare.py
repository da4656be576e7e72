"""Bare: pinned clusters that no ticket is in any more, and how they go on voting. Beside pins."""

from dataclasses import replace

import numpy as np

from models.generation import Cluster, Generation, NamedBy
from models.recluster.assemble import Bare
from models.recluster.word import Word
from models.vote import Vectors


def without_tickets(cluster: Cluster, word: Word) -> Cluster:
    """A pinned cluster that no ticket is in any more."""
    named = word.named.get(cluster.id)
    return replace(
        cluster,
        name=cluster.name if named is None else named,
        named=cluster.named if named is None else NamedBy.PERSON,
        owner=word.bound.get(cluster.id, cluster.owner),
        size=0,
        examples=(),
        pinned=True,
    )


def bare_of(rows: list[int], last: Generation, width: int) -> Bare:
    """The centroids and exemplars of clusters of the last generation, as vectors of texts that the lexicon knows
    nothing of: each generation has one of its own, and their texts are gone."""
    place = {row: number for number, row in enumerate(rows)}
    voters = np.flatnonzero(np.isin(last.exemplar_cluster, rows))
    return Bare(
        centroids=by_encoder(last.centroids[rows], last.dim, width),
        exemplars=by_encoder(last.exemplars[voters].astype(np.float32), last.dim, width),
        exemplar_cluster=np.array(
            [place[row] for row in last.exemplar_cluster[voters].tolist()], dtype=np.int64
        ),
    )


def by_encoder(vectors: Vectors, dim: int, width: int) -> Vectors:
    """Hybrid vectors by the encoder's part alone, unit rows [n, width] with zeros behind it."""
    part = vectors[:, :dim]
    length = np.linalg.norm(part, axis=1, keepdims=True)
    unit: Vectors = np.divide(part, length, out=np.zeros_like(part), where=length > 0)
    return np.hstack([unit, np.zeros((len(unit), width - dim), dtype=np.float32)])
