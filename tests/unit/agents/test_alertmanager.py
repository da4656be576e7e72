"""The bridge to Alertmanager: what an alert says, when it is sent, and what is committed; against a real HTTP server
that fails, hangs and refuses."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import structlog
from aiohttp import web
from confluent_kafka import KafkaError, TopicPartition
from prometheus_client import CollectorRegistry

from agents.alertmanager import Alertmanager, Answer, Bridge, BridgePolicy
from agents.alerts import Alert, AlertPolicy, alert_of, annotations_of, labels_of
from agents.metrics import declare
from schemas.codec import encode
from schemas.contract import time_of, write_time
from schemas.surge import Surge, SurgeCluster, SurgeKind, SurgeStatus, Window
from tests.fakes.kafka import FakeConsumer, FakeKafka, FakeRecord

TOPIC, GROUP = "tickets.surges", "sluice-alertmanager"
NOW_MS = 1_790_000_000_000
POLICY = BridgePolicy(
    alerts=AlertPolicy(resend_s=60.0, hold_s=300.0, resolved_s=120.0), backoff_s=1.0, most_backoff_s=8.0
)


def surge(surge_id: str = "s-1", status: SurgeStatus = SurgeStatus.FIRING, **more: Any) -> Surge:
    resolved = status is SurgeStatus.RESOLVED
    fields: dict[str, Any] = {
        "surge_id": surge_id,
        "status": status,
        "cluster": SurgeCluster(id="c-1", name="camera crash"),
        "owner": "mobile",
        "started_at": time_of(NOW_MS - 3_600_000),
        "updated_at": time_of(NOW_MS),
        "resolved_at": time_of(NOW_MS - 1000) if resolved else None,
        "observed": 42,
        "expected": 6.5,
        "ratio": 6.46,
        "q_value": 1e-7,
        "window": Window(start=time_of(NOW_MS - 7_200_000), end=time_of(NOW_MS)),
        "customers_affected": 17,
        "descriptions": ["it closes at once"],
        "generation_id": "g-1",
        "runbook": "https://runbooks.example.com/c-1",
    }
    return Surge.model_validate(fields | more)


# -- what an alert says


def test_an_alert_has_the_usual_labels_and_annotations() -> None:
    made = alert_of(surge(), labels_of(surge()), NOW_MS, POLICY.alerts)
    assert made["labels"] == {
        "alertname": "SluiceSurge",
        "surge_id": "s-1",
        "cluster": "c-1",
        "owner": "mobile",
        "severity": "critical",
        "kind": "growing",
    }
    assert (made["startsAt"], made["endsAt"]) == (
        write_time(time_of(NOW_MS - 3_600_000)),
        write_time(time_of(NOW_MS + 300_000)),
    )
    assert "generatorURL" not in made
    notes = annotations_of(surge())
    assert notes["summary"] == "camera crash: 42 tickets in 2 hours where 6.5 are usual"
    began = "Since 2026-09-21 13:13 UTC, of 17 customers. So many by chance: less than 1 in 1,000,000."
    assert notes["description"].splitlines()[0] == began
    assert notes["runbook_url"] == "https://runbooks.example.com/c-1"
    assert "it closes at once" in notes["description"]
    assert "acknowledged_until" not in notes


def test_what_changes_while_it_goes_on_is_no_label() -> None:
    first = surge(first_cluster="c-1", first_owner="mobile")
    elsewhere = SurgeCluster(id="c-9", name="app ends")
    later = surge(cluster=elsewhere, owner=None, first_cluster="c-1", first_owner="mobile")
    assert labels_of(later) == labels_of(first)
    notes = annotations_of(later)
    assert (notes["cluster_now"], notes["cluster_name"], notes["owner_now"]) == ("c-9", "app ends", "none")
    nobodys = surge(owner="mobile", first_cluster="c-1", first_owner=None)
    assert labels_of(nobodys)["owner"] == "none"


def test_an_emerging_problem_warns_and_one_without_an_owner_says_so() -> None:
    labels = labels_of(surge(kind=SurgeKind.EMERGING, owner=None))
    assert (labels["alertname"], labels["severity"], labels["owner"]) == (
        "SluiceEmergingProblem",
        "warning",
        "none",
    )


@pytest.mark.parametrize(
    ("ended_ms", "says_ms"),
    [(NOW_MS - 1000, NOW_MS - 1000), (NOW_MS - 7_200_000, NOW_MS - 3_600_000 + 1)],
    ids=["when it ended", "never before it began"],
)
def test_a_resolved_one_says_when_it_ended(ended_ms: int, says_ms: int) -> None:
    ended = surge(status=SurgeStatus.RESOLVED, resolved_at=time_of(ended_ms))
    assert alert_of(ended, labels_of(ended), NOW_MS, POLICY.alerts)["endsAt"] == write_time(time_of(says_ms))


# -- when it is sent, and what is committed


class Member(FakeConsumer):
    """The bridge's consumer on a FakeKafka."""

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self._state.offsets.update({(place.topic, place.partition): place.offset for place in offsets})


