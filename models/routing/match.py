"""Match: which clusters a ticket may belong to, by a vote of its nearest exemplars. After encode, before decide."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.generation import Cluster
from models.vote import Rows, Searchable, Tally, Vectors, VotePolicy, settle, tally

# The choice and up to five alternatives.
CANDIDATES = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cluster that was considered.

    Attributes:
        similarity: cosine of ticket and centroid. Settled vectors are of unit length to within 1 %, so that a
            cosine is right to about 0.002; none is reported above 1.
        confidence: share of the neighbour vote that the cluster's owner won (the cluster itself, without owner).
        share: share of the vote that fell on this very cluster; 0 where only its centroid is near.
    """

    cluster: Cluster
    similarity: float
    confidence: float
    share: float


@dataclass(frozen=True, slots=True)
class Match:
    """Up to six candidates, best first: those voted for by their owner's vote, then by their own; after them
    those whose centroid is near.

    Attributes:
        nearest: cosine of the ticket and its nearest voter.
        margin: lead of the first candidate's centroid over the nearest centroid of another owner, in cosine;
            the similarity itself where there is no other owner.
    """

    candidates: tuple[Candidate, ...]
    nearest: float
    margin: float


class SolvedTickets(Protocol):
    """Solved tickets by meaning, live: shown to people, never voting. Safe to use from several threads."""

    def __len__(self) -> int:
        """Tickets held."""
        ...

    def put(self, ticket_id: str, vector: Vectors) -> None:
        """Add a ticket, or give one that is held a new vector [dim]."""
        ...

    def remove(self, ticket_id: str) -> bool:
        """Forget a ticket; whether it was held."""
        ...

    def search(self, queries: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """Up to k ticket ids with their cosines for each query [n, dim], nearest first."""
        ...


def match(vectors: Vectors, ready: Searchable, policy: VotePolicy) -> list[Match]:
    """One Match a row of `vectors` [n, dim], in order.

    The vectors are settled first (see vote.GRID), so a row's Match depends on that settled row alone, to the bit,
    and not on the rows beside it or on the machine.

    Raises:
        ValueError: vectors of another width than the generation's, or not finite.
    """
    if vectors.ndim != 2 or vectors.shape[1] != ready.generation.dim:
        raise ValueError(f"vectors must have {ready.generation.dim} columns, as the generation's")
    if not len(vectors):
        return []
    queries = settle(vectors)
    similarities, voters = ready.voter_index.search(queries, policy.neighbours)
    clusters = np.where(voters >= 0, ready.voter_cluster[voters], -1)
    votes = tally(similarities, clusters, ready.party, policy)
    _, near = ready.centroid_index.search(queries, min(CANDIDATES, len(ready.centroids)))
    return [
        _match_one(
            queries[i], clusters[i], near[i], Tally(votes.by_party[i], votes.by_cluster[i]), ready, nearest
        )
        for i, nearest in enumerate(similarities[:, 0].tolist())
    ]


def _match_one(
    query: Vectors, voted: Rows, near: Rows, votes: Tally, ready: Searchable, nearest: float
) -> Match:
    rows = np.array(sorted({int(row) for row in (*voted, *near) if row >= 0}), dtype=np.int64)
    similarity = ready.centroids[rows] @ query
    share, confidence = votes.by_cluster[rows], votes.by_party[ready.party[rows]]
    # Last key first: owner's vote where the cluster has votes itself, then its own, then the cosine, then the row.
    order = np.lexsort((rows, -similarity, -share, np.where(share > 0, -confidence, 0.0)))[:CANDIDATES]
    candidates = tuple(
        Candidate(
            cluster=ready.generation.clusters[rows[i]],
            similarity=_cosine(similarity[i]),
            confidence=round(float(confidence[i]), 6),
            share=round(float(share[i]), 6),
        )
        for i in order
    )
    return Match(candidates, _cosine(nearest), _margin(query, near, int(rows[order[0]]), ready))


def _margin(query: NDArray[np.float32], near: Rows, chosen: int, ready: Searchable) -> float:
    own = float(ready.centroids[chosen] @ query)
    others = near[ready.party[near] != ready.party[chosen]]
    if not len(others):  # the nearest few all belong to the chosen owner: look at every other one
        others = np.flatnonzero(ready.party != ready.party[chosen])
    if not len(others):
        return own
    return own - float((ready.centroids[others] @ query).max())


def _cosine(product: float) -> float:
    return min(1.0, max(-1.0, float(product)))
