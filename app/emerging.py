"""Emerging problems at a reclustering: those that stand announced, and what it made of them."""

from collections.abc import Sequence

from agents.follower import Lookup
from agents.wire import Record
from models.generation import Generation
from schemas.codec import decode
from schemas.contract import time_of
from schemas.surge import EmergingVerdict, Surge, SurgeKind, SurgeStatus
from schemas.unreadable import Unreadable


def read_emerging(lookup: Lookup, topic: str) -> list[Surge]:
    """The emerging problems that are announced and not settled, by their ids; what cannot be read is none of them.

    Raises:
        Transient: no broker answers, or the topic is missing.
    """
    found: dict[bytes, Surge] = {}

    def feed(record: Record) -> None:
        key, value = record.key() or b"", record.value()
        found.pop(key, None)
        try:
            surge = None if value is None else decode(Surge, value)
        except Unreadable:
            return
        if surge and surge.kind is SurgeKind.EMERGING and surge.status is SurgeStatus.FIRING:
            found[key] = surge

    lookup.read(topic, range(lookup.count(topic)), feed)
    return sorted(found.values(), key=lambda surge: surge.surge_id)


def provisional_of(surges: Sequence[Surge]) -> dict[str, str]:
    """Of each ticket that was announced the id of its provisional cluster."""
    return {ticket_id: surge.cluster.id for surge in surges for ticket_id in surge.ticket_ids}


def verdict_of(surge: Surge, generation: Generation) -> EmergingVerdict:
    """Whether a generation made after it has the cluster that was announced."""
    there = any(cluster.id == surge.cluster.id for cluster in generation.clusters)
    return EmergingVerdict.CONFIRMED if there else EmergingVerdict.DROPPED


def settled(surge: Surge, generation: Generation, generation_id: str) -> Surge:
    """The surge as it ends: from now on its tickets are of that generation's clusters."""
    at = max(surge.updated_at, time_of(generation.created_at_ms))
    return surge.model_copy(
        update={
            "status": SurgeStatus.RESOLVED,
            "verdict": verdict_of(surge, generation),
            "updated_at": at,
            "resolved_at": at,
            "generation_id": generation_id,
        }
    )
