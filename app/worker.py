"""The worker: settings become a Faust app whose agents stand on the wire. The composition root of the stream."""

import asyncio
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import faust
import structlog
from confluent_kafka import Consumer, KafkaError, Producer
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits

from agents import instep
from agents.announce import Announcer
from agents.emerging import EmergingWatch, add_emerging
from agents.exits import die
from agents.feed import BatchChannel, Deliver, Feed
from agents.flood import FloodGuard
from agents.follower import Follower, Handler, Lookup, count_partitions, each_of
from agents.home import Homes
from agents.intake import Intake
from agents.live import Live
from agents.metrics import Metrics, declare
from agents.pages import add_pages
from agents.pulse import Pulse
from agents.routing import RoutingPath, add_routing
from agents.tables import TicketTable
from agents.topics import TopicNames
from agents.watch import RoutingWatcher
from agents.wire import Wire, WirePolicy
from app.child import free_port
from app.connect import faust_credentials
from app.recluster_timer import ReclusterTimer, add_timer
from app.sentiment.load import head_for
from app.settings import Settings, kafka_options
from models.emerging.pool import EmergingPolicy
from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.names import load_names
from models.errors import Fatal, Transient
from models.learn.confidence import ConfidencePolicy
from models.routing.clean import CleanPolicy
from models.routing.decide import DecidePolicy
from models.routing.duplicates import COMMITTED, DAY_MS, DuplicatePolicy
from models.routing.encode import Encoder
from models.routing.escalate import Action, EscalatePolicy, Rule
from models.routing.mask import DEFAULT
from models.routing.masking.span import Kind
from models.routing.pack import PackPolicy
from models.vote import VotePolicy
from models.words import cut_han
from schemas.codec import Limits

_log = structlog.get_logger(__name__)

# A stop must be over within 10 s: what is in work gets this long, leaving the group and Faust's own stop the rest.
DRAIN_S = 5.0

# A call of the wire that outlives its own time-out by so long will never return (seen with
# send_offsets_to_transaction when the broker dies).
STILL_S = 5.0


def encoder_spec(settings: Settings) -> EncoderSpec:
    """The encoder that the settings ask for."""
    return EncoderSpec(
        kind=settings.encoder,
        path=settings.encoder_path,
        provider=settings.encoder_provider,
        threads=settings.encoder_threads or len(os.sched_getaffinity(0)),
        max_tokens=settings.encoder_max_tokens,
        prefix=settings.encoder_prefix,
    )


def pack_policy(settings: Settings) -> PackPolicy:
    """How texts are packed for the encoder."""
    return PackPolicy(settings.pack_max_tokens, settings.pack_max_count, settings.pack_max_age_ms / 1000)


def clean_policy(settings: Settings) -> CleanPolicy:
    """How much of a ticket is read, and what is masked in it.

    Raises:
        Fatal: what finds names is asked for and not installed.
    """
    also = frozenset(Kind(kind.upper()) for kind in settings.mask_also)
    recogniser = load_names() if also - {Kind.HOST} else None
    return CleanPolicy(settings.max_text_chars, DEFAULT | also, recogniser)


def confidence_policy(settings: Settings) -> ConfidencePolicy:
    """What the thresholds of a new generation must hold."""
    return ConfidencePolicy(target_error=settings.target_error, unknown_share=settings.unknown_share)


def decide_policy(settings: Settings) -> DecidePolicy:
    """What an operator has fixed of how tickets are decided on."""
    return DecidePolicy(
        escalate=escalate_policy(settings),
        floor=settings.similarity_floor,
        route_at=settings.route_at,
    )


def escalate_policy(settings: Settings) -> EscalatePolicy:
    """An operator's rules, in their order: what is raised first may call a person by its new priority."""
    raised, senior = settings.sentiment_raise_at, settings.sentiment_senior_at
    person, urgent = settings.sentiment_person_at, frozenset(settings.escalate_priorities)
    rules = [
        raised is not None and Rule(Action.RAISE, sentiment_at=raised, to=settings.sentiment_raise_to),
        senior is not None and Rule(Action.SENIOR, sentiment_at=senior),
        bool(urgent) and Rule(Action.PERSON, priorities=urgent),
        person is not None and Rule(Action.PERSON, sentiment_at=person),
    ]
    return EscalatePolicy(
        rules=tuple(rule for rule in rules if isinstance(rule, Rule)),
        ladder=settings.priorities,
        seniors=dict(settings.senior_pairs),
    )


def duplicate_policy(settings: Settings) -> DuplicatePolicy:
    """When a ticket is said to repeat an open one."""
    return replace(
        COMMITTED,
        at=COMMITTED.at if settings.duplicate_at is None else settings.duplicate_at,
        horizon_ms=settings.duplicate_horizon_days * DAY_MS,
    )


