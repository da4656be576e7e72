"""Kept: what stands in Kafka of a ticket, a decision, a generation and the corrections. Under replay and answer.

Whole topics are read, as a worker does at its start; nothing is written, and no group is joined.
"""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry

from agents.corrections import CorrectionLog, Hybrids
from agents.follower import Handler, Lookup
from agents.home import Homes
from agents.live import Live
from agents.metrics import declare
from agents.state import end_if_newer
from agents.topics import TopicNames
from agents.wire import Record
from app.policies import duplicate_policy
from app.published import read_generation
from app.settings import Settings
from models.errors import BadGeneration, Fatal, Transient
from models.evidence import Searchable
from models.generation import Generation
from models.routing.corrections import Corrections, corrections_of
from models.routing.encode import Encoder
from schemas.codec import decode
from schemas.decision import Decision
from schemas.state import TicketState
from schemas.unreadable import Unreadable


@dataclass(frozen=True, slots=True)
class Taught:
    """Corrections up to a revision.

    Attributes:
        ready: the generation with the clusters that people described by then.
        gone: later records that take back what is no longer there: so many were known then that are not now.
    """

    ready: Searchable
    corrections: Corrections
    gone: int


class Kept:
    """Reads the topics of the settings, until its block is left."""

    def __init__(self, settings: Settings, lookup: Lookup) -> None:
        self._settings, self._lookup = settings, lookup
        self._names = TopicNames(settings.topic_prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lookup.close()

    def state(self, ticket_id: str) -> TicketState | None:
        """The state of a ticket; None where there is none, or the ticket was deleted.

        Raises:
            Fatal: it cannot be read.
            Transient: no broker answers, or the topic is missing.
        """
        topic = self._names.state
        home = Homes(self._settings.partitioner, self._lookup.count(topic)).of(ticket_id)
        key, values = ticket_id.encode(), list[bytes | None]()

        def keep(record: Record) -> None:
            if record.key() == key:
                values[:] = [record.value()]

        self._lookup.read(topic, [home], keep)
        if not values or values[0] is None:
            return None
        try:
            return decode(TicketState, values[0])
        except Unreadable as error:
            raise Fatal(f"the state of {ticket_id} cannot be read ({error.reason.value})") from None

    def decision(self, decision_id: str) -> Decision | None:
        """The decision of this id that was published last; None where there is none any more."""
        needle, found = f'"{decision_id}"'.encode(), list[Decision]()

        def keep(record: Record) -> None:
            value = record.value()
            if value is None or needle not in value:
                return
            try:
                decision = decode(Decision, value)
            except Unreadable:
                return
            if decision.decision_id == decision_id:
                found[:] = [decision]

        self._read_all(self._names.routed, keep)
        return found[0] if found else None

    def generation(self, name: str) -> Generation | None:
        """The generation of this id, in force or not; None where it does not stand whole in the topic any more."""
        try:
            return read_generation(self._lookup, self._names.generations, name)
        except BadGeneration:
            return None

    def taught(self, ready: Searchable, revision: int) -> Taught:
        """What people had corrected up to a revision, on top of a generation.

        Raises:
            Fatal: another version of Sluice wrote a correction.
        """
        generation = ready.generation
        log, seen, gone = CorrectionLog(generation.encoder, generation.dim), set[bytes | None](), 0

        def feed(record: Record) -> None:
            nonlocal gone
            if record.offset() >= revision:
                gone += record.value() is None and record.key() not in seen
                return
            seen.add(record.key())
            try:
                log.feed(record.key(), record.value(), record.offset())
            except Unreadable as error:
                end_if_newer(record, error)
            except ValueError:
                pass  # a vector of another length: all workers pass it over

        self._read_all(self._names.corrections, feed)
        hybrids, learnt = Hybrids(generation), log.learnt()
        amended = hybrids.amended(ready, learnt)
        return Taught(amended, corrections_of(hybrids.acts(learnt), revision, amended), gone)

    def live(self, encoder: Encoder) -> Live:
        """What a worker that starts now would decide by, and show beside its decisions.

        Raises:
            BadGeneration: the generation in force was made with another encoder, or is broken.
            Transient: there is none yet.
        """
        metrics = declare(CollectorRegistry())
        live = Live(encoder.fingerprint, encoder.dim, metrics, duplicate_policy(self._settings))
        self._read_all(self._names.generations, live.on_generation)
        live.swap()
        if live.in_force is None:
            raise live.refused or Transient("there is no generation yet: sluice bootstrap FILE")
        self._read_all(self._names.corrections, live.on_correction)
        live.swap()
        self._read_all(self._names.state, live.on_state)
        return live

    def _read_all(self, topic: str, handle: Handler) -> None:
        self._lookup.read(topic, range(self._lookup.count(topic)), handle)
