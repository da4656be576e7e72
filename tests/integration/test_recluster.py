"""Reclustering on a real broker: the state becomes the next generation, workers take it, and nobody is passed over."""

import threading
from contextlib import suppress

import pytest

from agents.topics import TopicNames
from app.recluster import Reclustered, generation_in_force, publish_next, recluster
from app.scratch import Told
from app.settings import Settings, kafka_options
from models.errors import Fatal, Transient
from models.routing.encode import Encoder
from tests.eventually import eventually
from tests.fakes.history import FRESH, NOW_MS
from tests.integration.conftest import StartWorker, learn
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_shadow import Sluice
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

_TOLD = Told(step=lambda _: None, progress=lambda *_: None)


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


def test_the_state_becomes_the_next_generation_and_a_running_worker_takes_it(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    learned: str,
    sluice: Sluice,
    start_worker: StartWorker,
) -> None:
    kafka = kafka_options(settings, broker)
    before = generation_in_force(settings, kafka)[1]
    worker = start_worker().await_ready()
    send(broker, topics.tickets, *(ticket(number, text) for number, (_, text) in enumerate(FRESH)))
    await_answers(broker, topics, len(FRESH))

    dry = sluice.said("recluster", "--once", "--dry-run")
    assert dry["generation"] is None
    assert generation_in_force(settings, kafka)[0] == learned

    said = sluice.said("recluster", "--once")
    name, after = generation_in_force(settings, kafka)
    assert said["generation"] == name != learned
    assert (said["last"], said["refusal"], said["moved"]) == (learned, None, 0.0)
    assert said["used"] == said["tickets"] > len(FRESH)
    assert {(e["change"], e["cluster"]) for e in said["events"]} == {
        (e.change, e.cluster) for e in after.lineage
    }
    ids = {cluster.id: cluster for cluster in before.clusters}
    kept = [cluster for cluster in after.clusters if cluster.id in ids]
    assert len(kept) == said["kept"] > 0
    assert all((c.name, c.owner) == (ids[c.id].name, ids[c.id].owner) for c in kept)
    assert {cluster.owner for cluster in after.clusters} == {cluster.owner for cluster in before.clusters}

    assert eventually(lambda: 'generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1])
    send(broker, topics.tickets, *(ticket(100 + number, text) for number, (_, text) in enumerate(FRESH)))
    decided = decisions_of(await_answers(broker, topics, 2 * len(FRESH)))
    second = [decided[f"new-{100 + number}"] for number in range(len(FRESH))]
    assert {one.generation_id for one in second} == {name}
    right = [
        (one.owner or one.alternatives[0].owner) == team for one, (team, _) in zip(second, FRESH, strict=True)
    ]
    assert sum(right) >= 0.8 * len(right)


def test_it_is_the_same_again_and_its_clusters_are_told(
    settings: Settings, learned: str, sluice: Sluice
) -> None:
    first, second = sluice.said("recluster", "--once"), sluice.said("recluster", "--once")
    assert second["last"] == first["generation"]
    assert second["kept"] == second["clusters"] == first["clusters"]
    assert second["events"] == []
    listed = sluice.said("clusters", "list")
    assert listed["generation"] == second["generation"]
    assert len(listed["clusters"]) == second["clusters"]
    gone = next((event["cluster"] for event in first["events"] if event["change"] == "merged"), None)
    if gone is not None:
        told = sluice.said("clusters", "lineage", gone)
        assert told["in_force"] is False
        assert told["events"][0]["cluster"] == gone
    kept = listed["clusters"][0]["id"]
    assert sluice.said("clusters", "lineage", kept)["in_force"] is True
    unknown = sluice.run("clusters", "lineage", "c-none")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no cluster c-none" in unknown.stderr


def test_of_two_at_once_only_one_is_put_in_force(
    settings: Settings, encoder: Encoder, learned: str, broker: str
) -> None:
    kafka = kafka_options(settings, broker)
    one, two = recluster(settings, kafka, _TOLD), recluster(settings, kafka, _TOLD)
    ended: list[str] = []

    def publish(found: Reclustered) -> None:
        with suppress(Fatal, Transient):
            ended.append(publish_next(found, settings, kafka))

    threads = [threading.Thread(target=publish, args=(found,)) for found in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [generation_in_force(settings, kafka)[0]]


def test_one_that_another_generation_overtook_is_not_published(
    settings: Settings, encoder: Encoder, learned: str, broker: str
) -> None:
    kafka = kafka_options(settings, broker)
    found = recluster(settings, kafka, _TOLD)
    newer = learn(settings, encoder, NOW_MS + 5)
    with pytest.raises(Fatal, match=f"{newer} was put in force while {learned} was reclustered"):
        publish_next(found, settings, kafka)
    assert generation_in_force(settings, kafka)[0] == newer


def test_the_worker_that_leads_does_it_by_itself_once_it_is_time(
    broker: str, settings: Settings, learned: str, start_worker: StartWorker
) -> None:
    kafka = kafka_options(settings, broker)
    worker = start_worker(recluster_every_h=1).await_ready()
    assert eventually(lambda: generation_in_force(settings, kafka)[0] != learned, 90)
    assert eventually(lambda: 'generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1])
    assert worker.stop() == 0
