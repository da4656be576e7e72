"""What stood in a transaction that was aborted has no effect: not as an event, not as state, not as a generation.

The same records in a transaction that was committed have each of these effects, so the aborted ones could have.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from confluent_kafka import Producer

from agents.generations import Assembler, generation_records
from agents.home import Homes
from agents.state import text_of
from agents.topics import TopicNames
from agents.wire import Output
from models.generation import Generation
from models.routing.encode import Encoder, encode
from models.routing.pack import PackPolicy
from schemas.codec import decode
from schemas.codec import encode as to_json
from schemas.contract import time_of
from schemas.decision import Decision
from schemas.state import TicketState, TicketStatus
from tests import kafka
from tests.conftest import PARTITIONS
from tests.eventually import eventually
from tests.fakes.history import FRESH, HISTORY, NOW_MS
from tests.integration.conftest import StartWorker
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

GHOSTS = range(100, 120)
REAL = range(20)
TEXT = FRESH[1][1]
HOMES = Homes("murmur2", PARTITIONS)


def write(broker: str, outputs: Iterable[Output], end: Callable[[Producer], None]) -> None:
    """The records in one transaction, which `end` ends once the broker holds them all."""
    client = kafka.producer(broker, transactional_id="ghost-writer")
    client.init_transactions(30)
    client.begin_transaction()
    held, sent = list[object](), 0
    for output in outputs:
        place = {} if output.partition is None else {"partition": output.partition}
        client.produce(
            output.topic,
            output.value,
            output.key,
            on_delivery=lambda error, _: held.append(error),
            **place,
        )
        sent += 1
    assert client.flush(30) == 0  # what an abort finds unsent never leaves the client
    assert held == [None] * sent
    end(client)


def state_of(topics: TopicNames, encoder: Encoder, ticket_id: str, **more: object) -> Output:
    """The state of a ticket that says `TEXT`, in its home partition."""
    (vector,) = encode(encoder, [TEXT], PackPolicy())
    fields = {
        "ticket_id": ticket_id,
        "version": "v1",
        "order": 1,
        "status": TicketStatus.OPEN,
        "title": "",
        "text": TEXT,
        "vector": text_of(vector),
        "encoder": encoder.fingerprint,
        "created_at": time_of(NOW_MS),
        "updated_at": time_of(NOW_MS),
    }
    value = to_json(TicketState.model_validate(fields | more))
    return Output(topics.state, ticket_id.encode(), value, (), HOMES.of(ticket_id))


def published(broker: str, topics: TopicNames) -> Generation:
    """The generation on its topic."""
    assembler = Assembler()
    fed = [assembler.feed(r.key(), r.value()) for r in kafka.read_all(broker, topics.generations)]
    (found,) = (generation for generation in fed if generation is not None)
    return found[1]


def decided(broker: str, topics: TopicNames) -> dict[tuple[str, str], Decision]:
    """Ticket id and version -> its decision."""
    decisions = [decode(Decision, record.value()) for record in kafka.read_all(broker, topics.routed)]
    return {(decision.ticket_id, decision.ticket_version): decision for decision in decisions}


@pytest.mark.parametrize(
    ("end", "heard"),
    [
        pytest.param(Producer.abort_transaction, False, id="aborted"),
        pytest.param(Producer.commit_transaction, True, id="committed"),
    ],
)
def test_what_was_aborted_was_never_there(
    broker: str,
    topics: TopicNames,
    learned: str,
    encoder: Encoder,
    start_worker: StartWorker,
    end: Callable[[Producer], None],
    heard: bool,
) -> None:
    first = published(broker, topics)
    other, parts = generation_records(replace(first, created_at_ms=first.created_at_ms + 1))
    ghosts = [ticket(number, TEXT, version=1) for number in GHOSTS]
    outputs = [
        *(Output(topics.tickets, event.ticket_id.encode(), to_json(event), ()) for event in ghosts),
        state_of(topics, encoder, "twin", status=TicketStatus.SOLVED, resolution="by a ghost"),
        state_of(topics, encoder, "known", version="v5", order=5),
        *(Output(topics.generations, key, value, ()) for key, value in parts),
    ]
    write(broker, [state_of(topics, encoder, "known")], Producer.commit_transaction)
    write(broker, outputs, end)
    events = [ticket(number, TEXT, version=1) for number in REAL]  # behind the ghosts in every partition
    assert {HOMES.of(event.ticket_id) for event in events} == set(range(PARTITIONS))
    send(broker, topics.tickets, ticket(0, TEXT, ticket_id="known", version=3, event="updated"), *events)

    worker = start_worker().await_ready()
    metrics = worker.page("/metrics")[1]
    assert f"\nsluice_solved_tickets {float(len(HISTORY) + heard)}\n" in metrics
    real = {(event.ticket_id, "v1") for event in events}
    assert eventually(lambda: real <= decided(broker, topics).keys(), 60)
    decisions = decided(broker, topics)
    late = set() if heard else {("known", "v3")}
    assert decisions.keys() == real | late | ({(g.ticket_id, "v1") for g in ghosts} if heard else set())
    assert {decision.generation_id for decision in decisions.values()} == {other if heard else learned}
    for version in real:
        similar = [(near.ticket_id, near.resolution) for near in decisions[version].similar]
        assert similar
        assert (("twin", "by a ghost") in similar) == heard
        assert (similar[0][0] == "twin") == heard
