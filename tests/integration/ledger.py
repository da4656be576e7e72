"""The ledger: what went in held against what came out, as a read_committed subscriber sees it."""

import time
from collections.abc import Sequence

from confluent_kafka import Message

from agents.topics import TopicNames
from schemas.codec import decode
from schemas.decision import Decision
from tests import kafka

_PATIENCE_S = 90.0


def await_answers(broker: str, topics: TopicNames, count: int, seconds: float = _PATIENCE_S) -> list[Message]:
    """Records of `tickets.routed`, once they and the dead letters are `count` or more.

    Raises:
        AssertionError: they were not in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        routed, dead = kafka.read_all(broker, topics.routed), kafka.read_all(broker, topics.dead)
        if len(routed) + len(dead) >= count:
            return routed
        assert time.monotonic() < deadline, f"{len(routed)} decisions and {len(dead)} dead letters of {count}"
        time.sleep(0.2)


def decisions_of(records: Sequence[Message]) -> dict[str, Decision]:
    """Ticket id -> its one decision."""
    decisions = [decode(Decision, record.value()) for record in records]
    found = {decision.ticket_id: decision for decision in decisions}
    assert len(found) == len(decisions), "a ticket has two decisions"
    return found