@dataclass
class Rig:
    """A bridge between a FakeKafka of two partitions and an Alertmanager that answers as it is told."""

    kafka: FakeKafka
    member: str = "a"
    now: float = 100.0
    answers: list[Answer] = field(default_factory=list)
    poison: str | None = None
    sent: list[list[Alert]] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.consumer = Member(self.kafka, GROUP, self.member)
        self.consumer.tells_ends = True
        self.metrics = declare(self.registry)
        self.bridge = Bridge(
            lambda: self.consumer,
            lambda: None,
            TOPIC,
            self.metrics,
            POLICY,
            lambda: NOW_MS + round(self.now * 1000),
            lambda: self.now,
        )
        self.kafka.rebalance(GROUP, {self.member: [(TOPIC, 0), (TOPIC, 1)]})
        self.bridge.join(self.consumer)

    def post(self, alerts: Sequence[Alert]) -> Answer:
        self.sent.append(list(alerts))
        if any(self.poison in str(alert["labels"]) for alert in alerts if self.poison):
            return Answer.REFUSED
        return self.answers.pop(0) if self.answers else Answer.DELIVERED

    def turn(self, turns: int = 3) -> None:
        for _ in range(turns):
            self.bridge.turn(self.consumer, self.post)

    def said(self) -> list[tuple[str, bool]]:
        """(surge, whether it fires) of every alert that was sent, in order."""
        now = write_time(time_of(NOW_MS))
        found = [alert for alerts in self.sent for alert in alerts]
        return [(_labels(alert)["surge_id"], str(alert["endsAt"]) > now) for alert in found]

    def told(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"sluice_{name}", labels) or 0.0


def _labels(alert: Alert) -> dict[str, str]:
    labels = alert["labels"]
    assert isinstance(labels, dict)
    return labels


@pytest.fixture
def kafka() -> FakeKafka:
    kafka = FakeKafka()
    kafka.make(TOPIC, 2)
    return kafka


def write(kafka: FakeKafka, value: Surge, partition: int = 0) -> None:
    kafka.append(TOPIC, partition, value.surge_id.encode(), encode(value))


def committed(kafka: FakeKafka) -> dict[int, int]:
    return {number: offset for (_, number), offset in kafka.groups[GROUP].offsets.items()}


def test_firing_and_resolved_are_the_same_alert(kafka: FakeKafka) -> None:
    rig = Rig(kafka)
    write(kafka, surge())
    rig.turn()
    write(kafka, surge(status=SurgeStatus.RESOLVED, owner="another"))
    rig.turn()
    assert rig.said() == [("s-1", True), ("s-1", False)]
    first, second = (alerts[0] for alerts in rig.sent)
    assert first["labels"] == second["labels"]
    assert committed(kafka) == {0: 2}


def test_whoever_knows_the_last_record_alone_tells_the_end_of_the_same_alert(kafka: FakeKafka) -> None:
    """As after compaction, when the cluster was merged and has another owner since."""
    first = Rig(kafka)
    write(kafka, surge(first_cluster="c-1", first_owner="mobile"))
    first.turn()
    kafka.logs[TOPIC, 0][0] = replace(kafka.logs[TOPIC, 0][0], value=b"{}")
    now: dict[str, Any] = {"cluster": SurgeCluster(id="c-9", name="app ends"), "owner": "another"}
    write(kafka, surge(**now, first_cluster="c-1", first_owner="mobile"))
    second = Rig(kafka, member="b")
    second.turn()
    write(kafka, surge(status=SurgeStatus.RESOLVED, **now, first_cluster="c-1", first_owner="mobile"))
    second.turn()
    assert second.said() == [("s-1", True), ("s-1", False)]
    assert {tuple(_labels(alerts[0]).items()) for alerts in (*first.sent, *second.sent)} == {
        tuple(_labels(first.sent[0][0]).items())
    }


