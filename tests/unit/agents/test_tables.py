"""Tables: what is restored, what is settled, and what is forgotten of the tickets of a worker's partitions."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from agents.tables import Known, Place, Remembered, TicketTable
from models.errors import Fatal
from models.learn.acts import Handling, Said
from schemas.codec import encode
from schemas.contract import time_of
from schemas.state import TicketStatus
from tests.fakes.kafka import FakeKafka
from tests.fakes.path import NAMES, table_of
from tests.fakes.records import NOW_MS, state

HOME: Place = (0, "t-1")


def remembered(title: str = "title", text: str = "text", **more: Any) -> Remembered:
    """What is remembered of an open ticket of the fakes; `more` replaces fields."""
    fields = {
        "title": title,
        "text": text,
        "customer_id": None,
        "product": None,
        "assigned_team": None,
        "resolution": None,
        "kb_article_id": None,
        "status": TicketStatus.OPEN,
        "created_at_ms": NOW_MS,
    }
    return Remembered(**{**fields, **more})


NEVER_DECIDED = Said(None, None, None)


def known(order: int) -> Known:
    return Known(f"v{order}", order, remembered(text=f"text {order}"), NEVER_DECIDED)


@pytest.fixture
def kafka() -> FakeKafka:
    kafka = FakeKafka()
    kafka.make(NAMES.state, 3)
    return kafka


@pytest.fixture
def table(kafka: FakeKafka) -> TicketTable:
    table = table_of(kafka)
    table.restore([0, 1])
    table.begin(1)
    return table


def write(kafka: FakeKafka, partition: int, ticket_id: str, **more: object) -> None:
    kafka.append(NAMES.state, partition, ticket_id.encode(), encode(state(ticket_id, **more)))


# -- restored


def test_the_last_state_of_each_ticket_is_restored(kafka: FakeKafka) -> None:
    write(kafka, 0, "t-1", version="v1", order=1, text="old")
    write(kafka, 0, "t-1", version="v2", order=2, title="new title", text="new")
    write(kafka, 1, "t-2", version="h1", order=7)
    table = table_of(kafka)
    table.restore([0, 1, 2])
    assert table.get((0, "t-1")) == Known("v2", 2, remembered("new title", "new"), NEVER_DECIDED)
    found = table.get((1, "t-2"))
    assert found is not None
    assert (found.version, found.order) == ("h1", 7)
    assert len(table) == 2


@pytest.mark.parametrize("status", list(TicketStatus))
def test_what_a_ticket_said_is_kept_whether_it_is_open_or_not(kafka: FakeKafka, status: TicketStatus) -> None:
    said = {
        "title": "Crash",
        "text": "the app crashes",
        "customer_id": "c-1",
        "product": "Nimbo",
        "assigned_team": "mobile",
        "resolution": "reinstall",
        "kb_article_id": "kb-1",
    }
    write(kafka, 0, "t-1", status=status, **said)
    table = table_of(kafka)
    table.restore([0])
    assert table.get(HOME) == Known("v1", 1, remembered(**said, status=status), NEVER_DECIDED)


def test_what_was_decided_and_done_is_restored(kafka: FakeKafka) -> None:
    decided = {
        "owner": "mobile",
        "cluster_id": "c-1",
        "generation_id": "g-1",
        "decision_id": "d-1",
        "outcome": "propose",
        "confidence": 0.75,
        "revision": 4,
        "decided_at": time_of(NOW_MS + 5),
        "priority": "high",
        "duplicate_of": "t-0",
    }
    done = {
        "first_owner": "locks",
        "first_assigned_at": time_of(NOW_MS + 10),
        "first_assignment_right": False,
        "reassigned": 2,
        "feedback_ids": ["f-2", "f-3"],
        "feedback_at": time_of(NOW_MS + 20),
        "correction_ids": ["f-1", "f-3"],
    }
    write(kafka, 0, "t-1", **decided, **done)
    table = table_of(kafka)
    table.restore([0])
    found = table.get(HOME)
    assert found is not None
    assert found.said == Said(
        "mobile", "c-1", "g-1", "d-1", "propose", 0.75, 4, NOW_MS + 5, priority="high", duplicate_of="t-0"
    )
    assert found.handling == Handling(
        "locks", NOW_MS + 10, False, 2, NOW_MS + 20, ("f-2", "f-3"), ("f-1", "f-3")
    )


@pytest.mark.parametrize(
    ("kept", "counted"),
    [
        ({"cluster_id": "c-1", "counted": True}, True),
        ({"counted": True}, True),
        ({"cluster_id": "c-1", "counted": False}, False),
        ({"cluster_id": "c-1"}, True),
        ({}, False),
    ],
    ids=[
        "counted",
        "of no cluster now",
        "not counted",
        "of before, with a cluster",
        "of before, without one",
    ],
)
def test_whether_a_ticket_was_counted(kafka: FakeKafka, kept: dict[str, object], counted: bool) -> None:
    write(kafka, 0, "t-1", **kept)
    table = table_of(kafka)
    table.restore([0])
    found = table.get(HOME)
    assert found is not None
    assert found.counted is counted


def test_a_decision_of_before_its_outcome_was_kept_is_one_without_outcome(kafka: FakeKafka) -> None:
    write(kafka, 0, "t-1", owner="mobile", decision_id="d-1", updated_at=time_of(NOW_MS + 5))
    table = table_of(kafka)
    table.restore([0])
    found = table.get(HOME)
    assert found is not None
    assert found.said == Said("mobile", None, None, "d-1", None, None, 0, NOW_MS + 5)
    assert found.handling is None


def test_a_tombstone_ends_a_ticket_and_a_later_state_begins_it_again(kafka: FakeKafka) -> None:
    for ticket_id in ("gone", "back"):
        write(kafka, 0, ticket_id)
        kafka.append(NAMES.state, 0, ticket_id.encode(), None)
    kafka.append(NAMES.state, 0, b"never there", None)
    kafka.append(NAMES.state, 0, None, b"no key")
    write(kafka, 0, "back", version="v9", order=9)
    table = table_of(kafka)
    table.restore([0])
    assert table.get((0, "gone")) is None
    assert table.get((0, "back")) is not None
    assert len(table) == 1


def test_only_the_partitions_asked_for_are_restored(kafka: FakeKafka) -> None:
    write(kafka, 0, "t-1")
    write(kafka, 1, "t-1")
    table = table_of(kafka)
    table.restore([1])
    assert table.get(HOME) is None
    assert table.get((1, "t-1")) is not None


def test_an_aborted_state_is_not_restored(kafka: FakeKafka) -> None:
    write(kafka, 0, "t-1", version="v1")
    producer = kafka.producer("p")
    producer.init_transactions(1)
    producer.begin_transaction()
    producer.produce(NAMES.state, key=b"t-1", value=b"broken", headers=[], partition=0)
    producer.abort_transaction(1)
    table = table_of(kafka)
    table.restore([0])
    found = table.get(HOME)
    assert found is not None
    assert found.version == "v1"


def test_restoring_again_begins_from_what_the_topic_says(kafka: FakeKafka, table: TicketTable) -> None:
    """A partition that came back was worked by somebody else in between."""
    table.settle({HOME: known(1), (1, "t-2"): known(1)})
    write(kafka, 0, "t-3")
    table.restore([0])
    assert table.get(HOME) is None
    assert table.get((0, "t-3")) is not None
    assert table.get((1, "t-2")) == known(1)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(b"words of a customer", "not_json", id="no JSON"),
        pytest.param(b'{"ticket_id": "words of a customer"}', "missing_field", id="no state"),
        pytest.param(b"", "not_json", id="empty"),
    ],
)
def test_a_state_that_cannot_be_read_is_told_of_and_its_ticket_unknown(
    kafka: FakeKafka, value: bytes, why: str
) -> None:
    write(kafka, 2, "before")
    kafka.append(NAMES.state, 2, b"t-1", value)
    write(kafka, 2, "after")
    registry = CollectorRegistry()
    table = table_of(kafka, registry)
    with capture_logs() as said:
        table.restore([2])
    assert table.get((2, "t-1")) is None
    assert None not in (table.get((2, "before")), table.get((2, "after")))
    (line,) = [line for line in said if line["event"] == "state_unreadable"]
    assert (line["log_level"], line["why"]) == ("error", why)
    assert (line["topic"], line["partition"], line["offset"]) == (NAMES.state, 2, 1)
    assert "customer" not in str(said)
    assert registry.get_sample_value("sluice_state_unreadable_total", {"reader": "table"}) == 1


def test_what_was_known_before_a_state_that_cannot_be_read_stays_known(kafka: FakeKafka) -> None:
    """A version that was decided is then still known for one that was."""
    write(kafka, 0, "t-1", version="v1")
    kafka.append(NAMES.state, 0, b"t-1", b"no state")
    table = table_of(kafka)
    table.restore([0])
    found = table.get(HOME)
    assert found is not None
    assert found.version == "v1"


def test_a_key_that_is_no_text_is_passed_over(kafka: FakeKafka) -> None:
    for value in (None, b"no state"):
        kafka.append(NAMES.state, 0, b"\xff", value)
    write(kafka, 0, "t-1")
    table = table_of(kafka)
    table.restore([0])
    assert table.get(HOME) is not None
    assert len(table) == 1


def test_the_state_of_another_version_of_sluice_ends_the_worker(kafka: FakeKafka, table: TicketTable) -> None:
    """To pass over all of it would be to decide every ticket again."""
    kafka.append(NAMES.state, 2, b"t-1", b'{"schema_version": 2}')
    with pytest.raises(Fatal, match=r"tickets\.state was written by another version of Sluice: run that one"):
        table.restore([2])


# -- staged and settled


def test_nothing_is_known_of_a_ticket_never_seen(table: TicketTable) -> None:
    assert table.get(HOME) is None
    assert len(table) == 0


def test_staged_goes_before_settled_and_a_new_epoch_takes_it_back(table: TicketTable) -> None:
    table.settle({HOME: known(1)})
    table.stage(HOME, known(2))
    assert table.get(HOME) == known(2)
    table.begin(1)
    assert table.get(HOME) == known(2)
    table.begin(2)
    assert table.get(HOME) == known(1)


def test_unstaged_leaves_what_is_settled(table: TicketTable) -> None:
    table.settle({HOME: known(1)})
    table.stage(HOME, known(2))
    table.unstage(HOME)
    table.unstage((0, "never staged"))
    assert table.get(HOME) == known(1)


def test_settling_the_first_of_two_leaves_the_second_staged(table: TicketTable) -> None:
    table.stage(HOME, known(1))
    table.stage(HOME, known(2))
    table.settle({HOME: known(1)})
    assert table.get(HOME) == known(2)
    table.begin(2)
    assert table.get(HOME) == known(1)


def test_what_is_settled_is_no_longer_staged(table: TicketTable) -> None:
    """Else every ticket would be held twice until the next rebalance."""
    table.stage(HOME, known(1))
    table.settle({HOME: known(1)})
    table.forget([0])
    assert table.get(HOME) is None


def test_what_is_settled_after_its_partition_was_lost_is_not_kept(table: TicketTable) -> None:
    table.forget([0])
    table.settle({HOME: known(1), (2, "t-1"): known(1), (1, "t-1"): known(1)})
    assert table.get(HOME) is None
    assert table.get((2, "t-1")) is None
    assert table.get((1, "t-1")) == known(1)
    assert len(table) == 1


def test_a_partition_is_forgotten_whole_and_alone(table: TicketTable) -> None:
    table.settle({HOME: known(1), (0, "t-2"): known(1), (1, "t-3"): known(1)})
    table.forget([0, 9])
    assert len(table) == 1
    assert table.get((1, "t-3")) == known(1)
