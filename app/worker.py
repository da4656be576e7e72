"""The worker: settings become a Faust app whose agents stand on the wire. The composition root of the stream."""

import asyncio
import logging
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import faust
import structlog
from confluent_kafka import Consumer, Producer
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits

from agents import instep
from agents.announce import Announcer
from agents.emerging import EmergingWatch, add_emerging
from agents.exits import die
from agents.feed import BatchChannel, Deliver, Feed, add_agent
from agents.flood import FloodGuard
from agents.follower import Follower, Handler, Lookup, count_partitions, each_of
from agents.home import Homes
from agents.intake import Intake
from agents.live import Live
from agents.metrics import Metrics, declare
from agents.pages import add_pages
from agents.pulse import Pulse
from agents.routing import RoutingPath, route
from agents.tables import TicketTable
from agents.topics import TopicNames
from agents.watch import RoutingWatcher
from agents.wire import Wire
from agents.young import Taker, YoungStates
from app.alerting import build_bridge
from app.child import free_port
from app.connect import faust_credentials
from app.logs import hush_faust_group
from app.policies import (
    clean_policy,
    decide_policy,
    duplicate_policy,
    encoder_spec,
    pack_policy,
    shadow_policy,
)
from app.recluster_timer import ReclusterTimer, add_timer
from app.sentiment.load import head_for
from app.settings import Settings, kafka_options
from app.surging import Followed, SurgeParts, build_surging
from app.wires import (
    DRAIN_S,
    STILL_S,
    consumer_options,
    end_without_brokers,
    producer_options,
    wire_policy,
)
from models.emerging.pool import EmergingPolicy
from models.engines.encoders import EncoderSpec, load_encoder
from models.errors import Fatal
from models.routing.encode import Encoder
from models.vote import VotePolicy
from models.words import cut_han
from schemas.codec import Limits

_log = structlog.get_logger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker is made of beside the settings; tests and benchmarks bring their own."""

    encoder: Callable[[EncoderSpec], Encoder] = load_encoder
    consumer: Callable[[dict[str, Any]], Any] = Consumer
    producer: Callable[[dict[str, Any]], Any] = Producer
    surge: SurgeParts = field(default_factory=SurgeParts)


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
            {**consumer_options(settings, kafka), **instep.OPTIONS, "error_cb": end_without_brokers}
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
    followed = Followed(live)
    surging = build_surging(app, settings, kafka, instance, names, followed, metrics, parts.surge)
    takers: list[Taker] = [followed.texts]
    handlers: dict[str, Handler] = {
        names.generations: live.on_generation,
        names.corrections: each_of(live.on_correction, followed.word.on_correction),
    }
    if settings.emerging_tickets:
        watch = EmergingWatch(EmergingPolicy(least=settings.emerging_tickets), metrics, _now_ms)
        takers.append(watch)
        handlers[names.surges] = watch.on_surge
        send = Announcer(kafka, parts.producer).send
        add_emerging(app, watch, live, send, names.surges)
    young = YoungStates(encoder.fingerprint, encoder.dim, EmergingPolicy().window_ms, _now_ms, *takers)
    handlers[names.state] = each_of(live.on_state, young.on_state)
    bridge = build_bridge(settings, kafka, names.surges, metrics)
    follower = Follower(kafka, handlers, live.swap, die)
    path = _routing_path(settings, instance, names, encoder, live, table, homes, metrics)
    add_agent(app, channel, "routing", partial(route, path=path))

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
        surging.start()
        if bridge is not None:
            bridge.start()

    app.boot = boot

    @app.on_before_shutdown.connect
    async def leave(*_: Any, **__: Any) -> None:
        hush_faust_group()
        stops = [feed.stop(DRAIN_S), surging.stop(DRAIN_S)]
        if bridge is not None:
            stops.append(asyncio.to_thread(bridge.stop))
        await asyncio.gather(*stops)
        follower.stop()
        _log.info("left_group")

    return app


def _partitions(kafka: dict[str, Any], names: TopicNames) -> int:
    """How many partitions tickets have.

    Raises:
        Transient: no broker answers, or a topic is missing.
        Fatal: their state, or what is done with them, has another number, so that it would not stand beside them; or
            counts have several, which one worker must judge together.
    """
    counts = count_partitions(kafka, names.all())
    for beside in (names.state, names.feedback):
        if counts[names.tickets] != counts[beside]:
            raise Fatal(
                f"{beside} has {counts[beside]} partitions and {names.tickets} {counts[names.tickets]}:"
                " they must be equal; see `sluice topics check`"
            )
    for alone in (names.counts, names.surge_state):
        if counts[alone] != 1:
            raise Fatal(
                f"{alone} has {counts[alone]} partitions and must have 1: stop all workers, delete {names.counts} and"
                f" {names.surge_state}, and make them again with `sluice topics create`"
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


async def _until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.02)