def test_a_firing_one_is_sent_again_in_time_and_a_resolved_one_for_a_while(kafka: FakeKafka) -> None:
    rig = Rig(kafka)
    write(kafka, surge())
    rig.turn()
    for _ in range(3):
        rig.now += 60
        rig.turn()
    assert rig.said() == [("s-1", True)] * 4
    write(kafka, surge(status=SurgeStatus.RESOLVED))
    rig.turn()
    for _ in range(5):
        rig.now += 60
        rig.turn()
    assert rig.said()[4:] == [("s-1", False)] * 3


def test_nothing_is_committed_before_it_is_taken_and_it_is_tried_for_ever(kafka: FakeKafka) -> None:
    rig = Rig(kafka, answers=[Answer.FAILED] * 20)
    write(kafka, surge())
    rig.turn()
    waits = []
    for _ in range(2000):
        before = len(rig.sent)
        rig.now += 0.5
        rig.turn(1)
        if len(rig.sent) > before:
            waits.append(rig.now)
        assert committed(kafka) == {} or not rig.answers
    assert len(rig.answers) == 0
    assert committed(kafka) == {0: 1}
    gaps = [later - sooner for sooner, later in pairwise(waits)][:19]
    assert gaps[:3] == [2.0, 4.0, 8.0]
    assert set(gaps[3:]) == {8.0}


def test_how_old_the_oldest_is_that_was_not_taken(kafka: FakeKafka) -> None:
    rig = Rig(kafka, answers=[Answer.FAILED])
    kafka.clock_ms = NOW_MS
    write(kafka, surge())
    rig.turn()
    rig.now = 130.0
    assert rig.told("alertmanager_oldest_seconds") == 130.0
    rig.turn()
    assert rig.told("alertmanager_oldest_seconds") == 0.0
    assert rig.told("alertmanager_alerts_total", result="failed") == 1
    assert rig.told("alertmanager_alerts_total", result="delivered") == 1


def test_who_gains_a_partition_sends_what_fires_again_and_what_was_not_taken(kafka: FakeKafka) -> None:
    first = Rig(kafka)
    write(kafka, surge("s-over"))
    write(kafka, surge("s-over", SurgeStatus.RESOLVED))
    write(kafka, surge("s-fires"), 1)
    first.turn()
    assert committed(kafka) == {0: 2, 1: 1}
    first.answers = [Answer.FAILED] * 100
    write(kafka, surge("s-missed"))
    write(kafka, surge("s-missed", SurgeStatus.RESOLVED))
    first.turn()
    assert committed(kafka) == {0: 2, 1: 1}
    second = Rig(kafka, member="b")
    second.turn()
    assert sorted(second.said()) == [("s-fires", True), ("s-missed", False)]
    assert committed(kafka) == {0: 4, 1: 1}


def test_a_partition_that_was_lost_is_told_of_no_more(kafka: FakeKafka) -> None:
    rig = Rig(kafka)
    write(kafka, surge())
    write(kafka, surge("s-2"), 1)
    rig.turn()
    kafka.rebalance(GROUP, {"a": [(TOPIC, 1)], "b": [(TOPIC, 0)]})
    rig.turn()
    rig.sent.clear()
    rig.now += 60
    rig.turn()
    assert rig.said() == [("s-2", True)]


def test_one_that_is_refused_holds_up_no_other(kafka: FakeKafka) -> None:
    rig = Rig(kafka, poison="s-bad")
    for name in ("s-1", "s-bad", "s-2"):
        write(kafka, surge(name))
    rig.turn()
    assert committed(kafka) == {0: 3}
    assert rig.told("alertmanager_alerts_total", result="refused") == 1
    assert rig.told("alertmanager_alerts_total", result="delivered") == 2


@pytest.mark.parametrize("value", [b"no surge", None], ids=["unreadable", "its end"])
def test_a_record_that_is_no_surge_is_passed_over(kafka: FakeKafka, value: bytes | None) -> None:
    rig = Rig(kafka)
    write(kafka, surge())
    kafka.append(TOPIC, 0, b"s-2", value)
    write(kafka, surge("s-3"))
    rig.turn()
    assert [name for name, _ in rig.said()] == ["s-1", "s-3"]
    assert committed(kafka) == {0: 3}


