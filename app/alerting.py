"""Alerting: the bridge to Alertmanager, where one is set. Under worker."""

import time
from functools import partial
from typing import Any

from confluent_kafka import Consumer

from agents.alertmanager import Alertmanager, Bridge, BridgePolicy
from agents.metrics import Metrics
from app.settings import Settings
from app.wires import consumer_options


def build_bridge(settings: Settings, kafka: dict[str, Any], topic: str, metrics: Metrics) -> Bridge | None:
    """A bridge that has not started; None where no Alertmanager is set."""
    if settings.alertmanager_url is None:
        return None
    policy = BridgePolicy()

    def consumer() -> Consumer:
        return Consumer(
            {
                **consumer_options(settings, kafka, "-alertmanager"),
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 1_024,
            }
        )

    open_post = partial(Alertmanager, settings.alertmanager_url.get_secret_value(), policy.timeout_s)
    return Bridge(consumer, open_post, topic, metrics, policy, lambda: time.time_ns() // 1_000_000)
