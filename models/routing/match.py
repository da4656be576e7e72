"""Match: which clusters and owners a ticket may belong to, and how sure that is. After encode, before decide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.evidence import Evidence, Searchable, confidence_of, gather
from models.exact import Floats, total
from models.generation import Cluster
from models.routing.corrections import KNOWN_AT, Corrections, Weighed, weigh_corrections
from models.vote import Vectors, VotePolicy

# The choice and up to five alternatives.
CANDIDATES = 6

# A described cluster is taken for a ticket's own where it is likelier than all else, and shown where it may be.
_LIKELY, _NOTABLE = 0.5, 0.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cluster that was considered.

    Attributes:
        owner: who handles it; people's acts may have given it to another than the generation says.
        similarity: cosine of ticket and centroid. Settled vectors are of unit length to within 1 %, so that a
            cosine is right to about 0.002; none is reported above 1.
        confidence: of the first candidate the calibrated probability that its owner is right; of the others their
            owner's share of the evidence.
        share: share of the neighbours' vote that fell on this very cluster; 0 where only its centroid is near.
    """

    cluster: Cluster
    owner: str | None
    similarity: float
    confidence: float
    share: float


@dataclass(frozen=True, slots=True)
class Match:
    """Up to six candidates, best first: by their owner's probability, then by their own votes.

    Attributes:
        nearest: cosine of the ticket and its nearest past one.
        margin: lead of the first owner over the second, in probability.
        scope: how like the history the ticket is, to be held against thresholds.scope.
        taught: whether people gave a ticket very like this one to somebody since the generation was made.
        described: whether the first candidate is one that people only described, and the ticket more likely belongs to
            it than to all else.
    """

    candidates: tuple[Candidate, ...]
    nearest: float
    margin: float
    scope: float
    taught: bool
    described: bool = False


class IndexedTickets(Protocol):
    """Tickets by meaning, live: shown to people, never voting. Safe to use from several threads."""

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


def match(queries: Vectors, ready: Searchable, policy: VotePolicy, corrections: Corrections) -> list[Match]:
    """One Match a row of settled hybrid vectors [n, width] (see lexicon.join), in order.

    A row's Match depends on that row, the generation and the corrections alone, to the bit, and not on the rows beside
    it or on the machine.

    Raises:
        ValueError: vectors of another width than the generation's.
    """
    if queries.ndim != 2 or queries.shape[1] != ready.generation.width:
        raise ValueError(f"vectors must have {ready.generation.width} columns, as the generation's")
    if not len(queries):
        return []
    evidence = gather(queries, ready, policy)
    weighed = weigh_corrections(queries, evidence, ready, corrections)
    lead = np.sort(weighed.probability, axis=1)[:, ::-1]
    sure = _sure(weighed, ready)
    _, near = ready.centroid_index.search(queries, min(CANDIDATES, len(ready.centroids)))
    nearest, scope, clusters = evidence.nearest, evidence.scope, ready.clusters
    found = [
        tuple(_candidates(row, evidence, weighed, near[row], float(sure[row]), clusters))
        for row in range(len(queries))
    ]
    told = np.take_along_axis(weighed.told, weighed.probability.argmax(axis=1)[:, None], axis=1)[:, 0]
    return [
        Match(
            candidates=found[row],
            nearest=_cosine(nearest[row]),
            margin=float(lead[row, 0] - lead[row, 1]) if lead.shape[1] > 1 else float(lead[row, 0]),
            scope=float(scope[row]),
            taught=bool(weighed.taught[row] >= KNOWN_AT),
            described=bool(found[row][0].cluster.described and told[row] >= _LIKELY),
        )
        for row in range(len(queries))
    ]


def _sure(weighed: Weighed, ready: Searchable) -> Floats:
    """[n] the calibrated probability that the first owner is right. What a description says is one as it stands; what
    the history says is calibrated by itself, as what is left of the ticket."""
    first = weighed.probability.argmax(axis=1)[:, None]
    led, told = (
        np.take_along_axis(part, first, axis=1)[:, 0] for part in (weighed.probability, weighed.told)
    )
    rest = 1.0 - total(weighed.told)
    share = np.divide(led - told, rest, out=np.zeros_like(rest), where=rest > 0)
    return confidence_of(share, ready.generation.confidence) * rest + told


def _candidates(
    row: int,
    evidence: Evidence,
    weighed: Weighed,
    near: Vectors,
    sure: float,
    clusters: Sequence[Cluster],
) -> Iterator[Candidate]:
    """The best cluster of each of the likeliest owners, and others that were voted for or are near.

    An owner of whom nothing is left, or of whom only people know and not here, is no candidate.
    """
    probability: Floats = weighed.probability[row]
    likeliest = np.argsort(-probability, kind="stable")[:CANDIDATES]
    owners = likeliest[probability[likeliest] > 0].tolist()
    similarity = np.append(evidence.similarity[row], weighed.likeness[row])
    shares = np.append(evidence.votes.by_cluster[row], np.zeros(len(weighed.likeness[row])))
    pairs = [(column, int(weighed.cluster[row, column])) for column in owners]  # column, cluster
    taken = {cluster for _, cluster in pairs}
    likely = np.flatnonzero(weighed.chance[row] > _NOTABLE) + len(evidence.similarity[row])
    rest = {int(cluster) for cluster in (*evidence.voted[row], *near, *likely) if cluster >= 0} - taken
    pairs += [(int(weighed.handler[cluster]), cluster) for cluster in sorted(rest)]
    first, others = pairs[0], pairs[1:]
    others.sort(key=lambda pair: (-probability[pair[0]], -shares[pair[1]], -similarity[pair[1]], pair[1]))
    for number, (column, cluster) in enumerate([first, *others][:CANDIDATES]):
        yield Candidate(
            cluster=clusters[cluster],
            owner=weighed.owners[column],
            similarity=_cosine(similarity[cluster]),
            confidence=round(sure if number == 0 else float(probability[column]), 6),
            share=round(float(shares[cluster]), 6),
        )


def _cosine(product: float) -> float:
    return min(1.0, max(-1.0, float(product)))
