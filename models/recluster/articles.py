"""Articles: which article of the knowledge base a cluster is named by, if one is. After align, before name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.vote import Rows, Vectors


@dataclass(frozen=True, slots=True)
class Articles:
    """The knowledge base, cleaned and masked as tickets are; row i of `vectors` [m, dim] belongs to ids[i].

    Attributes:
        ids: m, each once.
        titles: m, none empty.
        vectors: unit rows by the encoder of the tickets, of title and text together.
    """

    ids: Sequence[str]
    titles: Sequence[str]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class NearPolicy:
    """When an article is near enough to name a cluster.

    Attributes:
        likeness: cosine of the two, what all clusters have in common taken off (see `named_by`).
        margin: by which the article must be more like the cluster than the next article is, and than it is itself like
            the next cluster.
        centred_from: clusters from which on what they have in common can be told.
        least: solved tickets from which on people's word counts.
        most: share of the solved tickets above which an article that they name wins.
    """

    likeness: float = 0.35
    margin: float = 0.12
    centred_from: int = 10
    least: int = 3
    most: float = 0.5


def named_by(
    members: Sequence[Rows],
    vectors: Vectors,
    solved_by: Sequence[str | None],
    articles: Articles,
    before: Mapping[int, str],
    policy: NearPolicy,
) -> dict[int, int]:
    """Cluster -> row of the article that names it.

    An article that the most of a cluster's solved tickets name wins, of whatever likeness. Of the other clusters and
    the articles that won none, an article names a cluster where each is the other's nearest, clearly so and near
    enough; see NearPolicy. Likeness is the cosine of article and centroid with the mean of all centroids taken off
    both: what every ticket of a company has in common says nothing of what an article is about. What a cluster was
    named by stays its name as long as the article is there and neither has another now.

    Args:
        members: of each cluster its rows.
        vectors: [n, dim] settled unit rows of the tickets, by the encoder alone.
        solved_by: n, the article that solved the ticket, "" where it was solved without one, None where it is not.
        before: cluster -> id of the article that it was named by.
    """
    row = {identity: number for number, identity in enumerate(articles.ids)}
    found = {
        number: row[said]
        for number, rows in enumerate(members)
        if (said := _said([solved_by[one] for one in rows.tolist()], row, policy)) is not None
    }
    taken = set(found.values())
    for cluster, article in _nearest(members, vectors, articles, policy):
        if cluster not in found and article not in taken:
            found[cluster] = article
    taken = set(found.values())
    for cluster, identity in before.items():
        if cluster not in found and identity in row and row[identity] not in taken:
            found[cluster] = row[identity]
    return found


def _said(solved_by: Sequence[str | None], known: Mapping[str, int], policy: NearPolicy) -> str | None:
    """The article that the most of the solved tickets name."""
    solved = [one for one in solved_by if one is not None]
    counts = Counter(one for one in solved if one in known)
    if not counts:
        return None
    said, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return said if count >= policy.least and count > policy.most * len(solved) else None


def _nearest(
    members: Sequence[Rows], vectors: Vectors, articles: Articles, policy: NearPolicy
) -> list[tuple[int, int]]:
    """(cluster, article) that are each other's nearest, clearly so and near enough."""
    if not len(articles.ids):
        return []
    means = np.stack([vectors[rows].mean(axis=0, dtype=np.float64) for rows in members])
    common = means.mean(axis=0) if len(means) >= policy.centred_from else np.zeros(means.shape[1])
    likeness = _unit(means - common) @ _unit(articles.vectors - common).T
    pairs: list[tuple[int, int]] = []
    for cluster, article in enumerate(likeness.argmax(axis=1).tolist()):
        near = likeness[cluster, article]
        next_article = np.delete(likeness[cluster], article).max(initial=-1.0)
        next_cluster = np.delete(likeness[:, article], cluster).max(initial=-1.0)
        if near >= max(policy.likeness, policy.margin + max(next_article, next_cluster)):
            pairs.append((cluster, article))
    return pairs


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return scaled
