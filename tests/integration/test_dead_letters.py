"""Malformed records of every kind between good ones: each ends where it belongs."""

import base64
from itertools import cycle, islice

import pytest

from agents.topics import TopicNames
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from tests import kafka
from tests.fakes.malformed import MALFORMED
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_worker import ticket

pytestmark = pytest.mark.integration

GOOD, BAD = 600, 500


def test_500_malformed_records_between_good_ones(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    assert len({malformed.name for malformed in MALFORMED}) >= 30
    worker = start_worker().await_ready()
    records: list[tuple[bytes, bytes | None]] = []
    expected: dict[bytes, tuple[str, str | None, bytes | None]] = {}
    bad = iter(enumerate(islice(cycle(MALFORMED), BAD)))
    for number in range(GOOD):
        event = ticket(number, f"the app crashes when I open screen {number}")
        records.append((event.ticket_id.encode(), encode(event)))
        following = next(bad, None)
        if following is not None:
            key, malformed = b"bad-%d" % following[0], following[1]
            records.append((key, malformed.value))
            expected[key] = (malformed.reason, malformed.field, malformed.value)
    kafka.produce(broker, topics.tickets, records)

    decisions = decisions_of(await_answers(broker, topics, GOOD + BAD, seconds=180))
    assert decisions.keys() == {f"new-{number}" for number in range(GOOD)}
    letters = {
        record.key(): decode(DeadLetter, record.value()) for record in kafka.read_all(broker, topics.dead)
    }
    found = {
        key: (
            letter.reason,
            letter.field,
            None if letter.original_value is None else base64.b64decode(letter.original_value),
        )
        for key, letter in letters.items()
    }
    assert found == expected
    assert {letter.source.topic for letter in letters.values()} == {topics.tickets}
    assert len({(letter.source.partition, letter.source.offset) for letter in letters.values()}) == BAD
    assert worker.exit_code is None
