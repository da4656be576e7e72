"""The states of single tickets, for people who ask by id."""

from collections.abc import Collection
from contextlib import closing
from typing import Any

from agents.follower import Lookup
from agents.home import Homes
from agents.state import end_if_newer
from agents.topics import TopicNames
from agents.wire import Record
from app.settings import Settings
from schemas.codec import decode
from schemas.state import TicketState
from schemas.unreadable import Unreadable


def states_of(tickets: Collection[str], settings: Settings, kafka: dict[str, Any]) -> dict[str, TicketState]:
    """The state of each of these tickets that is known; the partitions where they stand are read whole.

    Raises:
        Transient: no broker answers, or the topic is missing.
        Fatal: a newer version of Sluice wrote one.
    """
    if not tickets:
        return {}
    wanted = {ticket.encode() for ticket in tickets}
    found: dict[str, TicketState] = {}

    def feed(record: Record) -> None:
        key, value = record.key(), record.value()
        if key not in wanted:
            return
        found.pop(key.decode(), None)
        if value is None:
            return
        try:
            found[key.decode()] = decode(TicketState, value)
        except Unreadable as error:
            end_if_newer(record, error)

    topic = TopicNames(settings.topic_prefix).state
    with closing(Lookup(kafka)) as lookup:
        homes = Homes(settings.partitioner, lookup.count(topic))
        lookup.read(topic, sorted({homes.of(ticket) for ticket in tickets}), feed)
    return found
