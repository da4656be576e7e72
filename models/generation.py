"""A generation: one immutable set of clusters, with the vectors that decisions are voted from.

Everything a decision depends on beside the ticket itself stands here, so that a decision can be made again.
"""

import hashlib
import io
import json
import zlib
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import BadGeneration

_MAGIC = b"SLUICEG4"

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Owner:
    """A team that clusters are bound to, with its promise in minutes."""

    name: str
    sla_minutes: int


class NamedBy(StrEnum):
    """Where a cluster's name comes from; a later one outweighs those before it."""

    TERMS = "terms"  # of its own tickets
    ARTICLE = "article"  # of the knowledge base
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A problem that many tickets share.

    Attributes:
        owner: None where nobody is bound to it.
        size: its tickets in the history it was made from.
        keywords: its most telling terms, the first the most.
        named: where its name comes from.
        kb_article_id: of the article that it is named by.
        examples: ids of tickets, the one nearest to the centroid first; empty where the history had none.
        owner_share: share of people's word on the tickets of its problem that says the owner, at least so much at 95 %
            (see recluster/owners); None where nobody said.
        proposed: who may own it, where nobody does and somebody comes near.
        pinned: a person wants it as it is.
        described: known by a name and a description alone, which its centroid is the vector of.
        description: the masked text that it was described by, its name with it; kept when it has tickets.
    """

    id: str
    name: str
    owner: str | None
    size: int
    keywords: tuple[str, ...] = ()
    named: NamedBy = NamedBy.TERMS
    kb_article_id: str | None = None
    examples: tuple[str, ...] = ()
    owner_share: float | None = None
    proposed: str | None = None
    pinned: bool = False
    described: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class LineageEvent:
    """What became of a cluster at a reclustering (see recluster/align).

    Attributes:
        change: born, split, merged or died.
        cluster: id of the cluster that is new, or is no more.
        other: id of the one that it came from or went into; None where there is none.
        share: of its tickets that came from there or went there, 0 to 1.
        at_ms: epoch milliseconds.
    """

    change: str
    cluster: str
    other: str | None
    share: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The terms of the company's own history, and how they become a vector (see models/lexicon).

    Attributes:
        terms: [K] uint64 hashes, ascending.
        idf: [K] float32, how rare each is, in multiples of 1/64.
        components: [K, L] int16, what each adds to the L components, in multiples of 2**-14.
        weight: length of the lexical part of a hybrid vector beside the encoder's part of length 1.
    """

    terms: NDArray[np.uint64]
    idf: NDArray[np.float32]
    components: NDArray[np.int16]
    weight: float


@dataclass(frozen=True, slots=True)
class Head:
    """What each exemplar says of every party, learned from all of them together (see models/evidence).

    Attributes:
        weights: [E, parties] float32, in multiples of 2**-18; row i belongs to exemplar i.
        power: of the kernel ((1 + cosine) / 2) ** power.
        linear: [width + 1, parties] float32, in multiples of 2**-18: log-odds of each party by component of the hybrid
            vector, and in the last row what is added to them. None where it was not learned.
    """

    weights: NDArray[np.float32]
    power: int
    linear: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Confidence:
    """How evidence becomes a probability, fitted on tickets held back (see learn/confidence).

    Attributes:
        head, linear, vote, centroid: weights of the four kinds of evidence for a party, before a softmax.
        slope, bias: from the log-odds of the leading party to those that it is right.
        strength, nearest: weights of how strongly the head answers and how near the nearest exemplar is, in the score
            that says whether a ticket is like the history at all.
    """

    head: float
    vote: float
    centroid: float
    slope: float
    bias: float
    strength: float
    nearest: float
    linear: float = 0.0


@dataclass(frozen=True, slots=True)
class Describing:
    """How a description becomes a probability, fitted on clusters left out in turn (see learn/described).

    Attributes:
        cosine: weight of the cosine of ticket and description, in log-odds.
        level: of how near the history itself comes to the description.
        nearest, strength: of how near the ticket is to the history, and how strongly the head answers.
        bias: what is added to them.
        route_at: probability from which on a ticket is routed to a described cluster; above 1: never.
    """

    cosine: float
    level: float
    nearest: float
    strength: float
    bias: float
    route_at: float


