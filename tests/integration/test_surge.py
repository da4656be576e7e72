"""Surges through a real broker: counts go in, one life of one surge comes out, whatever is killed meanwhile; and a real
Alertmanager pages for it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewPartitions

from agents.admin import create, delete
from agents.exits import Exit
from agents.generations import Assembler
from agents.topics import TopicNames, topic_specs
from app.child import WorkerProcess
from app.settings import Settings
from models.generation import Generation
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.surge import Count, Surge, SurgeCluster, SurgeDay, SurgeNotice, SurgeStatus, Window
from tests import kafka
from tests.eventually import eventually
from tests.integration.alertmanager import MISSING, PROGRAM, RealAlertmanager, real_alertmanager
from tests.integration.conftest import StartWorker
from tests.integration.fast_worker import FastClock

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000
SPEED, BEHIND_S = 240.0, 40 * 3_600.0
PATIENCE_S = 120.0

Start = Callable[..., WorkerProcess]


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[RealAlertmanager]:
    if PROGRAM is None:
        pytest.skip(MISSING)
    with real_alertmanager(tmp_path / "alertmanager") as made:
        yield made


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts workers whose surge path goes by a clock, of one instance name if nothing else is said; all are gone after
    the test."""
    with ExitStack() as stack:

        def begin(clock: FastClock, **more: str) -> WorkerProcess:
            variables = {
                "SLUICE_BOOTSTRAP": str(settings.bootstrap),
                "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
                "SLUICE_DATA_DIR": str(settings.data_dir),
                "SLUICE_INSTANCE": "one",
                "SLUICE_SESSION_TIMEOUT_S": "6",
                **{f"SLUICE_{name.upper()}": value for name, value in more.items()},
            }
            module = ("tests.integration.fast_worker", *clock.arguments)
            return stack.enter_context(WorkerProcess(variables, tmp_path / "worker.log", module))

        yield begin


def generation_of(broker: str, topics: TopicNames) -> Generation:
    assembler, made = Assembler(), None
    for record in kafka.read_all(broker, topics.generations):
        made = assembler.feed(record.key(), record.value()) or made
    assert made is not None
    return made[1]


class Replay:
    """Counts as a router writes them: two weeks before now at once, and from then on as the clock goes, each written at
    its own time. One cluster surges while it is told to."""

    def __init__(self, broker: str, topic: str, clusters: list[str], clock: FastClock) -> None:
        self._producer, self._topic, self._clock = kafka.producer(broker), topic, clock
        self._clusters, self._surging = clusters, threading.Event()
        self._stopping, self._done_ms = threading.Event(), clock()
        self.counted = Counter[str]()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._write(self._done_ms - 14 * 24 * HOUR_MS, self._done_ms)
        self._producer.flush(30)
        self._thread.start()

    def surge(self) -> None:
        self._surging.set()

    def calm(self) -> None:
        self._surging.clear()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(30)
        assert self._producer.flush(30) == 0

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            now_ms = self._clock()
            self._write(self._done_ms, now_ms)
            self._done_ms = now_ms
            self._producer.flush(10)

    def _write(self, begin_ms: int, end_ms: int) -> None:
        """Of every cluster a ticket every two hours, at its own minute; of the last one a ticket a minute while it
        surges."""
        due = [
            (at_ms, cluster)
            for number, cluster in enumerate(self._clusters)
            for at_ms in _every(2 * HOUR_MS, number * 7 * 60_000, begin_ms, end_ms)
        ]
        if self._surging.is_set():
            due += [(at_ms, self._clusters[-1]) for at_ms in _every(60_000, 0, begin_ms, end_ms)]
        for at_ms, cluster in sorted(due):
            self.counted[cluster] += 1
            number = sum(self.counted.values())
            count = Count(
                ticket_id=f"t-{number}",
                cluster_id=cluster,
                generation_id="g-1",
                customer_id=f"customer-{number % 50}",
                product=None,
                occurred_at=time_of(at_ms),
            )
            self._producer.produce(self._topic, encode(count), cluster.encode(), timestamp=at_ms)
            self._producer.poll(0)


