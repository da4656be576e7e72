"""A cluster that nobody has seen a ticket of, on a real broker: described on the command line, decided by at once,
kept by a reclustering, and itself when it has tickets."""

import json

import pytest

from agents.topics import TopicNames
from app.recluster import generation_in_force
from app.settings import Settings, kafka_options
from models.generation import NamedBy
from schemas.codec import decode
from schemas.feedback import Correction, CorrectionKind
from tests import kafka
from tests.eventually import eventually
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_shadow import Sluice
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

_ALARM = "智能门锁离线告警"
_MEANT = "智能门锁掉线后，客户的手机不断收到离线告警 a.b@example.com"
_TEXTS = ("智能门锁离线告警响个不停", "手机不断收到智能门锁离线告警", "门锁没掉线，离线告警却一直弹")


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


def test_a_described_cluster_is_decided_by_and_lives_on(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    learned: str,
    sluice: Sluice,
    start_worker: StartWorker,
) -> None:
    options = kafka_options(settings, broker)
    worker = start_worker().await_ready()
    send(broker, topics.tickets, ticket(0, _ALARM))
    assert decisions_of(await_answers(broker, topics, 1))["new-0"].owner != "iot"

    said = sluice.said("clusters", "add", "--name", _ALARM, "--description", _MEANT, "--team", "iot")
    assert said["cluster"].startswith("c-")
    assert eventually(lambda: "sluice_corrections_revision 0.0" not in worker.page("/metrics")[1], 60)
    (record,) = kafka.read_all(broker, topics.corrections)
    learnt = decode(Correction, record.value())
    assert (learnt.kind, learnt.cluster_id, learnt.owner) == (CorrectionKind.ADDED, said["cluster"], "iot")
    assert learnt.vector is not None
    assert "example.com" not in (learnt.text or "")
    revision = record.offset() + 1
    assert eventually(lambda: f"sluice_corrections_revision {revision}.0" in worker.page("/metrics")[1], 60)

    send(broker, topics.tickets, ticket(1, _ALARM))
    decision = decisions_of(await_answers(broker, topics, 2))["new-1"]
    assert decision.cluster is not None
    assert (decision.owner, decision.cluster.id, decision.outcome) == ("iot", said["cluster"], "route")
    assert decision.revision == revision
    assert sluice.run("replay", decision.decision_id).returncode == 0
    explained = sluice.said("explain", "new-1")
    assert (explained["owner"], explained["cluster"]["id"]) == ("iot", said["cluster"])

    first = sluice.said("recluster", "--once")
    name, after = generation_in_force(settings, options)
    assert first["generation"] == name != learned
    (kept,) = [cluster for cluster in after.clusters if cluster.id == said["cluster"]]
    assert (kept.name, kept.owner, kept.named, kept.described) == (_ALARM, "iot", NamedBy.PERSON, True)
    assert all(event["cluster"] != said["cluster"] for event in first["events"])

    texts = [f"{text} {number}" for number in range(8) for text in _TEXTS]
    assert eventually(lambda: 'generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1])
    send(broker, topics.tickets, *(ticket(100 + number, text) for number, text in enumerate(texts)))
    decided = decisions_of(await_answers(broker, topics, 2 + len(texts)))
    taken = [one for name, one in decided.items() if name >= "new-100" and one.owner == "iot"]
    assert len(taken) >= 0.8 * len(texts), json.dumps({n: d.explanation for n, d in decided.items()})

    second = sluice.said("recluster", "--once", "--force")
    _, grown = generation_in_force(settings, options)
    (own,) = [cluster for cluster in grown.clusters if cluster.id == said["cluster"]]
    assert second["refusal"] is None or second["generation"]
    assert (own.owner, own.named, own.described) == ("iot", NamedBy.PERSON, False)
    assert own.size >= 5
