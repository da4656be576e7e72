"""What people do, on a real broker: told once, learnt by every worker, whatever is killed and however far behind."""

import json
import signal
import threading
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import NewPartitions
from typer.testing import CliRunner

from agents.exits import Exit
from agents.home import Homes
from agents.topics import TopicNames
from app.cli.command import build
from app.settings import Settings
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.feedback import Correction, Feedback
from schemas.insight import Insight
from schemas.state import TicketState
from tests import kafka
from tests.conftest import PARTITIONS
from tests.eventually import eventually
from tests.fakes.history import FRESH, NOW_MS
from tests.fault.crew import Member
from tests.fault.diary import Order, OrderFile
from tests.fault.points import Point
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

HOMES = Homes("murmur2", PARTITIONS)


def act(number: int, kind: str, owner: str | None = None, name: str = "", at_ms: int = NOW_MS) -> Feedback:
    """An act on ticket `new-<number>`."""
    fields = {"feedback_id": name or f"f-{number}", "kind": kind, "ticket_id": f"new-{number}"}
    return Feedback.model_validate(fields | {"owner": owner, "at": time_of(at_ms)})


def tell(broker: str, topics: TopicNames, *acts: Feedback) -> None:
    records = [((done.ticket_id or done.cluster_id or "").encode(), encode(done)) for done in acts]
    kafka.produce(broker, topics.feedback, records)


def insights(broker: str, topics: TopicNames) -> list[Insight]:
    return [decode(Insight, record.value()) for record in kafka.read_all(broker, topics.insights)]


def await_insights(broker: str, topics: TopicNames, count: int) -> list[Insight]:
    found: list[Insight] = []

    def are_there() -> bool:
        found[:] = insights(broker, topics)
        return len(found) >= count

    assert eventually(are_there, 60), f"{len(found)} insights of {count}"
    return found


def state_of(broker: str, topics: TopicNames, ticket_id: str) -> TicketState:
    *_, last = [r for r in kafka.read_all(broker, topics.state) if r.key() == ticket_id.encode()]
    return decode(TicketState, last.value())


def corrections(broker: str, topics: TopicNames) -> list[Message]:
    return kafka.read_all(broker, topics.corrections)


