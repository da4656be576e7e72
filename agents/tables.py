"""Tables: what is known of every ticket of this worker's partitions, kept in `tickets.state` and restored from it.

A ticket's state stands in the partition of `tickets.state` with the number of the partition that its events come
from, and is written in the transaction of the event. Whoever gains the partition reads it to the end first.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern

import structlog

from agents.follower import Lookup
from agents.metrics import Metrics
from agents.pulse import Pulse
from agents.state import end_if_newer, pass_over
from agents.wire import Record
from models.learn.acts import Handling, Said
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.state import TicketState, TicketStatus
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a later event or act leaves out because an earlier one said it (masked already). All of a ticket's state
    but its vector, which would double what a worker holds: it is made again of the text."""

    title: str
    text: str
    customer_id: str | None
    product: str | None
    assigned_team: str | None
    resolution: str | None
    kb_article_id: str | None
    status: TicketStatus
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Known:
    """The last version of a ticket. `remembered` is None where the ticket was deleted, `said` until it was matched,
    `handling` until people did something with it; it is `counted` with its first decision that names a cluster."""

    version: str
    order: int
    remembered: Remembered | None
    said: Said | None = None
    handling: Handling | None = None
    counted: bool = False


Place = tuple[int, str]
"""A partition's number and a ticket id."""


class TicketTable:
    """Partition -> ticket id -> what is known.

    Versions in flight are staged: later records of the same epoch see them, and they are settled when their
    transaction is committed or forgotten with their epoch. The wire's thread settles, the agent's stages.

    Args:
        lookup: reads the state; the wire's thread's own.
        topic: name of the state topic.
        pulse: of the wire's thread, which restores.
    """

    def __init__(self, lookup: Lookup, topic: str, pulse: Pulse, metrics: Metrics) -> None:
        self._lookup, self._topic, self._pulse, self._metrics = lookup, topic, pulse, metrics
        self._partitions: dict[int, dict[str, Known]] = {}
        self._staged: dict[Place, Known] = {}
        self._epoch = -1

    def __len__(self) -> int:
        return sum(len(tickets) for tickets in list(self._partitions.values()))

    # -- the agent's side

    def begin(self, epoch: int) -> None:
        """Start on a batch: what an older epoch staged will never be committed."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._staged = {}

    def get(self, place: Place) -> Known | None:
        staged = self._staged.get(place)
        return staged or self._partitions.get(place[0], {}).get(place[1])

    def stage(self, place: Place, known: Known) -> None:
        self._staged[place] = known

    def unstage(self, place: Place) -> None:
        """Take back what was staged: it will not be committed."""
        self._staged.pop(place, None)

    # -- the wire's side

    def settle(self, places: Mapping[Place, Known]) -> None:
        """Note what a committed transaction wrote."""
        for place, known in places.items():
            tickets = self._partitions.get(place[0])
            if tickets is not None:  # a partition lost meanwhile is restored by its new owner
                tickets[place[1]] = known
            if self._staged.get(place) == known:
                del self._staged[place]

    def restore(self, partitions: list[int]) -> None:
        """Read the state of `partitions` to its end; call it once their former owner's transactions are settled.

        Raises:
            Transient: the topic is missing or no broker answers.
            Fatal: another version of Sluice wrote it.
        """
        started = time.monotonic()
        self._partitions.update({number: {} for number in partitions})
        count = self._lookup.read(self._topic, partitions, self._restore_one)
        _log.info(
            "tickets_restored",
            partitions=sorted(partitions),
            records=count,
            tickets=len(self),
            seconds=round(time.monotonic() - started, 2),
        )

    def forget(self, partitions: list[int]) -> None:
        for number in partitions:
            self._partitions.pop(number, None)

    def _restore_one(self, record: Record) -> None:
        self._pulse.beat()
        key, value = record.key(), record.value()
        if key is None:
            return
        tickets, ticket_id = self._partitions[record.partition()], key.decode(errors="replace")
        if value is None:
            tickets.pop(ticket_id, None)
            return
        try:
            tickets[ticket_id] = known_of(decode(TicketState, value))
        except Unreadable as error:
            end_if_newer(record, error)  # all of them would be decided again
            # Unknown from here on, at the risk that a version is decided again when its event comes again: that
            # decision has the same `decision_id` while the generation is the same. To end here would end every
            # worker that gains the partition, for ever, and no ticket of it would be decided at all.
            pass_over(record, error.reason.value, "table", self._metrics)


def known_of(state: TicketState) -> Known:
    """What the table keeps of a state."""
    remembered = Remembered(
        state.title,
        state.text,
        state.customer_id,
        _one(state.product),
        _one(state.assigned_team),
        state.resolution,
        state.kb_article_id,
        state.status,
        epoch_ms_of(state.created_at),
    )
    # A state of before this was kept: only a new ticket was counted, and whether it had a cluster then is not told.
    counted = state.cluster_id is not None if state.counted is None else state.counted
    return Known(state.version, state.order, remembered, _said(state), _handling(state), counted)


def _said(state: TicketState) -> Said:
    decided = state.decision_id is not None
    # A state of before these fields were kept says when it was written, and no outcome.
    at = state.decided_at or state.updated_at
    return Said(
        owner=_one(state.owner),
        cluster_id=_one(state.cluster_id),
        generation_id=_one(state.generation_id),
        decision_id=state.decision_id,
        outcome=_one(state.outcome.value) if state.outcome else None,
        confidence=state.confidence,
        revision=state.revision,
        at_ms=epoch_ms_of(at) if decided else 0,
        priority=_one(state.priority),
        duplicate_of=state.duplicate_of,
        senior=_one(state.senior),
    )


def _handling(state: TicketState) -> Handling | None:
    if state.feedback_at is None:
        return None
    first = state.first_assigned_at
    return Handling(
        first_owner=_one(state.first_owner),
        first_at_ms=None if first is None else epoch_ms_of(first),
        first_right=state.first_assignment_right,
        reassigned=state.reassigned,
        last_at_ms=epoch_ms_of(state.feedback_at),
        last_ids=tuple(state.feedback_ids),
        correction_ids=tuple(state.correction_ids),
    )


def _one(name: str | None) -> str | None:
    """The one copy of a name that very many tickets share."""
    return None if name is None else intern(name)