def _every(step_ms: int, offset_ms: int, begin_ms: int, end_ms: int) -> range:
    """The times of a series in (begin, end]."""
    first = begin_ms + 1 + (offset_ms - begin_ms - 1) % step_ms
    return range(first, end_ms + 1, step_ms)


def surges_of(broker: str, topics: TopicNames) -> list[Surge]:
    """What was told of growing surges, in the order of its time: a surge stands in one partition."""
    found = [decode(Surge, record.value()) for record in kafka.read_all(broker, topics.surges)]
    return sorted(found, key=lambda surge: surge.updated_at)


def counted(broker: str, topics: TopicNames) -> Counter[str]:
    """Tickets by cluster, as the state says."""
    last: dict[bytes, bytes | None] = {}
    for record in kafka.read_all(broker, topics.surge_state):
        last[record.key() or b""] = record.value()
    days = [decode(SurgeDay, value) for key, value in last.items() if b"/" in key and value is not None]
    found = Counter[str]()
    for day in days:
        found[day.cluster_id] += sum(day.buckets.values())
    return found


def lose_state(broker: str, topics: TopicNames) -> None:
    """As the runbook says: `tickets.surge-state` is deleted and made again."""
    client = kafka.admin(broker)
    specs = [spec for spec in topic_specs(topics, 1, 1) if spec.name == topics.surge_state]
    delete(client, specs)
    create(client, specs)


def test_a_planted_surge_has_one_life_though_the_worker_is_killed_three_times_and_its_state_is_lost(
    broker: str, topics: TopicNames, learned: str, start: Start, tmp_path: Path
) -> None:
    clock = FastClock(time.time(), SPEED, BEHIND_S)
    clusters = [cluster.id for cluster in generation_of(broker, topics).clusters][:3]
    replay = Replay(broker, topics.counts, clusters, clock)

    def told() -> list[SurgeNotice | None]:
        return [surge.notice for surge in surges_of(broker, topics)]

    with ExitStack() as stack:
        beside: dict[str, str] = {}
        alertmanager = None
        if PROGRAM is not None:
            alertmanager = stack.enter_context(real_alertmanager(tmp_path / "alertmanager"))
            alertmanager.start()
            beside = {"alertmanager_url": alertmanager.url}
        replay.start()
        worker = start(clock, **beside).await_ready()
        assert eventually(lambda: sum(counted(broker, topics).values()) > 100, PATIENCE_S)
        worker.kill()

        worker = start(clock, **beside).await_ready()
        replay.surge()
        assert eventually(lambda: SurgeNotice.FIRING in told(), PATIENCE_S)
        worker.kill()
        lose_state(broker, topics)

        worker = start(
            clock, instance="two", **beside
        ).await_ready()  # who has to wait for the dead one's session
        assert eventually(lambda: SurgeNotice.GREW in told(), PATIENCE_S)
        if alertmanager is not None:
            assert eventually(lambda: len(alertmanager.firing()) == 1)
        replay.calm()
        worker.kill()

        worker = start(clock, **beside).await_ready()
        assert eventually(lambda: SurgeNotice.RESOLVED in told(), PATIENCE_S)
        replay.stop()
        assert eventually(lambda: counted(broker, topics) == replay.counted, PATIENCE_S)
        if alertmanager is not None:
            surge_id = surges_of(broker, topics)[0].surge_id
            assert eventually(lambda: (surge_id, "resolved") in alertmanager.pager.notified)
            assert alertmanager.firing() == []
            assert list(dict.fromkeys(alertmanager.pager.notified)) == [
                (surge_id, "firing"),
                (surge_id, "resolved"),
            ]
        assert worker.stop() == Exit.OK

    found = surges_of(broker, topics)
    assert {surge.surge_id for surge in found} == {found[0].surge_id}
    assert {surge.cluster.id for surge in found} == {clusters[-1]}
    notices = [surge.notice for surge in found]
    assert notices == [SurgeNotice.FIRING, *[SurgeNotice.GREW] * (len(found) - 2), SurgeNotice.RESOLVED]
    assert [surge.status for surge in found[:-1]] == [SurgeStatus.FIRING] * (len(found) - 1)
    assert (found[-1].status, found[-1].started_at) == (SurgeStatus.RESOLVED, found[0].started_at)
    assert counted(broker, topics) == replay.counted
    assert kafka.read_all(broker, topics.dead) == []


