"""Who leads: what it makes of the states that it reads, what it announces, and how the next one goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from prometheus_client import CollectorRegistry

from agents.corrections import contested_since
from agents.emerging import EmergingWatch, cluster_id_of, surge_record
from agents.live import InForce
from agents.metrics import declare
from agents.state import text_of
from agents.young import YoungStates
from models.emerging.group import Newcomer
from models.emerging.pool import EmergingPolicy
from models.routing.corrections import no_corrections
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.surge import EmergingVerdict, Surge, SurgeKind, SurgeStatus
from tests.fakes.records import record, state
from tests.unit.emerging.company import DIM, HOUR_MS, PROBLEMS, Company, company

NEW, OTHER = PROBLEMS, PROBLEMS + 1
START_MS = 1_790_000_000_000
POLICY = EmergingPolicy()


@pytest.fixture(scope="module")
def made() -> Company:
    return company()


@dataclass
class Worker:
    """A watch with a clock, and the topic that it announces to."""

    made: Company
    now_ms: int = START_MS
    topic: dict[str, bytes] = field(default_factory=dict)
    watch: EmergingWatch = field(init=False)
    young: YoungStates = field(init=False)

    def __post_init__(self) -> None:
        self.watch = EmergingWatch(POLICY, declare(CollectorRegistry()), lambda: self.now_ms)
        self.young = YoungStates("test", DIM, POLICY.window_ms, lambda: self.now_ms, self.watch)

    def read(self, tickets: Sequence[Newcomer]) -> None:
        for ticket in tickets:
            value = encode(
                state(
                    ticket.ticket_id,
                    text=ticket.text,
                    vector=text_of(ticket.vector),
                    encoder="test",
                    confidence=ticket.confidence,
                    customer_id=ticket.customer_id,
                    owner=ticket.owner,
                    decided_at=time_of(ticket.at_ms),
                )
            )
            self.young.on_state(record(value, key=ticket.ticket_id.encode(), topic="tickets.state"))

    def delete(self, ticket_id: str) -> None:
        self.young.on_state(record(None, key=ticket_id.encode(), topic="tickets.state"))

    def look(self, generation: str = "g-1") -> list[Surge]:
        """One look, whose announcements are written and read back."""
        revised = InForce(generation, self.made.ready, no_corrections(DIM), contested_since((), 0))
        found = self.watch.look(revised)
        for surge in found:
            output = surge_record(surge, "tickets.surges")
            assert output.key is not None
            self.topic[output.key.decode()] = output.value or b""
            self.watch.on_surge(record(output.value, key=output.key, topic="tickets.surges"))
        return found

    def successor(self) -> "Worker":
        """Another worker that reads what stands in the topic of surges."""
        other = Worker(self.made, self.now_ms, dict(self.topic))
        for key, value in self.topic.items():
            other.watch.on_surge(record(value, key=key.encode(), topic="tickets.surges"))
        return other


@pytest.fixture
def worker(made: Company) -> Worker:
    return Worker(made, START_MS + 8 * HOUR_MS)


def new(made: Company, count: int, problem: int = NEW, seed: int = 1) -> list[Newcomer]:
    return made.tickets(problem, count, seed, START_MS)


def test_known_problems_announce_nothing(worker: Worker, made: Company) -> None:
    for problem in range(8):
        worker.read(made.tickets(problem, 6, 50, START_MS))
    assert worker.look() == []


def test_a_new_problem_is_announced_once_with_what_people_need(worker: Worker, made: Company) -> None:
    tickets = new(made, 6)
    worker.read(tickets)
    (surge,) = worker.look()
    assert (surge.kind, surge.status, surge.verdict) == (SurgeKind.EMERGING, SurgeStatus.FIRING, None)
    assert surge.ticket_ids == [ticket.ticket_id for ticket in tickets]
    assert (surge.observed, surge.customers_affected) == (6, 6)
    assert surge.cluster.id == cluster_id_of(surge.surge_id)
    assert surge.owner == f"team-{NEW % 6}"
    assert len(surge.descriptions) == len(set(surge.descriptions)) == 5
    assert set(surge.descriptions) <= {ticket.text for ticket in tickets}
    assert (surge.window.start, surge.window.end) == (time_of(START_MS), time_of(START_MS + 5 * HOUR_MS))
    assert 0 < surge.expected < 1 < surge.ratio
    assert surge.q_value < 1e-3
    assert worker.look() == []


def test_four_tickets_are_none_and_two_problems_are_two(worker: Worker, made: Company) -> None:
    worker.read(new(made, 4))
    assert worker.look() == []
    worker.read(new(made, 5, OTHER))
    worker.read(new(made, 5, NEW, seed=2)[4:])
    assert {len(surge.ticket_ids) for surge in worker.look()} == {5}
    assert len(worker.topic) == 2


def test_tickets_of_one_customer_count_once(worker: Worker, made: Company) -> None:
    worker.read([replace(ticket, customer_id="one") for ticket in new(made, 6)])
    assert worker.look() == []


def test_a_ticket_that_is_decided_on_again_counts_once(worker: Worker, made: Company) -> None:
    worker.read([*new(made, 4), *new(made, 4)])
    assert worker.look() == []


def test_what_doubles_is_told_again_under_its_id(worker: Worker, made: Company) -> None:
    tickets = new(made, 12)
    worker.now_ms = START_MS + 12 * HOUR_MS
    worker.read(tickets[:5])
    (first,) = worker.look()
    worker.read(tickets[5:9])
    assert worker.look() == []
    worker.read(tickets[9:])
    (second,) = worker.look()
    assert (second.surge_id, second.observed, second.started_at) == (first.surge_id, 12, first.started_at)


def test_whose_it_was_first_stays_though_it_is_anothers_now(worker: Worker, made: Company) -> None:
    tickets = [replace(one, owner="first" if at < 6 else "second") for at, one in enumerate(new(made, 20))]
    worker.read(tickets[:6])
    worker.look()
    worker = worker.successor()
    worker.read(tickets)
    (again,) = worker.look()
    lead = cluster_id_of(again.surge_id)
    assert (again.owner, again.first_told) == ("second", (lead, "first"))


def test_who_leads_next_goes_on_with_what_was_announced(worker: Worker, made: Company) -> None:
    tickets = new(made, 10)
    worker.now_ms = START_MS + 12 * HOUR_MS
    worker.read(tickets[:5])
    (first,) = worker.look()
    heir = worker.successor()
    heir.read(tickets[:5])
    assert heir.look() == []
    heir.read(tickets[5:])
    (second,) = heir.look()
    assert (second.surge_id, second.observed) == (first.surge_id, 10)


def test_another_generation_changes_nothing_of_what_was_announced(worker: Worker, made: Company) -> None:
    worker.read(new(made, 5))
    assert len(worker.look()) == 1
    assert worker.look("g-2") == []
    worker.read(new(made, 5, NEW, seed=3))
    (surge,) = worker.look("g-2")
    assert (surge.observed, surge.generation_id, len(worker.topic)) == (10, "g-2", 1)


def test_what_a_reclustering_settled_is_not_announced_again(worker: Worker, made: Company) -> None:
    worker.read(new(made, 5))
    (surge,) = worker.look()
    end = surge.model_copy(update={"status": SurgeStatus.RESOLVED})
    worker.watch.on_surge(record(encode(end), key=surge.surge_id.encode(), topic="tickets.surges"))
    assert worker.look() == []
    worker.read(new(made, 2, NEW, seed=4))
    assert worker.look() == []


def test_an_announcement_that_met_a_settlement_is_taken_back(worker: Worker, made: Company) -> None:
    """A leader may write that it fires just after a reclustering wrote that it is settled: the verdict stands."""
    worker.read(new(made, 6))
    (surge,) = worker.look()
    ends = {
        "status": SurgeStatus.RESOLVED,
        "verdict": EmergingVerdict.CONFIRMED,
        "resolved_at": surge.updated_at,
    }
    settled = surge.model_copy(update=ends)
    for told in (settled, surge):
        output = surge_record(told, "tickets.surges")
        worker.watch.on_surge(record(output.value, key=output.key, topic="tickets.surges"))
    assert worker.look() == [settled]
    assert worker.look() == []


def test_a_problem_that_nobody_reports_for_a_window_ends(worker: Worker, made: Company) -> None:
    worker.read(new(made, 5))
    assert len(worker.look()) == 1
    worker.now_ms = START_MS + 4 * HOUR_MS + POLICY.window_ms + 1
    (end,) = worker.look()
    assert (end.status, end.verdict) == (SurgeStatus.RESOLVED, None)
    assert end.resolved_at == time_of(worker.now_ms)
    assert worker.look() == []


def test_the_text_of_a_ticket_that_is_deleted_is_taken_out(worker: Worker, made: Company) -> None:
    tickets = new(made, 6)
    worker.read(tickets)
    assert len(worker.look()) == 1
    worker.delete(tickets[0].ticket_id)
    (surge,) = worker.look()
    assert tickets[0].text not in surge.descriptions
    assert tickets[0].ticket_id not in surge.ticket_ids
    assert worker.look() == []
    assert all(tickets[0].text.encode() not in value for value in worker.topic.values())


def test_tickets_of_before_the_window_and_what_cannot_be_read_are_passed_over(
    worker: Worker, made: Company
) -> None:
    worker.now_ms = START_MS + POLICY.window_ms + 5 * HOUR_MS
    worker.read(new(made, 5))
    for value in (b"{", b'{"decided_at":"2026-09-21T14:13:20Z"}', b""):
        worker.young.on_state(record(value, key=b"x", topic="tickets.state"))
        worker.watch.on_surge(record(value, key=b"x", topic="tickets.surges"))
    assert worker.look() == []


def test_the_record_says_what_it_is(worker: Worker, made: Company) -> None:
    worker.read(new(made, 5))
    (surge,) = worker.look()
    output = surge_record(surge, "tickets.surges")
    assert decode(Surge, output.value) == surge
    assert dict(output.headers)["ce_type"] == b"sluice.surge.v1"
