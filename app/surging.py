"""Surging: the surge path's part of a worker, on a wire of its own. Under worker.

It has its own group, transactional id, clients and threads, so that tickets are routed whatever it does: a worker that
has not the one partition of the counts stands by and is ready all the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import faust
from confluent_kafka import Consumer, Producer

from agents.exits import die
from agents.feed import BatchChannel, Deliver, Feed, add_agent
from agents.follower import Lookup
from agents.live import Live
from agents.metrics import Metrics
from agents.pulse import Pulse
from agents.surge import SurgePath, watch_counts
from agents.surge_look import Seer
from agents.surge_state import SurgeState
from agents.surge_texts import ClusterTexts
from agents.surge_word import SurgeWord
from agents.topics import TopicNames
from agents.watch import SurgeWatcher
from agents.wire import Wire
from agents.wire_policy import WirePolicy
from app.policies import detect_policy
from app.settings import Settings
from app.wires import STILL_S, consumer_options, end_without_brokers, producer_options, wire_policy
from models.surge.detect import Detector
from models.surge.window import WindowPolicy

PART = "-surge"

# A batch that takes longer has hung. Five weeks of counts that have to be read again took 45 s a million on one core
# that others use too: 13 million are 370,000 tickets a day.
_RESTORE_S = 600.0


@dataclass(frozen=True, slots=True)
class SurgeParts:
    """What the surge path is made of beside the settings.

    Attributes:
        tick_s: how long no count may come until it is taken that none is on its way: a bucket that has ended is then
            looked at, and people are heard.
        gather_s: how long a count may wait for company: a day's record of its cluster is written once a batch.
        now_ms: the clock that counts are placed by.
    """

    consumer: Callable[[dict[str, Any]], Any] = Consumer
    producer: Callable[[dict[str, Any]], Any] = Producer
    tick_s: float = 5.0
    gather_s: float = 0.2
    windows: WindowPolicy = field(default_factory=WindowPolicy)
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Followed:
    """What the surge path knows of what every worker follows."""

    live: Live
    texts: ClusterTexts = field(default_factory=ClusterTexts)
    word: SurgeWord = field(default_factory=SurgeWord)


def build_surging(
    app: faust.App,
    settings: Settings,
    kafka: dict[str, Any],
    instance: str,
    names: TopicNames,
    followed: Followed,
    metrics: Metrics,
    parts: SurgeParts,
) -> Feed:
    """Put the surge agent on the app; the feed of its wire, which fences a dead twin from now on."""
    channel, pulse = BatchChannel(app), Pulse()
    state = SurgeState(Lookup(kafka), names, parts.windows, metrics)
    seer = Seer(
        Detector(detect_policy(settings), parts.windows),
        followed.texts,
        followed.word,
        runbook=settings.surge_runbook,
    )
    path = SurgePath(state, seer, followed.live, names, metrics, instance, parts.now_ms)
    add_agent(app, channel, "surge", partial(watch_counts, path=path))

    def build_wire(deliver: Deliver) -> Wire:
        consumer = parts.consumer(
            {
                **consumer_options(settings, kafka, PART),
                "queued.max.messages.kbytes": 4_096,  # its records are small, and few
                "error_cb": end_without_brokers,
            }
        )
        producer = parts.producer(producer_options(settings, kafka, instance, PART))
        watcher = SurgeWatcher(consumer, metrics)
        policy = surge_wire_policy(settings, parts)
        return Wire(consumer, producer, [names.counts], deliver, watcher, policy, pulse)

    feed = Feed(build_wire, channel, die, pulse, settings.transaction_timeout_s + STILL_S)
    feed.prepare()
    return feed


def surge_wire_policy(settings: Settings, parts: SurgeParts) -> WirePolicy:
    """One batch at a time: what the path knows is then a matter of what is committed (see agents/surge_state). The
    first of them reads all of it, which may take longer than any work on tickets."""
    policy = wire_policy(settings)
    work_timeout_s = max(policy.work_timeout_s, _RESTORE_S)
    return replace(
        policy, depth=1, gather_s=parts.gather_s, tick_s=parts.tick_s, work_timeout_s=work_timeout_s
    )