def record_of(status: SurgeStatus, at_ms: int) -> Surge:
    resolved = status is SurgeStatus.RESOLVED
    fields: dict[str, Any] = {
        "surge_id": "s-1",
        "status": status,
        "cluster": SurgeCluster(id="c-1", name="camera crash"),
        "owner": "mobile",
        "started_at": time_of(at_ms - HOUR_MS),
        "updated_at": time_of(at_ms),
        "resolved_at": time_of(at_ms) if resolved else None,
        "observed": 42,
        "expected": 6.5,
        "ratio": 6.46,
        "q_value": 1e-7,
        "window": Window(start=time_of(at_ms - HOUR_MS), end=time_of(at_ms)),
        "customers_affected": 17,
        "descriptions": ["it closes at once"],
        "generation_id": "g-1",
    }
    return Surge.model_validate(fields)


def test_alertmanager_is_told_what_it_missed_and_pages_once(
    broker: str, topics: TopicNames, learned: str, start: Start, alertmanager: RealAlertmanager
) -> None:
    clock = FastClock(time.time(), 1.0, 0.0)
    worker = start(clock, alertmanager_url=alertmanager.url).await_ready()
    now_ms = time.time_ns() // 1_000_000
    firing = record_of(SurgeStatus.FIRING, now_ms)
    kafka.produce(broker, topics.surges, [(b"s-1", encode(firing))])
    assert eventually(
        lambda: 'alertmanager_alerts_total{result="failed"} 0.0' not in worker.page("/metrics")[1]
    )
    worker.kill()
    alertmanager.start()
    worker = start(clock, alertmanager_url=alertmanager.url).await_ready()
    assert eventually(lambda: len(alertmanager.firing()) == 1, PATIENCE_S)
    (alert,) = alertmanager.firing()
    assert alert["labels"] == {
        "alertname": "SluiceSurge",
        "surge_id": "s-1",
        "cluster": "c-1",
        "owner": "mobile",
        "severity": "critical",
        "kind": "growing",
    }
    assert alert["status"]["state"] == "active"
    assert eventually(lambda: ("s-1", "firing") in alertmanager.pager.notified)
    resolved = record_of(SurgeStatus.RESOLVED, time.time_ns() // 1_000_000)
    kafka.produce(broker, topics.surges, [(b"s-1", encode(resolved))])
    assert eventually(lambda: alertmanager.firing() == [], PATIENCE_S)
    assert eventually(lambda: ("s-1", "resolved") in alertmanager.pager.notified)
    assert alertmanager.pager.notified == [("s-1", "firing"), ("s-1", "resolved")]
    assert worker.stop() == Exit.OK


def test_several_partitions_of_counts_end_a_worker_with_one_clear_line(
    broker: str, topics: TopicNames, start_worker: StartWorker, tmp_path: Path
) -> None:
    client = kafka.admin(broker)
    client.create_partitions([NewPartitions(topics.counts, 2)])[topics.counts].result(30)
    worker = start_worker()
    assert eventually(lambda: worker.exit_code is not None)
    assert worker.exit_code == Exit.USAGE
    assert f"{topics.counts} has 2 partitions and must have 1" in (tmp_path / "worker.log").read_text()
