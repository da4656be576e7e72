"""A generation: one immutable set of clusters, with the vectors that decisions are voted from.

Everything a decision depends on beside the ticket itself stands here, so that a decision can be made again.
"""

import hashlib
import io
import json
import zlib
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import BadGeneration

_MAGIC = b"SLUICEG1"


@dataclass(frozen=True, slots=True)
class Owner:
    """A team that clusters are bound to, with its promise in minutes."""

    name: str
    sla_minutes: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A problem that many tickets share. `owner` is None where nobody is bound to it; `size` is its tickets in
    the history it was made from."""

    id: str
    name: str
    owner: str | None
    size: int
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a decision may be automatic; fitted on the generation's own history (see recluster/calibrate).

    Attributes:
        floor: cosine to the nearest exemplar under which a ticket is unlike the history (triage).
        route_at: share of the neighbour vote at which the owner is routed to without a person.
    """

    floor: float
    route_at: float


@dataclass(frozen=True, slots=True)
class Generation:
    """Clusters with their centroids and exemplars.

    Attributes:
        clusters: C clusters; row i of `centroids` belongs to clusters[i].
        owners: every owner that a cluster names, and others that tickets may be given to.
        centroids: [C, dim] float32, unit rows.
        exemplars: [E, dim] float16, unit rows before rounding: the history that votes.
        exemplar_cluster: [E] int32, row of `clusters`.
        encoder: fingerprint of the encoder that made the vectors.
        created_at_ms: epoch milliseconds.
    """

    clusters: tuple[Cluster, ...]
    owners: tuple[Owner, ...]
    centroids: NDArray[np.float32]
    exemplars: NDArray[np.float16]
    exemplar_cluster: NDArray[np.int32]
    thresholds: Thresholds
    encoder: str
    created_at_ms: int

    @property
    def dim(self) -> int:
        return int(self.centroids.shape[1])


def check(generation: Generation) -> None:
    """Raise BadGeneration where the parts of a generation do not fit each other."""
    count, owners = len(generation.clusters), {owner.name for owner in generation.owners}
    problems = {
        "no clusters": count == 0,
        "centroids are not one row a cluster": generation.centroids.shape[:1] != (count,),
        "exemplars differ from centroids in width": generation.exemplars.shape[1:]
        != generation.centroids.shape[1:],
        "exemplars are not one cluster each": generation.exemplar_cluster.shape
        != generation.exemplars.shape[:1],
        "an exemplar names no cluster": bool(
            generation.exemplar_cluster.size
            and not 0 <= generation.exemplar_cluster.min() <= generation.exemplar_cluster.max() < count
        ),
        "a vector is not finite": not (
            np.isfinite(generation.centroids).all() and np.isfinite(generation.exemplars).all()
        ),
        "a cluster id stands twice": len({cluster.id for cluster in generation.clusters}) != count,
        "a cluster names an owner that is not listed": any(
            cluster.owner is not None and cluster.owner not in owners for cluster in generation.clusters
        ),
    }
    for problem, found in problems.items():
        if found:
            raise BadGeneration(f"generation: {problem}")


def to_bytes(generation: Generation) -> bytes:
    """The generation as one blob: magic, length of the header, JSON header, then the zlib-packed arrays.

    The same generation always gives the same bytes.
    """
    check(generation)
    header = json.dumps(
        {
            "clusters": [asdict(cluster) for cluster in generation.clusters],
            "owners": [asdict(owner) for owner in generation.owners],
            "thresholds": asdict(generation.thresholds),
            "encoder": generation.encoder,
            "created_at_ms": generation.created_at_ms,
        },
        ensure_ascii=False,
        sort_keys=True,
    ).encode()
    body = io.BytesIO()
    for array in (generation.centroids, generation.exemplars, generation.exemplar_cluster):
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
        body = io.BytesIO(zlib.decompress(blob[end:]))
        centroids, exemplars, rows = (np.lib.format.read_array(body, allow_pickle=False) for _ in range(3))
        generation = Generation(
            clusters=tuple(Cluster(**{**c, "keywords": tuple(c["keywords"])}) for c in header["clusters"]),
            owners=tuple(Owner(**owner) for owner in header["owners"]),
            centroids=centroids.astype(np.float32, copy=False),
            exemplars=exemplars.astype(np.float16, copy=False),
            exemplar_cluster=rows.astype(np.int32, copy=False),
            thresholds=Thresholds(**header["thresholds"]),
            encoder=header["encoder"],
            created_at_ms=header["created_at_ms"],
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise BadGeneration(f"generation: cannot be read ({type(error).__name__})") from error
    check(generation)
    return generation


def generation_id(blob: bytes) -> str:
    """The id of a packed generation: `g-` and the first 16 hex digits of its SHA-256."""
    return "g-" + hashlib.sha256(blob).hexdigest()[:16]
