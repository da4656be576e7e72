"""Corrections on their topic: what counts of them, for whoever reads them all. Beside `generations`, under `live`.

What counts follows from the records that stand in the topic and from nothing else: of each key the last one, of each
ticket the last of those. So a reader that saw every record and one that came after compaction agree, and so do all
workers, since the topic has one partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.state import vector_of
from models.evidence import Searchable, with_described
from models.generation import Cluster, Generation, NamedBy
from models.lexicon import join
from models.routing.corrections import MOST, Act, ActKind
from models.vote import Vectors
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.feedback import Correction, CorrectionKind


@dataclass(frozen=True, slots=True)
class Learnt:
    """A correction as a worker uses it.

    Attributes:
        revision: its place in the order that all workers share.
        vector: [dim] of the ticket's text, settled; None where it brings none, or one of another encoder.
        name: of a cluster, as a person gave it.
        examples: of a cluster that is several problems: ids of tickets of each.
    """

    revision: int
    feedback_id: str
    kind: CorrectionKind
    ticket_id: str | None
    cluster_id: str | None
    into_cluster_id: str | None
    decided_owner: str | None
    owner: str | None
    generation_id: str | None
    text: str | None
    vector: Vectors | None
    at_ms: int
    name: str | None = None
    examples: tuple[tuple[str, ...], ...] = ()


class CorrectionLog:
    """What stands in `tickets.corrections`.

    Args:
        encoder: fingerprint of this worker's encoder, the only one whose vectors it can compare.
        dim: length of its vectors.

    Attributes:
        revision: of the last record read, whatever it was; 0 before the first.
    """

    def __init__(self, encoder: str, dim: int) -> None:
        self._encoder, self._dim = encoder, dim
        self._held: dict[str, Learnt] = {}  # in the order of their revisions
        self.revision = 0

    def feed(self, key: bytes | None, value: bytes | None, offset: int) -> None:
        """Take one record. Whatever it is, `revision` follows it, and what stood under its key counts no more.

        Raises:
            Unreadable: it is no correction.
            ValueError: its vector is none of this encoder's length.
        """
        self.revision = offset + 1
        self._held.pop((key or b"").decode(errors="replace"), None)
        if key is None or value is None:
            return
        learnt = self._learnt(decode(Correction, value))
        self._held[key.decode(errors="replace")] = learnt

    def _learnt(self, event: Correction) -> Learnt:
        vector = vector_of(event.vector) if event.vector and event.encoder == self._encoder else None
        if vector is not None and vector.shape != (self._dim,):
            raise ValueError("a vector of another length")
        return Learnt(
            revision=self.revision,
            feedback_id=event.feedback_id,
            kind=event.kind,
            ticket_id=event.ticket_id,
            cluster_id=event.cluster_id,
            into_cluster_id=event.into_cluster_id,
            decided_owner=event.decided_owner,
            owner=event.owner,
            generation_id=event.generation_id,
            text=event.text,
            vector=vector,
            at_ms=epoch_ms_of(event.at),
            name=event.name,
            examples=tuple(tuple(tickets) for tickets in event.examples or ()),
        )

    def learnt(self) -> tuple[Learnt, ...]:
        """Those that count, in the order of their revisions: of each ticket its last one."""
        last = {one.ticket_id: one.revision for one in self._held.values() if one.ticket_id is not None}
        return tuple(
            one for one in self._held.values() if last.get(one.ticket_id or "", one.revision) == one.revision
        )

    def stale(self, feedback_id: str, kind: CorrectionKind, cluster_id: str | None, at_ms: int) -> str | None:
        """Why an act on a cluster changes nothing any more: `repeated`, or `late` where a later one on that cluster
        says the same kind of thing; None where it is news. A later name says nothing of whose it is."""
        if feedback_id in self._held:
            return "repeated"
        later = (
            one.ticket_id is None
            and one.cluster_id == cluster_id
            and _SUBJECT.get(one.kind, one.kind) is _SUBJECT.get(kind, kind)
            and one.at_ms > at_ms
            for one in self._held.values()
        )
        return "late" if any(later) else None


# Kinds of act that take each other back are one subject.
_SUBJECT = {
    CorrectionKind.UNPINNED: CorrectionKind.PINNED,
    CorrectionKind.SPLIT: CorrectionKind.MERGED,
    CorrectionKind.UNSILENCED: CorrectionKind.SILENCED,
}


# Merged and split clusters are for reclustering to heed; a decision cannot.
_TEACHES = {
    CorrectionKind.CORRECTED: ActKind.CORRECTED,
    CorrectionKind.CONFIRMED: ActKind.CONFIRMED,
    CorrectionKind.BOUND: ActKind.BOUND,
}


class Hybrids:
    """Corrections as acts on one generation, whose lexicon their texts are read with, each once.

    Of a log that only grows, no more are read and kept than are remembered.
    """

    def __init__(self, generation: Generation) -> None:
        self._lexicon, self._made_ms = generation.lexicon, generation.created_at_ms
        self._vectors: dict[int, Vectors] = {}
        self._amended: tuple[tuple[int, ...], Searchable] | None = None

    def acts(self, learnt: Sequence[Learnt]) -> list[Act]:
        """The acts among them, in their order: the latest that are remembered. For their cluster count those alone that
        are as young as the generation: from the others it has learnt, and its clusters are parted by them."""
        told = [one for one in learnt if one.owner is not None and one.kind in _TEACHES][-MOST:]
        fresh = [one for one in told if one.vector is not None and one.revision not in self._vectors]
        vectors = {one.revision: self._vectors.get(one.revision) for one in told}
        if fresh:
            dense = np.stack([one.vector for one in fresh if one.vector is not None])
            joined = join(self._lexicon, [one.text or "" for one in fresh], dense)
            vectors |= {one.revision: row for one, row in zip(fresh, joined, strict=True)}
        self._vectors = {revision: row for revision, row in vectors.items() if row is not None}
        return [
            Act(
                revision=one.revision,
                kind=_TEACHES[one.kind],
                owner=one.owner or "",
                ticket_id=one.ticket_id,
                cluster=one.cluster_id if one.ticket_id is None or one.at_ms >= self._made_ms else None,
                vector=vectors[one.revision],
            )
            for one in told
        ]

    def amended(self, ready: Searchable, learnt: Sequence[Learnt]) -> Searchable:
        """The generation with the clusters that people described since it was made; the same value until there are
        others. Of two descriptions of one cluster the later counts, and none of one that the generation has."""
        there = {cluster.id for cluster in ready.generation.clusters}
        told = {one.cluster_id: one for one in learnt if one.kind is CorrectionKind.ADDED and one.owner}
        added = [one for name, one in told.items() if name not in there and one.vector is not None][-MOST:]
        if not added:
            return ready
        key = tuple(one.revision for one in added)
        if self._amended is None or self._amended[0] != key:
            clusters = [cluster_added(one) for one in added]
            dense = np.stack([one.vector for one in added if one.vector is not None])
            vectors = join(self._lexicon, [one.text or "" for one in added], dense)
            self._amended = (key, with_described(ready, clusters, vectors))
        return self._amended[1]


def cluster_added(act: Learnt) -> Cluster:
    """The cluster that a person described."""
    return Cluster(
        id=act.cluster_id or "",
        name=act.name or "",
        owner=act.owner,
        size=0,
        named=NamedBy.PERSON,
        described=True,
        description=act.text,
    )


def contested_since(learnt: tuple[Learnt, ...], since_ms: int) -> frozenset[str]:
    """The clusters of which a ticket was taken by an act of `since_ms` or later."""
    return frozenset(
        one.cluster_id
        for one in learnt
        if one.kind is CorrectionKind.CORRECTED and one.cluster_id is not None and one.at_ms >= since_ms
    )
