"""First proofs that nothing is lost and nothing repeated: SIGTERM, kill -9 and a rebalance, each under load."""

from collections.abc import Callable

import pytest

from agents.exits import Exit
from agents.topics import TopicNames
from app.child import WorkerProcess
from schemas.codec import encode
from tests import kafka
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_worker import ticket

pytestmark = pytest.mark.integration

TICKETS = 3_000


def load(broker: str, topics: TopicNames) -> None:
    events = [ticket(number, f"the app crashes on page {number}") for number in range(TICKETS)]
    kafka.produce(broker, topics.tickets, [(event.ticket_id.encode(), encode(event)) for event in events])


def await_some(broker: str, topics: TopicNames) -> None:
    """Return in the middle of the load: some decisions are out, most are not."""
    assert len(await_answers(broker, topics, 1)) < TICKETS


def end_by_sigterm(worker: WorkerProcess) -> None:
    assert worker.stop() == Exit.OK


def end_by_kill(worker: WorkerProcess) -> None:
    worker.kill()


@pytest.mark.parametrize("end", [end_by_sigterm, end_by_kill])
def test_a_worker_that_ends_under_load_and_comes_back(
    broker: str,
    topics: TopicNames,
    learned: str,
    start_worker: StartWorker,
    end: Callable[[WorkerProcess], None],
) -> None:
    first = start_worker(instance="one", batch_records=32).await_ready()
    load(broker, topics)
    await_some(broker, topics)
    end(first)
    start_worker(instance="one", batch_records=32)
    decisions = decisions_of(await_answers(broker, topics, TICKETS, seconds=180))
    assert len(decisions) == TICKETS


def test_workers_that_join_and_leave_under_load(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    first = start_worker(batch_records=32).await_ready()
    load(broker, topics)
    await_some(broker, topics)
    second = start_worker(batch_records=32).await_ready()
    assert first.stop() == Exit.OK
    third = start_worker(batch_records=32).await_ready()
    decisions = decisions_of(await_answers(broker, topics, TICKETS, seconds=180))
    assert len(decisions) == TICKETS
    assert [worker.exit_code for worker in (second, third)] == [None, None]