def test_at_a_record_of_another_version_it_leaves_the_group_and_says_so_once(kafka: FakeKafka) -> None:
    """Who can read it goes on there. No ticket waits for that, so the worker does not end."""
    rig = Rig(kafka)
    write(kafka, surge())
    rig.turn()
    kafka.clock_ms = NOW_MS
    kafka.append(TOPIC, 0, b"s-2", encode(surge("s-2")).replace(b'"schema_version":1', b'"schema_version":2'))
    write(kafka, surge("s-3"))
    left = threading.Event()

    class Leaving(Member):
        def close(self) -> None:
            left.set()

    def build() -> Member:
        kafka.rebalance(GROUP, {"a": [(TOPIC, 0), (TOPIC, 1)]})
        member = Leaving(kafka, GROUP, "a")
        member.tells_ends = True
        return member

    registry = CollectorRegistry()
    quick = replace(POLICY, most_backoff_s=0.01, poll_s=0.0)
    later_ms = NOW_MS + 90_000
    bridge = Bridge(build, lambda: nullcontext(rig.post), TOPIC, declare(registry), quick, lambda: later_ms)
    with structlog.testing.capture_logs() as lines:
        bridge.start()
        assert left.wait(10)
        bridge.stop()
    assert [(one["event"], one["why"]) for one in lines if one["log_level"] == "error"] == [
        ("alertmanager_bridge_ended", "tickets.surges was written by another version of Sluice: run that one")
    ]
    assert committed(kafka) == {0: 1}
    assert registry.get_sample_value("sluice_alertmanager_oldest_seconds") == 90.0


def slow(rig: Rig, request_s: float, poll_s: list[float]) -> None:
    """Let each request take its time, and keep how long the client went without a poll."""
    answered, polled_at = rig.post, [rig.now]

    class Polled(Member):
        def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
            poll_s.append(rig.now - polled_at[0])
            found = super().consume(num_messages, timeout)
            polled_at[0] = rig.now
            return found

    def post(alerts: Sequence[Alert]) -> Answer:
        rig.now += request_s
        return answered(alerts)

    rig.consumer.__class__ = Polled
    rig.post = post  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "poison", [None, "s-0", "s-63"], ids=["all are taken", "the first refused", "the last"]
)
def test_however_slow_it_answers_the_client_is_polled_in_time(kafka: FakeKafka, poison: str | None) -> None:
    """A group that hears nothing for `max.poll.interval.ms`, five minutes or more, gives the partitions away."""
    waited_s = list[float]()
    rig = Rig(kafka, poison=poison and f"'{poison}'")
    slow(rig, POLICY.timeout_s, waited_s)
    for number in range(40 * POLICY.most if poison is None else POLICY.most):
        write(kafka, surge(f"s-{number}"))
    rig.turn(40)
    assert max(waited_s) <= POLICY.turn_s + POLICY.timeout_s <= 150
    assert (rig.told("alertmanager_alerts_total", result="refused") > 0) is (poison is not None)
    assert committed(kafka) == {0: 40 * POLICY.most if poison is None else POLICY.most}


def test_nothing_is_told_before_a_partition_is_read_to_its_end(kafka: FakeKafka) -> None:
    """Else one that fired and is resolved since would fire again."""
    rig = Rig(kafka)
    write(kafka, surge())
    write(kafka, surge(status=SurgeStatus.RESOLVED))
    rig.turn()
    rig = Rig(kafka)
    seen: list[FakeRecord] = []

    class Slow(Member):
        def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
            found = super().consume(1, timeout)
            seen.extend(found)
            return found

    rig.consumer.__class__ = Slow
    rig.turn(6)
    assert len(seen) >= 3
    assert rig.said() == []


# -- over HTTP