def test_an_act_told_on_the_command_line_is_learnt(
    broker: str,
    topics: TopicNames,
    learned: str,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = start_worker().await_ready()
    send(broker, topics.tickets, ticket(1, FRESH[0][1]))
    decision = decisions_of(await_answers(broker, topics, 1))["new-1"]
    monkeypatch.setenv("SLUICE_TOPIC_PREFIX", topics.prefix)
    words = ["feedback", "new-1", "--reassigned-to", "locks", "--bootstrap", broker, "--json"]
    said = json.loads(CliRunner().invoke(build(), words).stdout_bytes)
    assert (said["topic"], said["partition"]) == (topics.feedback, HOMES.of("new-1"))
    (told,) = await_insights(broker, topics, 1)
    assert (told.feedback_id, told.decision_id) == (said["feedback_id"], decision.decision_id)
    assert (told.decided_owner, told.owner, told.lesson) == ("mobile", "locks", "corrected")
    (record,) = corrections(broker, topics)
    learnt = decode(Correction, record.value())
    state = state_of(broker, topics, "new-1")
    assert (learnt.owner, learnt.text, learnt.vector) == ("locks", state.text, state.vector)
    assert (state.assigned_team, state.decision_id) == ("locks", decision.decision_id)
    revision = f"sluice_corrections_revision {record.offset() + 1}.0"
    assert eventually(lambda: revision in worker.page("/metrics")[1])
    assert worker.stop() == Exit.OK
    again = start_worker().await_ready()
    assert revision in again.page("/metrics")[1]  # read before it was ready


def test_a_cluster_that_is_bound_on_the_command_line_is_a_correction(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    start_worker().await_ready()
    fields = {"feedback_id": "f-1", "kind": "bound", "cluster_id": "c-1", "owner": "locks"}
    tell(broker, topics, Feedback.model_validate(fields | {"at": time_of(NOW_MS)}))
    assert eventually(lambda: len(corrections(broker, topics)) == 1, 60)
    (record,) = corrections(broker, topics)
    learnt = decode(Correction, record.value())
    assert (record.key(), learnt.cluster_id, learnt.owner) == (b"f-1", "c-1", "locks")
    assert learnt.generation_id == learned


def test_acts_wait_for_tickets_that_are_still_behind(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    """A worker that comes back finds the acts of the time in between beside their tickets, and far fewer of them."""
    count = 800
    send(broker, topics.tickets, *(ticket(number, f"the app crashes {number}") for number in range(count)))
    last = range(count - 40, count)
    tell(broker, topics, *(act(number, "assigned", "mobile") for number in last))
    start_worker(batch_records=64).await_ready()
    found = await_insights(broker, topics, len(last))
    assert sorted(told.ticket_id for told in found) == sorted(f"new-{number}" for number in last)
    await_answers(broker, topics, count, 180)
    assert kafka.read_all(broker, topics.dead) == []


@pytest.mark.parametrize("beside", ["feedback", "state"])
def test_a_worker_refuses_topics_that_do_not_stand_beside_each_other(
    broker: str, topics: TopicNames, start_worker: StartWorker, beside: str
) -> None:
    name, client = getattr(topics, beside), kafka.admin(broker)
    client.create_partitions([NewPartitions(name, PARTITIONS + 1)], operation_timeout=30)[name].result(30)
    worker = start_worker()
    assert worker.await_end(60) == Exit.USAGE
    (line,) = [line for line in worker.log.read_text().splitlines() if line.startswith("sluice: ")]
    assert f"{name} has 5 partitions and {topics.tickets} 4: they must be equal" in line


class OldWorker:
    """The group member that a worker of before is: another assignor, tickets only. It commits nothing.

    Args:
        instance: its name where it is a static member, which keeps its place for a while after it has gone.
    """

    def __init__(self, broker: str, topics: TopicNames, instance: str | None = None) -> None:
        static = {"group.instance.id": instance} if instance else {}
        self.owned: list[int] = []
        self._leaving = threading.Event()
        self._client = Consumer(
            {
                **static,
                "bootstrap.servers": broker,
                "group.id": f"{topics.prefix}sluice",
                "partition.assignment.strategy": "roundrobin",
                "session.timeout.ms": 30_000,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        self._client.subscribe([topics.tickets], on_assign=self._assigned)
        self._thread = threading.Thread(target=self._be_there)

    def _assigned(self, _: Consumer, places: list[TopicPartition]) -> None:
        self.owned = [place.partition for place in places]

    def _be_there(self) -> None:
        while not self._leaving.is_set():
            self._client.poll(0.05)
        self._client.close()

    def __enter__(self) -> "OldWorker":
        self._thread.start()
        assert eventually(lambda: len(self.owned) == PARTITIONS, 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join()


def test_a_group_that_changes_its_assignor_reads_every_act_in_the_end(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    """A rolling update: as long as a worker of before is in the group, partitions are shared out by the old rule,
    and the acts on tickets of others are left alone."""
    with OldWorker(broker, topics) as old:
        worker = start_worker().await_ready()
        assert eventually(lambda: 0 < len(old.owned) < PARTITIONS, 60)
        send(broker, topics.tickets, *(ticket(number, FRESH[0][1]) for number in range(40)))
        tell(broker, topics, *(act(number, "assigned", "mobile") for number in range(40)))
        mine = {f"new-{n}" for n in range(40) if HOMES.of(f"new-{n}") not in old.owned}
        await_insights(broker, topics, len(mine))
        assert {told.ticket_id for told in insights(broker, topics)} == mine
        assert "partitions_left_alone" in worker.log.read_text()
    assert len({told.ticket_id for told in await_insights(broker, topics, 40)}) == 40
    assert kafka.read_all(broker, topics.dead) == []
    assert worker.exit_code is None


def test_a_worker_that_is_updated_in_its_own_place_reads_acts_at_once(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    """A static member that comes back in time is given what it had, unless it knows another assignor."""
    with OldWorker(broker, topics, "one"):
        pass
    start_worker(instance="one").await_ready()
    send(broker, topics.tickets, *(ticket(number, FRESH[0][1]) for number in range(40)))
    tell(broker, topics, *(act(number, "assigned", "mobile") for number in range(40)))
    assert len({told.ticket_id for told in await_insights(broker, topics, 40)}) == 40


@pytest.mark.parametrize("point", [Point.PRODUCED, Point.OFFSETS_SENT, Point.AFTER_COMMIT])
def test_a_worker_killed_in_the_transaction_of_an_act(
    broker: str, topics: TopicNames, learned: str, settings: Settings, tmp_path: Path, point: Point
) -> None:
    variables = {
        "SLUICE_BOOTSTRAP": broker,
        "SLUICE_TOPIC_PREFIX": topics.prefix,
        "SLUICE_DATA_DIR": str(settings.data_dir),
        "SLUICE_LOG_FORMAT": "json",
    }
    member = Member("one", variables, tmp_path / "one").start()
    try:
        send(broker, topics.tickets, *(ticket(number, FRESH[0][1]) for number in range(8)))
        await_answers(broker, topics, 8)
        OrderFile(tmp_path / "one" / "order").give(
            Order(point, signal.SIGKILL, nth=2 if point is Point.PRODUCED else 1)
        )
        tell(broker, topics, *(act(number, "reassigned", "locks") for number in range(8)))
        assert eventually(lambda: bool(member.diary.entries("fault")), 60)
        tell(broker, topics, act(0, "reassigned", "payments", "f-last", NOW_MS + 1))
        told = await_insights(broker, topics, 9)
    finally:
        member.kill()
    names = sorted([*(f"f-{number}" for number in range(8)), "f-last"])
    assert sorted(one.feedback_id for one in told) == names
    assert sorted(record.key().decode() for record in corrections(broker, topics)) == names
    assert {state_of(broker, topics, f"new-{number}").assigned_team for number in range(1, 8)} == {"locks"}
    state = state_of(broker, topics, "new-0")
    assert (state.assigned_team, state.reassigned) == ("payments", 2)