# What stands in for what cannot be fitted: a history of few clusters. Fitted on the sample company's (app/demo).
UNFITTED_DESCRIBING = Describing(
    cosine=18.5, level=-9.6, nearest=-10.2, strength=-4.4, bias=5.2, route_at=0.71
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a decision may be automatic; fitted on the generation's own history (see learn/confidence).

    Attributes:
        scope: score under which a ticket is unlike the history (triage).
        route_at: confidence from which on a ticket is routed without a person; above 1: never.
        owners: for owners with history enough to tell, where that is stricter: name and confidence.
        similar: cosine of the encoder's vectors from which on a solved ticket is worth showing.
        reach: cosine of hybrid vectors from which on a corrected ticket speaks for others.
    """

    scope: float
    route_at: float
    owners: tuple[tuple[str, float], ...]
    similar: float
    reach: float


@dataclass(frozen=True, slots=True)
class Generation:
    """Clusters with their centroids and exemplars.

    Attributes:
        clusters: C clusters, described ones after all others; row i of `centroids` belongs to clusters[i].
        owners: every owner that a cluster names, and others that tickets may be given to.
        centroids: [C, width] float32, unit rows of hybrid vectors.
        exemplars: [E, width] float16, settled hybrid vectors (see vote.GRID), which float16 holds exactly: the history
            that votes.
        exemplar_cluster: [E] int32, row of `clusters`.
        dim: width of the encoder's vectors.
        lexicon: None where the history was too small for one; a hybrid vector is the encoder's then.
        head: None where there was nothing to learn: fewer than two owners, or too few tickets. Of described clusters
            it knows nothing: its parties are those of the others.
        reference: (name, ascending deciles) of what the history held back scored, for drift.
        encoder: fingerprint of the encoder that made the vectors.
        created_at_ms: epoch milliseconds.
        lineage: what became of clusters in it and in those before it, the oldest first.
    """

    clusters: tuple[Cluster, ...]
    owners: tuple[Owner, ...]
    centroids: NDArray[np.float32]
    exemplars: NDArray[np.float16]
    exemplar_cluster: NDArray[np.int32]
    dim: int
    lexicon: Lexicon | None
    head: Head | None
    confidence: Confidence
    thresholds: Thresholds
    reference: tuple[tuple[str, tuple[float, ...]], ...]
    encoder: str
    created_at_ms: int
    lineage: tuple[LineageEvent, ...] = ()
    describing: Describing = UNFITTED_DESCRIBING

    @property
    def learned(self) -> tuple[Cluster, ...]:
        """The clusters that are known by tickets; they stand first."""
        return tuple(cluster for cluster in self.clusters if not cluster.described)

    @property
    def width(self) -> int:
        """Length of a hybrid vector."""
        return self.dim + (0 if self.lexicon is None else int(self.lexicon.components.shape[1]))


def check(generation: Generation) -> None:
    """Raise BadGeneration where the parts of a generation do not fit each other."""
    count, owners = len(generation.clusters), {owner.name for owner in generation.owners}
    lexicon, head = generation.lexicon, generation.head
    if lexicon is not None and (lexicon.terms.ndim, lexicon.idf.ndim, lexicon.components.ndim) != (1, 1, 2):
        raise BadGeneration("generation: the lexicon's parts have another shape")
    known = len(generation.learned)
    named = [cluster.owner for cluster in generation.learned]
    parties = len({owner for owner in named if owner is not None}) + named.count(None)
    problems = {
        "no clusters": known == 0,
        "a described cluster stands before one that is not": any(
            cluster.described for cluster in generation.clusters[:known]
        ),
        "centroids are not one row a cluster": generation.centroids.shape != (count, generation.width),
        "exemplars differ from centroids in width": generation.exemplars.shape[1:] != (generation.width,),
        "exemplars are not one cluster each": generation.exemplar_cluster.shape
        != generation.exemplars.shape[:1],
        "an exemplar names no cluster": bool(
            generation.exemplar_cluster.size
            and not 0 <= generation.exemplar_cluster.min() <= generation.exemplar_cluster.max() < known
        ),
        "a vector is not finite": not (
            np.isfinite(generation.centroids).all() and np.isfinite(generation.exemplars).all()
        ),
        "a cluster id stands twice": len({cluster.id for cluster in generation.clusters}) != count,
        "a cluster names an owner that is not listed": any(
            cluster.owner is not None and cluster.owner not in owners for cluster in generation.clusters
        ),
        "a described cluster is nobody's": any(
            cluster.described and cluster.owner is None for cluster in generation.clusters
        ),
        "the lexicon's parts differ in length": lexicon is not None
        and not len(lexicon.terms) == len(lexicon.idf) == len(lexicon.components),
        "the lexicon's terms are not in order": lexicon is not None
        and not (lexicon.terms[1:] > lexicon.terms[:-1]).all(),
        "the head is not one row an exemplar and one column a party": head is not None
        and head.weights.shape != (len(generation.exemplars), parties),
        "the head's power is no whole number above 0": head is not None
        and (type(head.power) is not int or head.power < 1),
        "the head is not finite": head is not None and not np.isfinite(head.weights).all(),
        "the linear head does not fit the other": head is not None
        and head.linear is not None
        and not (head.linear.shape == (generation.width + 1, parties) and np.isfinite(head.linear).all()),
        "confidence or a threshold is not finite": not np.isfinite(_numbers(generation)).all(),
    }
    for problem, found in problems.items():
        if found:
            raise BadGeneration(f"generation: {problem}")


def _numbers(generation: Generation) -> list[float]:
    confidence, thresholds = generation.confidence, generation.thresholds
    single = (thresholds.scope, thresholds.route_at, thresholds.similar, thresholds.reach)
    describing = asdict(generation.describing).values()
    return [*asdict(confidence).values(), *describing, *single, *(at for _, at in thresholds.owners)]


def to_bytes(generation: Generation) -> bytes:
    """The generation as one blob: magic, length of the header, JSON header, then the zlib-packed arrays.

    The same generation always gives the same bytes.
    """
    check(generation)
    lexicon, head = generation.lexicon, generation.head
    header = json.dumps(
        {
            "clusters": [asdict(cluster) for cluster in generation.clusters],
            "owners": [asdict(owner) for owner in generation.owners],
            "dim": generation.dim,
            "lexicon": None if lexicon is None else {"weight": lexicon.weight},
            "head": None if head is None else {"power": head.power, "linear": head.linear is not None},
            "confidence": asdict(generation.confidence),
            "thresholds": asdict(generation.thresholds),
            "describing": asdict(generation.describing),
            "reference": generation.reference,
            "encoder": generation.encoder,
            "created_at_ms": generation.created_at_ms,
            "lineage": [asdict(event) for event in generation.lineage],
        },
        ensure_ascii=False,
        sort_keys=True,
    ).encode()
    body = io.BytesIO()
    arrays: list[NDArray[Any]] = [generation.centroids, generation.exemplars, generation.exemplar_cluster]
    arrays += [] if lexicon is None else [lexicon.terms, lexicon.idf, lexicon.components]
    arrays += [] if head is None else [head.weights]
    arrays += [] if head is None or head.linear is None else [head.linear]
    for array in arrays:
        np.lib.format.write_array(body, np.ascontiguousarray(array), allow_pickle=False)
    return _MAGIC + len(header).to_bytes(8, "little") + header + zlib.compress(body.getvalue(), 1)


def from_bytes(blob: bytes) -> Generation:
    """The generation that `to_bytes` wrote.

    Raises:
        BadGeneration: the blob is not one, or its parts do not fit each other.
    """
    if blob[: len(_MAGIC)] != _MAGIC:
        raise BadGeneration("generation: not a generation of this format")
    try:
        start = len(_MAGIC) + 8
        end = start + int.from_bytes(blob[len(_MAGIC) : start], "little")
        header = json.loads(blob[start:end])
        generation = _read(header, io.BytesIO(zlib.decompress(blob[end:])))
        check(generation)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise BadGeneration(f"generation: cannot be read ({type(error).__name__})") from error
    return generation


def _read(header: dict[str, Any], body: io.BytesIO) -> Generation:
    def array(kind: type[_Number]) -> NDArray[_Number]:
        found: NDArray[_Number] = np.lib.format.read_array(body, allow_pickle=False).astype(kind, copy=False)
        return found

    centroids, exemplars, rows = array(np.float32), array(np.float16), array(np.int32)
    lexicon, head, thresholds = header["lexicon"], header["head"], header["thresholds"]
    return Generation(
        clusters=tuple(_cluster(cluster) for cluster in header["clusters"]),
        owners=tuple(Owner(**owner) for owner in header["owners"]),
        centroids=centroids,
        exemplars=exemplars,
        exemplar_cluster=rows,
        dim=header["dim"],
        lexicon=None
        if lexicon is None
        else Lexicon(array(np.uint64), array(np.float32), array(np.int16), **lexicon),
        head=None
        if head is None
        else Head(array(np.float32), head["power"], array(np.float32) if head["linear"] else None),
        confidence=Confidence(**header["confidence"]),
        thresholds=Thresholds(**{**thresholds, "owners": tuple((n, at) for n, at in thresholds["owners"])}),
        reference=tuple((name, tuple(values)) for name, values in header["reference"]),
        encoder=header["encoder"],
        created_at_ms=header["created_at_ms"],
        lineage=tuple(LineageEvent(**event) for event in header["lineage"]),
        describing=Describing(**header["describing"]),
    )


def _cluster(header: dict[str, Any]) -> Cluster:
    lists = {name: tuple(header[name]) for name in ("keywords", "examples")}
    return Cluster(**{**header, **lists, "named": NamedBy(header["named"])})


def same_but_for_time(one: Generation, other: Generation) -> bool:
    """Whether both decide alike and tell the same of their clusters: all but when they were made, and the events that
    led to them, is the same to the bit."""
    first, second = (to_bytes(replace(made, created_at_ms=0, lineage=())) for made in (one, other))
    return first == second


def generation_id(blob: bytes) -> str:
    """The id of a packed generation: `g-` and the first 16 hex digits of its SHA-256."""
    return "g-" + hashlib.sha256(blob).hexdigest()[:16]
