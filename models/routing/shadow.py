"""Shadow: what a candidate decides, held against what was decided. After decide; nothing follows from it."""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from models.generation import Generation
from models.routing.decide import Decision


class Differs(StrEnum):
    """What two decisions on one ticket differ in; the first that applies."""

    OWNER = "owner"
    OUTCOME = "outcome"
    CLUSTER = "cluster"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Beside:
    """A decision that was made, and a candidate's on the same ticket."""

    live: Decision
    shadow: Decision
    differs: Differs


def hold(live: Decision, shadow: Decision, common: Set[str]) -> Beside:
    """The two held against each other.

    Args:
        common: ids of the clusters that both generations have; others cannot be compared.
    """
    return Beside(live, shadow, _differs(live, shadow, common))


def common_clusters(live: Generation, shadow: Generation) -> frozenset[str]:
    """Ids of the clusters that both have."""
    return frozenset(cluster.id for cluster in live.clusters) & {cluster.id for cluster in shadow.clusters}


def _differs(live: Decision, shadow: Decision, common: Set[str]) -> Differs:
    if live.owner != shadow.owner:
        return Differs.OWNER
    if live.outcome is not shadow.outcome:
        return Differs.OUTCOME
    if live.cluster is None or shadow.cluster is None:
        return Differs.NO  # nobody's in either: it goes to the same people
    ours, theirs = live.cluster.cluster.id, shadow.cluster.cluster.id
    return Differs.CLUSTER if ours != theirs and {ours, theirs} <= common else Differs.NO
