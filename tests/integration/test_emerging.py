"""A new problem on a real broker: the worker that leads announces it, and the next reclustering settles it."""

import pytest

from agents.topics import TopicNames
from app.bootstrap import PastTicket, fit, prepare, publish
from app.demo.history import SampleTicket, generate
from app.demo.problems import NEW_PROBLEM
from app.policies import clean_policy, pack_policy
from app.recluster import generation_in_force
from app.settings import Settings, kafka_options
from models.routing.encode import Encoder
from schemas.codec import decode
from schemas.surge import EmergingVerdict, Surge, SurgeKind, SurgeStatus
from tests import kafka
from tests.eventually import eventually
from tests.fakes.history import NOW_MS
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers
from tests.integration.test_shadow import Sluice
from tests.integration.test_worker import send

pytestmark = pytest.mark.integration

_PROBLEMS = 24
_TEAM = "物联网"  # whose problem is the new one


@pytest.fixture
def replay(settings: Settings, encoder: Encoder) -> tuple[list[SampleTicket], list[SampleTicket]]:
    """Ordinary tickets and those of a problem that the published history does not hold."""
    sample = generate(7, NOW_MS)
    kinds = sorted({ticket.problem for ticket in sample.past if ticket.problem and ticket.team != _TEAM})[
        :_PROBLEMS
    ]
    past = [PastTicket(ticket.event) for ticket in sample.past if ticket.problem in kinds]
    prepared = prepare(past, encoder, clean_policy(settings), pack_policy(settings), lambda *_: None)
    assert settings.bootstrap is not None
    options = kafka_options(settings, settings.bootstrap)
    publish(prepared, fit(prepared, encoder, sample.teams, NOW_MS), settings, options, lambda *_: None)
    new = [ticket for ticket in sample.replay if ticket.problem == NEW_PROBLEM]
    ordinary = [ticket for ticket in sample.replay if ticket.problem in kinds]
    return ordinary[:60], new


def surges_of(broker: str, topics: TopicNames) -> dict[str, Surge]:
    """The last record of each surge."""
    records = kafka.read_all(broker, topics.surges)
    return {surge.surge_id: surge for surge in (decode(Surge, record.value()) for record in records)}


def test_it_is_announced_goes_on_with_another_worker_and_is_confirmed(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    replay: tuple[list[SampleTicket], list[SampleTicket]],
    start_worker: StartWorker,
) -> None:
    ordinary, new = replay
    worker = start_worker().await_ready()
    send(broker, topics.tickets, *(ticket.event for ticket in ordinary))
    await_answers(broker, topics, len(ordinary))
    send(broker, topics.tickets, *(ticket.event for ticket in new[:15]))
    await_answers(broker, topics, len(ordinary) + 15)
    assert eventually(lambda: len(surges_of(broker, topics)) == 1, 60)
    (first,) = surges_of(broker, topics).values()
    ids = {ticket.event.ticket_id for ticket in new}
    assert (first.kind, first.status) == (SurgeKind.EMERGING, SurgeStatus.FIRING)
    assert len(ids.intersection(first.ticket_ids)) > 0.8 * len(first.ticket_ids)
    assert len(first.descriptions) == 5
    assert "sluice_emerging_total" in worker.page("/metrics")[1]

    assert worker.stop() == 0
    start_worker().await_ready()
    send(broker, topics.tickets, *(ticket.event for ticket in new[15:]))
    await_answers(broker, topics, len(ordinary) + len(new))
    said = Sluice(settings).said("recluster", "--once", "--force")
    # What the leader wrote at the same moment it takes back with its next look.
    assert eventually(lambda: surges_of(broker, topics)[first.surge_id].status is SurgeStatus.RESOLVED, 60)
    settled = surges_of(broker, topics)
    assert list(settled) == [first.surge_id]
    assert settled[first.surge_id].verdict is EmergingVerdict.CONFIRMED
    assert said["emerging"] == {first.cluster.id: "confirmed"}
    clusters = generation_in_force(settings, kafka_options(settings, broker))[1].clusters
    assert first.cluster.id in {cluster.id for cluster in clusters}
