"""Emerged: which new clusters are problems that were announced before a reclustering found them. After align."""

from collections import Counter
from collections.abc import Sequence

from models.recluster.cluster import Labels

# Share of its tickets that a new cluster must hold to be the problem that was announced.
_MOST = 0.5


def confirmed(provisional: Sequence[str | None], assignment: Labels, old: Labels) -> dict[int, str]:
    """New clusters, by their number, and the ids that they were announced under.

    Args:
        provisional: of each of n tickets the id that it was announced under, None for none.
        assignment: [n] the new cluster of each, -1 for none.
        old: [new clusters] the old cluster that each is, -1 for a new one.
    """
    whole: Counter[str] = Counter()
    common: Counter[tuple[str, int]] = Counter()
    for identity, number in zip(provisional, assignment.tolist(), strict=True):
        if identity is not None:
            whole[identity] += 1
            if number >= 0 and old[number] < 0:
                common[identity, number] += 1
    found: dict[int, str] = {}
    for (identity, number), count in sorted(common.items(), key=lambda item: (-item[1], item[0])):
        if count >= _MOST * whole[identity] and number not in found and identity not in found.values():
            found[number] = identity
    return found
