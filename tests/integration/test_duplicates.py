"""Duplicates through real workers and a real broker: who repeats whom, and what a worker knows of others' tickets."""

import time
from functools import partial

import pytest

from agents.topics import TopicNames
from app.child import WorkerProcess
from models.routing.duplicates import COMMITTED
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.decision import Decision
from schemas.state import TicketState, TicketStatus
from schemas.ticket import TicketEvent, TicketEventKind
from tests import kafka
from tests.eventually import eventually
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers, decisions_of

pytestmark = pytest.mark.integration

CAMERA = (
    "The camera app closes right away when I open it, error 0x80070057",
    "As soon as I open the camera the app closes, error 0x80070057",
    "Camera quits at once after opening, it shows error 0x80070057",
    "App closes when opening the camera, error 0x80070057",
)
PARCEL = "Where is my parcel? It should have come on Friday"


class Scene:
    """Tickets sent one after the other, each once the one before is worked."""

    def __init__(self, broker: str, topics: TopicNames) -> None:
        self._broker, self._topics = broker, topics
        self._decided = 0

    def report(self, ticket_id: str, text: str) -> Decision:
        self._send(ticket_id, TicketEventKind.CREATED, description=text)
        self._decided += 1
        return decisions_of(await_answers(self._broker, self._topics, self._decided))[ticket_id]

    def resolve(self, ticket_id: str) -> None:
        self._send(ticket_id, TicketEventKind.RESOLVED, version=2, resolution="new build")
        assert eventually(lambda: self.state(ticket_id).status is TicketStatus.SOLVED)

    def state(self, ticket_id: str) -> TicketState:
        records = kafka.read_all(self._broker, self._topics.state)
        return decode(TicketState, [r.value() for r in records if r.key() == ticket_id.encode()][-1])

    def _send(self, ticket_id: str, kind: TicketEventKind, version: int = 1, **more: str) -> None:
        event = TicketEvent.model_validate(
            {"ticket_id": ticket_id, "event": kind, "created_at": time_of(_now_ms()), "version": version}
            | more
        )
        kafka.produce(self._broker, self._topics.tickets, [(ticket_id.encode(), encode(event))])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _knows(worker: WorkerProcess, tickets: int) -> bool:
    return f"sluice_open_tickets {tickets}.0\n" in worker.page("/metrics")[1]


def test_a_ticket_that_says_the_same_in_other_words_names_the_first_one_until_that_is_solved(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    worker, scene = start_worker().await_ready(), Scene(broker, topics)
    assert scene.report("first", CAMERA[0]).duplicate_of is None
    second = scene.report("second", CAMERA[1])
    assert second.duplicate_of == "first"
    assert second.duplicate_score is not None
    assert second.duplicate_score >= COMMITTED.at
    assert scene.report("parcel", PARCEL).duplicate_of is None
    assert scene.report("third", CAMERA[2]).duplicate_of == "first"
    assert scene.state("second").duplicate_of == "first"
    assert "sluice_duplicates_total 2.0" in worker.page("/metrics")[1]
    scene.resolve("first")
    assert scene.report("fourth", CAMERA[3]).duplicate_of in {"second", "third"}
    for ticket_id in ("second", "third", "fourth"):
        scene.resolve(ticket_id)
    assert scene.report("fifth", CAMERA[0]).duplicate_of is None


def test_every_worker_sees_the_open_tickets_of_all_and_knows_them_after_a_restart(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    scene = Scene(broker, topics)
    workers = [start_worker(instance=name).await_ready() for name in ("one", "two")]
    assert scene.report("first", CAMERA[0]).duplicate_of is None
    for worker in workers:
        assert eventually(partial(_knows, worker, 1))
    for number in range(4):  # of both workers' partitions
        assert scene.report(f"more-{number}", CAMERA[1]).duplicate_of == "first"
    for worker in workers:
        worker.stop()
    late = start_worker(instance="three").await_ready()
    assert _knows(late, 5)
    assert scene.report("late", CAMERA[2]).duplicate_of == "first"


def test_a_worker_told_to_looks_for_none(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    worker, scene = start_worker(duplicate_horizon_days=0).await_ready(), Scene(broker, topics)
    scene.report("first", CAMERA[0])
    assert scene.report("second", CAMERA[0]).duplicate_of is None
    assert _knows(worker, 0)