def shadow_policy(settings: Settings) -> DecidePolicy | None:
    """The same with the threshold that is on trial; None where there is none."""
    if settings.shadow_route_at is None:
        return None
    return replace(decide_policy(settings), route_at=settings.shadow_route_at)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker is made of beside the settings; tests and benchmarks bring their own."""

    encoder: Callable[[EncoderSpec], Encoder] = load_encoder
    consumer: Callable[[dict[str, Any]], Any] = Consumer
    producer: Callable[[dict[str, Any]], Any] = Producer


def build_worker(settings: Settings, bootstrap: str, parts: Parts = Parts()) -> faust.App:
    """A Faust app that routes tickets.

    The encoder is loaded here, while what a dead worker of this name left open is aborted. The group is joined once
    a generation is in force and the state is read, so that no ticket is taken before it can be decided on.

    Raises:
        Fatal: the encoder cannot be loaded, or a folder not made.
        Transient: no broker answers, or a topic is missing.
    """
    # A batch's products take a millisecond; on cores that others use too, threads wait for each other longer than that.
    threadpool_limits(limits=1, user_api="blas")
    instance = settings.instance or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    kafka = kafka_options(settings, bootstrap)
    names = TopicNames(prefix=settings.topic_prefix)
    homes = Homes(settings.partitioner, _partitions(kafka, names))
    registry = CollectorRegistry()
    metrics = declare(registry)
    pulse = Pulse()
    lookup = Lookup(kafka)
    table = TicketTable(lookup, names.state, pulse, metrics)
    joined = threading.Event()
    app = faust_app(settings, bootstrap)
    channel = BatchChannel(app)

    def build_wire(deliver: Deliver) -> Wire:
        consumer = parts.consumer(
            {**consumer_options(settings, kafka), **instep.OPTIONS, "error_cb": _end_without_brokers}
        )
        producer = parts.producer(producer_options(settings, kafka, instance))
        watcher = RoutingWatcher(
            consumer,
            lookup.count,
            table,
            homes,
            metrics,
            settings.batch_records,
            joined,
            names.tickets,
        )
        topics = [names.tickets, names.feedback]
        in_step = instep.InStep(consumer, names.tickets, names.feedback)
        return Wire(in_step, producer, topics, deliver, watcher, wire_policy(settings), pulse)

    feed = Feed(build_wire, channel, die, pulse, settings.transaction_timeout_s + STILL_S)
    feed.prepare()

    encoder = parts.encoder(encoder_spec(settings))
    encoder.forward(encoder.tokenize(["warm up", "预热"]))
    if settings.explain:
        cut_han("预热")  # its dictionary takes a second, which no batch should wait for
    live = Live(encoder.fingerprint, encoder.dim, metrics, duplicate_policy(settings))
    handlers: dict[str, Handler] = {
        names.generations: live.on_generation,
        names.corrections: live.on_correction,
        names.state: live.on_state,
    }
    if settings.emerging_tickets:
        policy = EmergingPolicy(least=settings.emerging_tickets)
        watch = EmergingWatch(encoder.fingerprint, encoder.dim, policy, metrics, _now_ms)
        handlers |= {names.state: each_of(live.on_state, watch.on_state), names.surges: watch.on_surge}
        send = Announcer(kafka, parts.producer).send
        add_emerging(app, watch, live, send, names.surges)
    follower = Follower(kafka, handlers, live.swap, die)
    add_routing(app, channel, _routing_path(settings, instance, names, encoder, live, table, homes, metrics))

    def conditions() -> dict[str, bool]:
        return {
            "encoder_warm": True,
            "generation_loaded": live.present.is_set(),
            "state_read": follower.caught_up.is_set(),
            "group_joined": joined.is_set(),
        }

    add_pages(app, registry, conditions)
    if settings.recluster_every_h:
        made = lambda: None if live.in_force is None else live.in_force.generation.created_at_ms  # noqa: E731
        variables = {"SLUICE_BOOTSTRAP": bootstrap}
        add_timer(app, ReclusterTimer(settings.recluster_every_h * 3_600, made, variables))

    async def boot() -> None:
        follower.start()
        await _until(follower.caught_up)
        if not live.present.is_set():
            if live.refused is not None:
                die(live.refused)
            _log.warning("waiting_for_generation", remedy="sluice bootstrap FILE")
            await _until(live.present)
        feed.start()

    app.boot = boot

    @app.on_before_shutdown.connect
    async def leave(*_: Any, **__: Any) -> None:
        await feed.stop(DRAIN_S)
        follower.stop()
        _log.info("left_group")

    return app


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _partitions(kafka: dict[str, Any], names: TopicNames) -> int:
    """How many partitions tickets have.

    Raises:
        Transient: no broker answers, or a topic is missing.
        Fatal: their state, or what is done with them, has another number, so that it would not stand beside them.
    """
    counts = count_partitions(kafka, names.all())
    for beside in (names.state, names.feedback):
        if counts[names.tickets] != counts[beside]:
            raise Fatal(
                f"{beside} has {counts[beside]} partitions and {names.tickets} {counts[names.tickets]}:"
                " they must be equal; see `sluice topics check`"
            )
    return counts[names.tickets]


def _routing_path(
    settings: Settings,
    instance: str,
    names: TopicNames,
    encoder: Encoder,
    live: Live,
    table: TicketTable,
    homes: Homes,
    metrics: Metrics,
) -> RoutingPath:
    return RoutingPath(
        intake=Intake(Limits(max_bytes=settings.max_record_bytes), clean_policy(settings), table, homes),
        guard=FloodGuard(
            settings.dead_letter_max_consecutive, settings.dead_letter_max_share, settings.dead_letter_window
        ),
        encoder=encoder,
        pack=pack_policy(settings),
        live=live,
        vote=VotePolicy(),
        policy=decide_policy(settings),
        names=names,
        metrics=metrics,
        worker=instance,
        now_ms=_now_ms,
        sentiment=head_for(encoder.fingerprint, settings.hears_sentiment),
        shadow=shadow_policy(settings),
        explain=settings.explain,
    )


class WorkerApp(faust.App):
    """An app that starts its work with itself. Faust's own tasks wait until its group has balanced, and after a kill
    that takes the dead member's session: seconds in which the wire can be back at work."""

    logger = logging.getLogger("faust.app")  # a subclass would speak under its own module, at our level
    boot: Callable[[], Awaitable[None]] | None = None

    async def on_start(self) -> None:
        await super().on_start()
        if self.boot is not None:
            self.add_future(self.boot())