@dataclass
class Server:
    """An Alertmanager of a test: answers with `status`, or hangs where that is None."""

    status: int | None = 200
    bodies: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    port: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        self.logins.append(request.headers.get("Authorization"))
        self.bodies.append(json.loads(await request.text()))
        if self.status is None:
            await self.released.wait()
        return web.Response(status=self.status or 200)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a free loopback port, in a thread of its own."""
    held, ready = Server(), threading.Event()
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_post("/{tail:.*}", held.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        held.port = runner.addresses[0][1]
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield held
    loop.call_soon_threadsafe(held.released.set)
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


ALERT = alert_of(surge(), labels_of(surge()), NOW_MS, POLICY.alerts)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Answer.DELIVERED),
        (400, Answer.REFUSED),
        (422, Answer.REFUSED),
        (302, Answer.FAILED),
        (401, Answer.FAILED),
        (404, Answer.FAILED),
        (500, Answer.FAILED),
        (503, Answer.FAILED),
    ],
)
def test_what_an_answer_means(server: Server, status: int, answer: Answer) -> None:
    server.status = status
    with Alertmanager(f"http://127.0.0.1:{server.port}", 5.0) as post:
        assert post([ALERT]) is answer
    assert server.paths == ["/api/v2/alerts"]
    assert server.bodies == [[ALERT]]


def test_one_that_hangs_has_failed_in_time_and_the_next_try_may_come_through(server: Server) -> None:
    server.status = None
    with Alertmanager(f"http://127.0.0.1:{server.port}/prefix/", 0.2) as post:
        assert post([ALERT]) is Answer.FAILED
        server.status = 200
        assert post([ALERT]) is Answer.DELIVERED
    assert server.paths[-1] == "/prefix/api/v2/alerts"


def test_one_that_is_not_there_has_failed(server: Server) -> None:
    free = server.port
    with Alertmanager(f"http://127.0.0.1:{free}", 5.0) as post:
        assert post([ALERT]) is Answer.DELIVERED
    with Alertmanager("http://127.0.0.1:1", 5.0) as post:
        assert post([ALERT]) is Answer.FAILED


@pytest.mark.parametrize("status", [200, 401, None], ids=["taken", "refused", "hanging"])
def test_name_and_password_are_told_the_server_and_nobody_else(server: Server, status: int | None) -> None:
    server.status = status
    url = f"http://sluice:s%40cret@127.0.0.1:{server.port}"
    with structlog.testing.capture_logs() as lines, Alertmanager(url, 0.2) as post:
        post([ALERT])
    login = base64.b64encode(b"sluice:s@cret").decode()
    assert server.logins == [f"Basic {login}"]
    assert "s%40cret" not in str(lines)
    assert "s@cret" not in str(lines)


def test_a_bridge_runs_and_ends_in_a_thread_of_its_own(server: Server, kafka: FakeKafka) -> None:
    server.status = 500
    rig = Rig(kafka)
    write(kafka, surge())
    delivered = threading.Event()

    class Telling(Member):
        def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
            super().commit(offsets, asynchronous)
            delivered.set()

    def build() -> Member:
        member = Telling(kafka, GROUP, "a")
        member.tells_ends = True
        return member

    url = f"http://127.0.0.1:{server.port}"
    quick = replace(POLICY, backoff_s=0.01, most_backoff_s=0.02, poll_s=0.0)
    bridge = Bridge(build, lambda: Alertmanager(url, 5.0), TOPIC, rig.metrics, quick, lambda: NOW_MS)
    bridge.start()
    while len(server.bodies) < 3:
        assert not delivered.is_set()
        threading.Event().wait(0.01)
    server.status = 200
    assert delivered.wait(10)
    bridge.stop()
    assert committed(kafka) == {0: 1}


def test_a_bridge_whose_client_breaks_begins_again(kafka: FakeKafka) -> None:
    write(kafka, surge())
    sent, lives = threading.Event(), list[int]()

    class Breaking(Member):
        def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
            if len(lives) == 1:
                raise RuntimeError("broken")
            return super().consume(num_messages, timeout)

    def build() -> Member:
        lives.append(1)
        kafka.rebalance(GROUP, {"a": [(TOPIC, 0), (TOPIC, 1)]})
        member = Breaking(kafka, GROUP, "a")
        member.tells_ends = True
        return member

    class Posting:
        def __enter__(self) -> "Posting":
            return self

        def __exit__(self, *_: object) -> None: ...

        def __call__(self, alerts: Sequence[Alert]) -> Answer:
            sent.set()
            return Answer.DELIVERED

    quick = replace(POLICY, most_backoff_s=0.01, poll_s=0.0)
    bridge = Bridge(build, Posting, TOPIC, declare(CollectorRegistry()), quick, lambda: NOW_MS)
    bridge.start()
    assert sent.wait(10)
    bridge.stop()
    assert len(lives) == 2


def test_resend_comes_before_what_was_sent_ends() -> None:
    policy = AlertPolicy()
    assert policy.resend_s * 3 <= policy.hold_s
    assert timedelta(seconds=policy.hold_s) <= timedelta(minutes=5)  # Alertmanager's own resolve_timeout


def test_a_consumer_that_reports_a_passing_trouble_goes_on(kafka: FakeKafka) -> None:
    rig = Rig(kafka)

    class Troubled(Member):
        def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
            found = super().consume(num_messages, timeout)
            return (
                [*found, FakeRecord(found[0]._stored, KafkaError(KafkaError._TRANSPORT))] if found else found
            )

    rig.consumer.__class__ = Troubled
    write(kafka, surge())
    rig.turn()
    assert rig.said() == [("s-1", True)]
