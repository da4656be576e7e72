"""Reclustering on a real broker: the state becomes the next generation, workers take it, and nobody is passed over."""

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from agents.generations import generation_records
from agents.topics import TopicNames
from app.recluster import Reclustered, generation_in_force, publish_next, recluster
from app.scratch import Told
from app.settings import Settings, kafka_options
from models.errors import Fatal, Transient
from models.generation import NamedBy
from models.routing.encode import Encoder
from schemas.codec import encode
from schemas.contract import time_of
from schemas.feedback import Correction, CorrectionKind
from tests import kafka
from tests.eventually import eventually
from tests.fakes.history import FRESH, NOW_MS
from tests.integration.conftest import StartWorker, learn
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_aborted_transactions import state_of, write
from tests.integration.test_shadow import Sluice
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

_TOLD = Told(step=lambda _: None, progress=lambda *_: None)


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


@pytest.fixture
def changed(broker: str, topics: TopicNames, learned: str, encoder: Encoder) -> str:
    """The generation of before a ticket came that it does not know."""
    write(broker, [state_of(topics, encoder, "new-1")], Producer.commit_transaction)
    return learned


def test_the_state_becomes_the_next_generation_and_a_running_worker_takes_it(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    learned: str,
    sluice: Sluice,
    start_worker: StartWorker,
) -> None:
    options = kafka_options(settings, broker)
    before = generation_in_force(settings, options)[1]
    worker = start_worker().await_ready()
    send(broker, topics.tickets, *(ticket(number, text) for number, (_, text) in enumerate(FRESH)))
    await_answers(broker, topics, len(FRESH))

    dry = sluice.said("recluster", "--once", "--dry-run")
    assert dry["generation"] is None
    assert generation_in_force(settings, options)[0] == learned

    said = sluice.said("recluster", "--once")
    name, after = generation_in_force(settings, options)
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
    settings: Settings, changed: str, sluice: Sluice
) -> None:
    first, second = sluice.said("recluster", "--once"), sluice.said("recluster", "--once")
    assert (first["unchanged"], first["refusal"]) == (False, None)
    assert second["last"] == first["generation"]
    assert second["kept"] == second["clusters"] == first["clusters"]
    assert second["events"] == []
    assert (second["generation"], second["unchanged"], second["refusal"]) == (None, True, None)
    listed = sluice.said("clusters", "list")
    assert listed["generation"] == first["generation"]
    assert len(listed["clusters"]) == second["clusters"]
    kept = listed["clusters"][0]["id"]
    assert sluice.said("clusters", "lineage", kept)["in_force"] is True
    unknown = sluice.run("clusters", "lineage", "c-none")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no cluster c-none" in unknown.stderr


def test_what_people_merged_is_one_and_its_lineage_is_told(
    broker: str, topics: TopicNames, learned: str, sluice: Sluice
) -> None:
    before = sluice.said("clusters", "list")["clusters"]
    gone, into = before[0]["id"], before[1]["id"]
    act = Correction(
        feedback_id="f-1",
        kind=CorrectionKind.MERGED,
        cluster_id=gone,
        into_cluster_id=into,
        at=time_of(NOW_MS),
    )
    kafka.produce(broker, topics.corrections, [(b"f-1", encode(act))])
    said = sluice.said("recluster", "--once", "--force")
    assert said["generation"] is not None
    told = sluice.said("clusters", "lineage", gone)
    assert told["in_force"] is False
    assert [(e["change"], e["cluster"], e["other"]) for e in told["events"]] == [("merged", gone, into)]
    assert sluice.said("clusters", "lineage", into)["in_force"] is True