def faust_app(settings: Settings, bootstrap: str) -> WorkerApp:
    """Faust's part: agents, tasks, web and the worker's life. Its own group reads nothing but its leader topic.

    Raises:
        Fatal: its folder cannot be made.
    """
    folder = settings.data_dir / "faust"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fatal(f"SLUICE_DATA_DIR: {folder} cannot be made: {error.strerror}") from None
    return WorkerApp(
        f"{settings.topic_prefix}{settings.group}-control",
        broker=[f"kafka://{address}" for address in bootstrap.split(",")],
        broker_credentials=faust_credentials(settings),
        datadir=str(folder),
        web_host=settings.web_host,
        web_bind=settings.web_host,
        web_port=settings.web_port or free_port(),
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_router_enabled=False,
        web_tables_enabled=False,
        web_metrics_enabled=False,
        topic_disable_leader=False,  # an app that consumes no topic at all cannot start
        topic_replication_factor=settings.replication,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 3,
    )


def wire_policy(settings: Settings) -> WirePolicy:
    return WirePolicy(
        records=settings.batch_records,
        depth=settings.batches_in_flight,
        gather_s=settings.pack_max_age_ms / 1000,
        work_timeout_s=settings.work_timeout_s,
        commit_timeout_s=settings.transaction_timeout_s,
    )


def consumer_options(settings: Settings, kafka: dict[str, Any]) -> dict[str, Any]:
    static = {"group.instance.id": settings.instance} if settings.instance else {}
    return {
        **kafka,
        **static,
        "group.id": f"{settings.topic_prefix}{settings.group}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        # Range gives partition n of both topics to one member. The other is what workers before this version ask for:
        # as long as one of them is in the group it is used, and what is not beside its tickets is left alone.
        "partition.assignment.strategy": "range,roundrobin",
        "session.timeout.ms": round(settings.session_timeout_s * 1000),
        "heartbeat.interval.ms": max(300, round(settings.session_timeout_s * 1000 / 6)),
        "max.poll.interval.ms": round(max(300.0, settings.work_timeout_s * 2) * 1000),
        "fetch.message.max.bytes": 8 << 20,
        # Measured on a full topic: 31,000 to 85,000 records/s with a short back-off of the fetch queue.
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16_384,
        "log_level": 3,
    }


def producer_options(settings: Settings, kafka: dict[str, Any], instance: str) -> dict[str, Any]:
    return {
        **kafka,
        "transactional.id": f"{settings.topic_prefix}{settings.group}.{instance}",
        "transaction.timeout.ms": round(settings.transaction_timeout_s * 1000),
        "partitioner": "murmur2_random",  # as Java producers and Faust place keys
        "message.max.bytes": 12 << 20,
        "linger.ms": 0,
        # The default of 100 ms is waited out in every transaction that meets the one before still closing.
        "retry.backoff.ms": 2,
        "log_level": 3,
    }


def _end_without_brokers(error: KafkaError) -> None:
    """End the process when no broker is left: a producer that lives through that hangs in its next transaction, while
    a new process waits for the brokers with its models loaded. Called while the wire polls."""
    if error.code() == KafkaError._ALL_BROKERS_DOWN:
        die(Transient("no Kafka broker can be reached"))


async def _until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.02)
