"""Assemble: groups of a history become a generation: exemplars, head, confidence, thresholds. After name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.generation import Cluster, Generation, Owner, Thresholds, check
from models.learn.confidence import NEVER, UNFITTED, Calibration
from models.learn.head import can_learn, fit_head
from models.recluster.calibrate import calibrated
from models.recluster.cluster import centroids_of
from models.recluster.exemplars import choose_exemplars
from models.recluster.history import History
from models.recluster.problems import MakePolicy, Problems
from models.vote import IndexBuilder, Rows, Vectors, parties, settle


@dataclass(frozen=True, slots=True)
class Assembled:
    """A generation, what calibration found, and how many of the history's tickets vote in it."""

    generation: Generation
    calibration: Calibration
    exemplars: int


@dataclass(frozen=True, slots=True)
class Bare:
    """What is left of B clusters that hold no ticket.

    Attributes:
        centroids: [B, width] unit rows.
        exemplars: [E, width] unit rows that go on voting.
        exemplar_cluster: [E] int64, row of `centroids`.
    """

    centroids: Vectors
    exemplars: Vectors
    exemplar_cluster: Rows


def assemble(
    history: History,
    problems: Problems,
    clusters: tuple[Cluster, ...],
    listed: Sequence[Owner],
    *,
    encoder: str,
    now_ms: int,
    build: IndexBuilder,
    policy: MakePolicy,
    bare: Bare | None = None,
) -> Assembled:
    """The generation of these clusters, one for each group of the problems, and then those without tickets. Its owners
    are those listed, and then by name the others whom a cluster names.

    Args:
        bare: the last of the clusters, which hold no ticket; None where all do.

    Raises:
        BadGeneration: the parts do not fit each other.
    """
    used = problems.order[problems.assignment[problems.order] >= 0]
    labels, vectors = problems.assignment[used], problems.vectors[used]
    keys = [problems.keys[row] for row in used]
    chosen = choose_exemplars(labels, keys, history.created_at_ms[used], policy.exemplars)
    others = sorted({c.owner for c in clusters if c.owner is not None} - {owner.name for owner in listed})
    party = parties([cluster.owner for cluster in clusters])
    cluster, voters, dense = labels[chosen], vectors[chosen], settle(history.vectors[used][chosen])
    centroids = centroids_of(vectors, labels)
    if bare is not None:
        cluster = np.append(cluster, bare.exemplar_cluster + len(centroids))
        voters, centroids = (
            np.concatenate([voters, settle(bare.exemplars)]),
            np.concatenate([centroids, bare.centroids]),
        )
        dense = np.concatenate([dense, settle(bare.exemplars[:, : dense.shape[1]])])
    own = party[cluster]
    learns = any(cluster.owner is not None for cluster in clusters) and can_learn(own, policy.head)
    draft = Generation(
        clusters=clusters,
        owners=(*listed, *(Owner(name, policy.default_sla_minutes) for name in others)),
        centroids=centroids,
        exemplars=voters.astype(np.float16),
        exemplar_cluster=cluster.astype(np.int32),
        dim=history.vectors.shape[1],
        lexicon=problems.lexicon,
        head=fit_head(voters, own, int(party.max()) + 1, policy.head) if learns else None,
        confidence=UNFITTED,
        thresholds=Thresholds(0.0, NEVER, (), 0.0, 1.0),
        reference=(),
        encoder=encoder,
        created_at_ms=now_ms,
    )
    check(draft)
    fitted, calibration = calibrated(draft, dense, build, policy)
    return Assembled(fitted, calibration, len(chosen))
