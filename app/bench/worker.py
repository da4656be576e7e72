"""`sluice bench worker`: tickets a second and milliseconds a ticket, beside bare confluent-kafka and plain Faust."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Producer

from agents.follower import partitions_of, reader_options
from agents.topics import TopicNames
from app.bench.tickets import NoOpEncoder, past_tickets, ticket_values
from app.bootstrap import fit, prepare, publish
from app.child import WorkerProcess, worker_variables
from app.demo.replay import Sent, replay
from app.policies import clean_policy, encoder_spec, pack_policy
from app.scratch import Told, own_topics
from app.settings import Settings, kafka_options
from models.engines.encoders import load_encoder
from models.errors import Transient
from models.routing.encode import Encoder

_OWNERS = 20
_PAST = 1_000
_PATIENCE_S = 60.0
_STEPS = ("read", "encode", "match", "decide", "emit", "commit")


def bench_worker(
    settings: Settings, bootstrap: str, tickets: int, seconds: float, folder: Path, told: Told
) -> dict[str, Any]:
    """Throughput of each contender on one core, then the latency of a real worker with the embedded encoder.

    Throughput is taken at the reader: decisions (or copies) a second between the first and the last that a
    read_committed subscriber sees, of a topic that was full before the contender started. Latency is from handing
    a ticket to the producer to reading its decision.

    Args:
        tickets: that a contender is given; plain Faust, which is slow, gets three tenths.
        seconds: how long each latency is measured.
    """
    report: dict[str, Any] = {"ticket_bytes": len(ticket_values(1)[0][1]), "tickets": tickets}
    shares = {"faust": 0.3, "confluent": 1.0, "wire": 1.0, "path": 0.5}
    rates: dict[str, float] = {}
    for kind, share in shares.items():
        told.step(f"{kind}: {round(tickets * share):,} tickets on one core")
        with own_topics(settings, bootstrap, f"bench-{kind}") as ours:
            rates[kind], page_text = _throughput(kind, ours, bootstrap, round(tickets * share), folder, told)
            if kind == "path":
                report["path_us_per_ticket"] = _steps(page_text, round(tickets * share))
    report["tickets_per_s"] = {kind: round(rate) for kind, rate in rates.items()}
    report["ratio_to_faust"] = round(rates["wire"] / rates["faust"], 2)
    report["ratio_to_confluent"] = round(rates["wire"] / rates["confluent"], 2)
    report["path_ratio_to_faust"] = round(rates["path"] / rates["faust"], 2)
    report |= _latencies(settings, bootstrap, seconds, folder, told)
    return report


# -- throughput


def _throughput(
    kind: str, settings: Settings, bootstrap: str, tickets: int, folder: Path, told: Told
) -> tuple[float, str]:
    """Outputs a second, and the contender's metrics page at the end (empty where it has none)."""
    kafka, names = kafka_options(settings, bootstrap), TopicNames(settings.topic_prefix)
    if kind == "path":
        _learn(settings, kafka, NoOpEncoder())
    _fill(kafka, names.tickets, tickets)
    log = folder / f"{kind}.log"
    log.unlink(missing_ok=True)
    with WorkerProcess(worker_variables(settings, bootstrap), log, ("app.bench.contender", kind)) as process:
        rate = _read_rate(kafka, names.routed, tickets, process, told)
        metrics = process.page("/metrics")[1]
        process.stop(seconds=30)
    return rate, metrics


def _fill(kafka: Mapping[str, Any], topic: str, tickets: int) -> None:
    producer = Producer({**kafka, "linger.ms": 20, "partitioner": "murmur2_random", "log_level": 3})
    for start in range(0, tickets, 5_000):
        for key, value in ticket_values(min(5_000, tickets - start), start):
            producer.produce(topic, key=key, value=value)
        producer.flush(60)


def _read_rate(
    kafka: Mapping[str, Any], topic: str, tickets: int, process: WorkerProcess, told: Told
) -> float:
    consumer = Consumer({**reader_options(kafka), "group.id": "bench-reader"})
    consumer.assign(partitions_of(consumer, [topic]))
    seen, first_at, last_at, first = 0, 0.0, time.monotonic(), 0
    try:
        while seen < tickets:
            records = [record for record in consumer.consume(10_000, 0.05) if record.error() is None]
            if records:
                last_at = time.monotonic()
                if not seen:
                    first_at, first = last_at, len(records)
                seen += len(records)
                told.progress(min(seen, tickets), tickets)
            elif time.monotonic() - last_at > _PATIENCE_S or process.exit_code is not None:
                raise Transient(f"a contender stopped after {seen} of {tickets} tickets; see {process.log}")
    finally:
        consumer.close()
    return (tickets - first) / max(last_at - first_at, 1e-9)


def _steps(metrics: str, tickets: int) -> dict[str, float]:
    """Microseconds a ticket by step, from the worker's own histogram."""
    sums = dict(
        line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("sluice_step_seconds_sum")
    )
    return {
        step: round(float(sums[f'sluice_step_seconds_sum{{step="{step}"}}']) / tickets * 1e6, 1)
        for step in _STEPS
    }


# -- latency


def _latencies(
    settings: Settings, bootstrap: str, seconds: float, folder: Path, told: Told
) -> dict[str, Any]:
    """p50 and p99 at 25 a second, 250 a second, and half of what the worker can do with the embedded encoder."""
    found: dict[str, Any] = {}
    with own_topics(settings, bootstrap, "bench-latency") as ours:
        kafka = kafka_options(ours, bootstrap)
        told.step("latency: a worker with the embedded encoder")
        _learn(ours, kafka, load_encoder(encoder_spec(ours)))
        log = folder / "latency.log"
        log.unlink(missing_ok=True)
        with WorkerProcess(worker_variables(ours, bootstrap), log) as worker:
            worker.await_ready()
            start = 0
            full = _rate_at_full(kafka, TopicNames(ours.topic_prefix), start, told)
            found["embedded_tickets_per_s"] = round(full)
            start += _FULL
            for name, rate in (("latency_25", 25.0), ("latency_250", 250.0), ("latency_half", full / 2)):
                told.step(f"latency at {rate:.0f} a second")
                count = max(50, round(rate * seconds))
                sent = [Sent(key.decode(), value) for key, value in ticket_values(count, start)]
                start += count
                times = np.array(
                    list(
                        replay(
                            sent, kafka, TopicNames(ours.topic_prefix), rate, told.progress
                        ).latency_ms.values()
                    )
                )
                found[name] = {
                    "rate": round(rate, 1),
                    "p50_ms": round(float(np.quantile(times, 0.5)), 1),
                    "p99_ms": round(float(np.quantile(times, 0.99)), 1),
                }
            worker.stop()
    return found


_FULL = 3_000


def _rate_at_full(kafka: dict[str, Any], names: TopicNames, start: int, told: Told) -> float:
    """Tickets a second of a worker that always has more to do."""
    sent = [Sent(key.decode(), value) for key, value in ticket_values(_FULL, start)]
    collected = replay(sent, kafka, names, 1e6, told.progress)
    times = sorted(collected.latency_ms.values())
    # Published in a burst at the beginning: the last arrival tells how long all took, less the first's way.
    return _FULL / ((times[-1] - times[0]) / 1000)


# -- what both need


def _learn(settings: Settings, kafka: dict[str, Any], encoder: Encoder) -> None:
    prepared = prepare(
        past_tickets(_PAST, _OWNERS), encoder, clean_policy(settings), pack_policy(settings), lambda *_: None
    )
    publish(prepared, fit(prepared, encoder, [], 1_790_000_000_000), settings, kafka, lambda *_: None)