def test_a_worker_that_starts_while_one_is_published_uses_the_last_complete_one(
    broker: str, topics: TopicNames, settings: Settings, learned: str, start_worker: StartWorker
) -> None:
    last = generation_in_force(settings, kafka_options(settings, broker))[1]
    name, records = generation_records(replace(last, created_at_ms=last.created_at_ms + 1))
    writer = kafka.producer(broker, transactional_id=f"{topics.prefix}writer", transaction_timeout_ms=300_000)
    writer.init_transactions(30)
    writer.begin_transaction()
    for key, value in records:
        writer.produce(topics.generations, key=key, value=value)
    assert writer.flush(30) == 0  # the broker holds it whole; nobody may see it yet

    worker = start_worker().await_ready()
    texts = [text for _, text in FRESH]
    send(broker, topics.tickets, *(ticket(number, text) for number, text in enumerate(texts)))
    first = decisions_of(await_answers(broker, topics, len(texts)))
    assert {decision.generation_id for decision in first.values()} == {learned}

    for number in range(200):  # in work while it comes into force
        send(broker, topics.tickets, ticket(1_000 + number, texts[number % len(texts)]))
        if number == 50:
            writer.commit_transaction(30)
    assert eventually(lambda: 'generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1])
    send(broker, topics.tickets, ticket(2_000, texts[0]))
    decided = decisions_of(await_answers(broker, topics, len(texts) + 201))
    assert decided["new-2000"].generation_id == name
    of_batch: dict[datetime, set[str]] = {}  # all decisions of a batch were made at one time
    for decision in decided.values():
        of_batch.setdefault(decision.decided_at, set()).add(decision.generation_id)
    assert [len(names) for names in of_batch.values()] == [1] * len(of_batch)
    in_order = [name for at in sorted(of_batch) for name in of_batch[at]]
    assert in_order == sorted(in_order, key=[learned, name].index)  # one change, and none back


def test_of_two_at_once_only_one_is_put_in_force(
    settings: Settings, encoder: Encoder, learned: str, broker: str
) -> None:
    options = kafka_options(settings, broker)
    one, two = recluster(settings, options, _TOLD), recluster(settings, options, _TOLD)
    ended: list[str] = []

    def publish(found: Reclustered) -> None:
        with suppress(Fatal, Transient):
            ended.append(publish_next(found, settings, options))

    threads = [threading.Thread(target=publish, args=(found,)) for found in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [generation_in_force(settings, options)[0]]


def test_one_that_another_generation_overtook_is_not_published(
    settings: Settings, encoder: Encoder, learned: str, broker: str
) -> None:
    options = kafka_options(settings, broker)
    found = recluster(settings, options, _TOLD)
    newer = learn(settings, encoder, NOW_MS + 5)
    with pytest.raises(Fatal, match=f"{newer} was put in force while {learned} was reclustered"):
        publish_next(found, settings, options)
    assert generation_in_force(settings, options)[0] == newer


def test_the_worker_that_leads_does_it_by_itself_once_it_is_time(
    broker: str, settings: Settings, changed: str, start_worker: StartWorker
) -> None:
    options = kafka_options(settings, broker)
    worker = start_worker(recluster_every_h=1).await_ready()
    assert eventually(lambda: generation_in_force(settings, options)[0] != changed, 90)
    assert eventually(lambda: 'generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1])
    assert worker.stop() == 0


def test_articles_name_clusters_until_they_are_gone(
    broker: str, settings: Settings, learned: str, sluice: Sluice, tmp_path: Path
) -> None:
    """The titles are those of a file; one that is about no ticket names none."""
    kafka = kafka_options(settings, broker)
    articles = tmp_path / "articles.csv"
    lock = "fingerprint reader on the smart door lock does not recognise a finger and the lock is offline"
    articles.write_text(
        f"article_id,title,text\nKB-1,Lock does not open,{lock}\nKB-2,Parental leave,How to take a month off\n"
    )
    dry = sluice.said("recluster", "--once", "--dry-run", "--knowledge", str(articles))
    assert dry["articles"] == 2
    assert sluice.said("knowledge", "import", str(articles)) == {"articles": 2, "bad_rows": 0}
    said = sluice.said("recluster", "--once")
    named = {c.id: c for c in generation_in_force(settings, kafka)[1].clusters if c.named is NamedBy.ARTICLE}
    assert said["named_by"]["article"] == len(named) == 1
    (cluster,) = named.values()
    assert (cluster.kb_article_id, cluster.owner) == ("KB-1", "locks")
    assert cluster.name == "Lock does not open"

    sluice.said("knowledge", "remove", "KB-1", "KB-2")
    assert sluice.said("recluster", "--once")["named_by"]["article"] == 0
    again = next(c for c in generation_in_force(settings, kafka)[1].clusters if c.id == cluster.id)
    assert (again.named, again.kb_article_id) == (NamedBy.TERMS, None)
    assert again.name != cluster.name
    assert again.name
