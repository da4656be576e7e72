"""People's word on clusters, out of what stands in `tickets.corrections`."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from agents.corrections import CorrectionLog, Learnt
from agents.follower import Lookup
from agents.state import end_if_newer
from agents.topics import TopicNames
from agents.wire import Record
from app.settings import Settings
from models.generation import Generation
from models.recluster.describe import Description
from models.recluster.word import Split, Word
from schemas.feedback import CorrectionKind
from schemas.unreadable import Unreadable


def read_word(lookup: Lookup, names: TopicNames, last: Generation) -> Word:
    """What people said of clusters as wholes up to now; what cannot be read is passed over, as by workers."""
    log = CorrectionLog(last.encoder, last.dim)

    def feed(record: Record) -> None:
        try:
            log.feed(record.key(), record.value(), record.offset())
        except Unreadable as error:
            end_if_newer(record, error)
        except ValueError:
            pass  # a vector of another length

    lookup.read(names.corrections, range(lookup.count(names.corrections)), feed)
    return word_of(log.learnt())


def word_in_force(settings: Settings, kafka: dict[str, Any], last: Generation) -> Word:
    """As `read_word`, by a client of its own.

    Raises:
        Transient: no broker answers, or the topic is missing.
    """
    with closing(Lookup(kafka)) as lookup:
        return read_word(lookup, TopicNames(settings.topic_prefix), last)


def word_of(learnt: Sequence[Learnt]) -> Word:
    """The word of these acts in the order in which they were done; acts on tickets are passed over. That a cluster is
    several takes back what was merged with it before."""
    bound: dict[str, str] = {}
    named: dict[str, str] = {}
    pinned: set[str] = set()
    merged: list[tuple[str, str]] = []
    splits: list[Split] = []
    added: dict[str, Description] = {}
    for act in sorted(learnt, key=lambda one: (one.at_ms, one.revision)):
        if act.cluster_id is None or act.ticket_id is not None:
            continue
        if act.kind is CorrectionKind.BOUND and act.owner:
            bound[act.cluster_id] = act.owner
        elif act.kind is CorrectionKind.ADDED and act.owner and act.vector is not None:
            words = (act.name or "", act.owner, act.text or "")
            added[act.cluster_id] = Description(act.cluster_id, *words, act.vector)
            bound[act.cluster_id] = act.owner
        elif act.kind is CorrectionKind.RENAMED and act.name:
            named[act.cluster_id] = act.name
        elif act.kind is CorrectionKind.PINNED:
            pinned.add(act.cluster_id)
        elif act.kind is CorrectionKind.UNPINNED:
            pinned.discard(act.cluster_id)
        elif act.kind is CorrectionKind.MERGED and act.into_cluster_id:
            merged.append((act.cluster_id, act.into_cluster_id))
        elif act.kind is CorrectionKind.SPLIT:
            undone = {one for pair in merged if act.cluster_id in pair for one in pair} - {act.cluster_id}
            merged = [pair for pair in merged if act.cluster_id not in pair]
            splits.append(Split(act.cluster_id, act.at_ms, act.examples, tuple(sorted(undone))))
    return Word(bound, tuple(merged), named, frozenset(pinned), tuple(splits), tuple(added.values()))
