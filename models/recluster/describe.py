"""Describe: clusters that people described join a generation, and stay in it until they have tickets. Last in making
a generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.generation import Cluster, Generation, NamedBy, Owner
from models.lexicon import join
from models.vote import Vectors, settle


@dataclass(frozen=True, slots=True)
class Description:
    """A cluster as a person described it.

    Attributes:
        text: masked, the name with the description.
        vector: [dim] the encoder's, of the text.
    """

    id: str
    name: str
    owner: str
    text: str
    vector: Vectors


def with_descriptions(generation: Generation, told: Sequence[Description], sla_minutes: int) -> Generation:
    """The generation with these clusters after its own; without those that it has, by whatever tickets.

    Args:
        sla_minutes: promised for an owner that the generation does not list.
    """
    there = {cluster.id for cluster in generation.clusters}
    fresh = [one for one in told if one.id not in there]
    if not fresh:
        return generation
    listed = {owner.name for owner in generation.owners}
    more = sorted({one.owner for one in fresh} - listed)
    vectors = join(generation.lexicon, [one.text for one in fresh], np.stack([one.vector for one in fresh]))
    return replace(
        generation,
        clusters=(*generation.clusters, *(_cluster(one) for one in fresh)),
        owners=(*generation.owners, *(Owner(name, sla_minutes) for name in more)),
        centroids=np.concatenate([generation.centroids, vectors]),
    )


def _cluster(one: Description) -> Cluster:
    return Cluster(one.id, one.name, one.owner, 0, named=NamedBy.PERSON, described=True, description=one.text)


def descriptions_of(generation: Generation, added: Sequence[Description]) -> Mapping[str, Description]:
    """The described clusters of a generation, as they may be read with another lexicon, by their ids. Those added since
    are told as they were added; of others the encoder's part of the centroid is what is kept."""
    as_added = {one.id: one for one in added}
    found: dict[str, Description] = {}
    for cluster, centroid in zip(generation.clusters, generation.centroids, strict=True):
        if not cluster.described or cluster.owner is None:
            continue
        dense = centroid[None, : generation.dim]
        vector = settle(dense / max(float(np.linalg.norm(dense)), 1e-9))[0]
        kept = Description(cluster.id, cluster.name, cluster.owner, cluster.description or "", vector)
        found[cluster.id] = as_added.get(cluster.id, kept)
    return found
