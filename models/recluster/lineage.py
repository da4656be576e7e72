"""Lineage: what a cluster came from and what became of it, through all the generations that are remembered."""

from collections.abc import Sequence

from models.generation import LineageEvent


def lineage_of(events: Sequence[LineageEvent], cluster: str) -> list[LineageEvent]:
    """The events of a cluster, of those that it came from and of those that it went into, in their order.

    Args:
        events: the oldest first.
    """
    family = {cluster}
    grown = True
    while grown:
        links = [event for event in events if event.cluster in family and event.other is not None]
        reached = family | {event.other for event in links if event.other is not None}
        grown, family = len(reached) > len(family), reached
    return [event for event in events if event.cluster in family or event.other == cluster]
