"""The demo: broker, topics, first generation, a real worker process, a replay through Kafka, a scored report."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from agents.exits import Exit
from agents.follower import partitions_of, read_to_end, reader_options
from agents.topics import TopicNames
from app.bootstrap import fit, prepare, publish, ways_of
from app.child import WorkerProcess, worker_variables
from app.demo.emerging import await_emerging, emerging_line
from app.demo.replay import Collected, replay
from app.demo.report import score
from app.demo.sources import Source
from app.policies import clean_policy, confidence_policy, encoder_spec, pack_policy
from app.scratch import Told, own_topics, some_broker
from app.settings import Settings, kafka_options
from models.engines.encoders import load_encoder
from models.errors import Transient
from schemas.codec import encode


@dataclass(frozen=True, slots=True)
class Shown:
    """The report and all that it was read from."""

    report: dict[str, Any]
    collected: Collected


def run_demo(source: Source, settings: Settings, out: Path, rate: float, told: Told) -> Shown:
    """Run the whole way once and score it.

    Args:
        settings: where Kafka is, if not started here; topics get a prefix of their own for this run.
        out: folder for the worker's log and what was read back; made anew.
        rate: tickets a second.

    Raises:
        Fatal, Transient: one clear line.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (
        some_broker(settings, told.step) as bootstrap,
        own_topics(settings, bootstrap, "demo") as ours,
    ):
        kafka = kafka_options(ours, bootstrap)
        generation = _learn(source, ours, kafka, told)
        with _worker(ours, bootstrap, out / "worker.log", told):
            told.step(f"replaying {len(source.sent)} records at {rate:g} a second")
            collected = replay(source.sent, kafka, TopicNames(ours.topic_prefix), rate, told.progress)
            told.step("waiting for new problems to be announced")
            surges = await_emerging(kafka, TopicNames(ours.topic_prefix).surges)
        leaked = _leaks(source, collected, kafka, TopicNames(ours.topic_prefix).state)
    report = {**score(collected, source.truths, len(source.sent)), "generation": generation}
    report["emerging"] = [emerging_line(surge, source.truths) for surge in surges]
    report["bad_rows"] = len(source.bad_rows)
    report["secrets_planted"] = len(source.secrets)
    report["secrets_leaked"] = leaked
    _write(out, report, collected)
    return Shown(report, collected)


def _learn(source: Source, settings: Settings, kafka: dict[str, Any], told: Told) -> dict[str, Any]:
    """The first generation from the source's history, published; its figures for the report."""
    told.step("loading the encoder")
    encoder = load_encoder(encoder_spec(settings))
    told.step(f"encoding {len(source.past)} past tickets")
    prepared = prepare(source.past, encoder, clean_policy(settings), pack_policy(settings), told.progress)
    told.step("clustering, naming and calibrating")
    now_ms = time.time_ns() // 1_000_000
    first = fit(prepared, encoder, source.teams, now_ms, confidence_policy(settings), ways_of(settings))
    told.step(f"publishing {first.report.clusters} clusters and {len(prepared.past)} tickets of state")
    name = publish(prepared, first, settings, kafka, told.progress)
    thresholds = first.generation.thresholds
    return {
        "id": name,
        "encoder": encoder.fingerprint,
        "history": first.report.tickets,
        "clusters": first.report.clusters,
        "owners": len(first.generation.owners),
        "scope": round(thresholds.scope, 4),
        "route_at": round(thresholds.route_at, 4),
        "refused": prepared.refused,
    }


@contextmanager
def _worker(settings: Settings, bootstrap: str, log: Path, told: Told) -> Iterator[None]:
    """`sluice worker` as its own process, ready; ended by SIGTERM."""
    told.step("starting a worker")
    log.unlink(missing_ok=True)
    with WorkerProcess(worker_variables(settings, bootstrap), log) as worker:
        worker.await_ready()
        yield
        code = worker.stop()
    if code != Exit.OK:
        raise Transient(f"the worker ended with exit code {code}; see {log}")


def _leaks(source: Source, collected: Collected, kafka: dict[str, Any], state: str) -> int:
    """How much of the planted personal data stands in any decision or in the state of any ticket; dead letters hold
    original bytes and say so."""
    kept: list[bytes] = [encode(decision) for decision in collected.decisions]
    consumer = Consumer(reader_options(kafka))
    try:
        read_to_end(
            consumer, partitions_of(consumer, [state]), lambda record: kept.append(record.value() or b"")
        )
    finally:
        consumer.close()
    everything = b"\n".join(kept)
    return sum(secret.encode() in everything for secret in source.secrets)


def _write(out: Path, report: dict[str, Any], collected: Collected) -> None:
    (out / "report.json").write_text(
        json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    with (out / "decisions.jsonl").open("wb") as sink:
        for decision in collected.decisions:
            sink.write(encode(decision) + b"\n")
