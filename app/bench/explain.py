"""`sluice bench explain`: what heat maps cost, on tickets of the sample company, in the very step of a worker."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits

from agents.flood import FloodGuard
from agents.follower import Lookup
from agents.generations import generation_records
from agents.home import Homes
from agents.intake import Intake
from agents.live import Live
from agents.metrics import declare
from agents.pulse import Pulse
from agents.routing import RoutingPath, route
from agents.tables import TicketTable
from agents.topics import TopicNames
from agents.wire import Batch
from app.bootstrap import PastTicket, fit, prepare
from app.demo.history import generate
from app.policies import clean_policy, decide_policy, encoder_spec, pack_policy
from app.scratch import Told
from app.settings import Settings
from models.engines.encoders import load_encoder
from models.routing.encode import Encoder
from models.vote import VotePolicy
from schemas.codec import Limits, encode

_NOW_MS = 1_790_000_000_000
_NAMES = TopicNames()
_SEED = 7
# A worker keeps its batches so small that the work on one takes half a second: some 150 to 300 tickets on two cores.
_BATCH = 256


@dataclass(frozen=True, slots=True)
class _Given:
    """A record that no broker had: the part of `agents.wire.Record` that is read of one."""

    its_topic: str
    its_key: bytes
    its_value: bytes
    its_offset: int

    def topic(self) -> str:
        return self.its_topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.its_offset

    def key(self) -> bytes:
        return self.its_key

    def value(self) -> bytes:
        return self.its_value

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, _NOW_MS

    def error(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one batch: seconds by the clock and of all processors together, decisions made, and those explained."""

    seconds: float
    cpu_seconds: float
    decisions: int
    explained: int


def bench_explain(settings: Settings, tickets: int, share: float, turns: int, told: Told) -> dict[str, Any]:
    """Decisions a second with none and with a share of them explained, in turns on the same batches.

    The best turn of each batch counts, so that what else the machine does weighs little; by the clock, and by processor
    time, which it weighs on less. `step_share` is what part of the time of the explained turns went into the step that
    makes heat maps: measured within a turn, it is the steadiest of the three.
    """
    threadpool_limits(limits=1, user_api="blas")  # as a worker has it
    told.step("loading the encoder")
    encoder, registry = load_encoder(encoder_spec(settings)), CollectorRegistry()
    plain = _path(settings, encoder, registry, told)
    paths = {"share_0": plain, "explained": replace(plain, explain=share)}
    batches = [*_batches(tickets, min(_BATCH, settings.batch_records))]
    epochs = count()
    for path in paths.values():
        _cost(path, batches[0], next(epochs))  # whatever is loaded late
    before = _in_step(registry)
    told.step(f"deciding on {tickets} tickets, {2 * turns} times")
    found: dict[str, list[list[Cost]]] = {name: [[] for _ in batches] for name in paths}
    for turn in range(turns):
        for number, batch in enumerate(batches):
            for name in sorted(paths, reverse=bool(turn % 2)):
                found[name][number].append(_cost(paths[name], batch, next(epochs)))
        told.progress(turn + 1, turns)
    return _report(found, share, _in_step(registry) - before)


def _in_step(registry: CollectorRegistry) -> float:
    """Seconds that making heat maps took so far."""
    return registry.get_sample_value("sluice_step_seconds_sum", {"step": "explain"}) or 0.0


def _report(found: dict[str, list[list[Cost]]], share: float, in_step: float) -> dict[str, Any]:
    decisions = {name: sum(costs[0].decisions for costs in batches) for name, batches in found.items()}
    clock = {name: sum(min(c.seconds for c in costs) for costs in batches) for name, batches in found.items()}
    cpu = {
        name: sum(min(c.cpu_seconds for c in costs) for costs in batches) for name, batches in found.items()
    }
    return {
        "decisions": decisions["explained"],
        "explained": sum(costs[0].explained for costs in found["explained"]),
        "share": share,
        "decisions_per_s": {name: round(decisions[name] / clock[name], 1) for name in found},
        "cpu_us_per_decision": {name: round(cpu[name] / decisions[name] * 1e6, 1) for name in found},
        "throughput_ratio": round(clock["share_0"] / clock["explained"], 4),
        "step_share": round(in_step / sum(c.seconds for costs in found["explained"] for c in costs), 4),
        "cpu_ratio": round(cpu["share_0"] / cpu["explained"], 4),
    }


def _path(settings: Settings, encoder: Encoder, registry: CollectorRegistry, told: Told) -> RoutingPath:
    """The routing path of a worker that has learnt the sample's history, with no Kafka under it."""
    sample = generate(_SEED, _NOW_MS)
    told.step(f"learning from {len(sample.past)} tickets")
    past = [PastTicket(ticket.event) for ticket in sample.past]
    prepared = prepare(past, encoder, clean_policy(settings), pack_policy(settings), told.progress)
    _, records = generation_records(fit(prepared, encoder, list(sample.teams), _NOW_MS).generation)
    metrics = declare(registry)
    live = Live(encoder.fingerprint, encoder.dim, metrics)
    for offset, (key, value) in enumerate(records):
        live.on_generation(_Given(_NAMES.generations, key, value, offset))
    live.swap()
    table = TicketTable(Lookup({}), _NAMES.state, Pulse(), metrics)
    return RoutingPath(
        intake=Intake(Limits(), clean_policy(settings), table, Homes("murmur2", 1)),
        guard=FloodGuard(1, 1.0, 1),
        encoder=encoder,
        pack=pack_policy(settings),
        live=live,
        vote=VotePolicy(),
        policy=decide_policy(settings),
        names=_NAMES,
        metrics=metrics,
        worker="bench",
        now_ms=lambda: _NOW_MS,
    )


def _batches(tickets: int, size: int) -> Iterator[list[_Given]]:
    """New tickets of the sample company, as many as are asked for, by one seed after the other."""
    records: list[_Given] = []
    for seed in count(_SEED + 1):
        for ticket in generate(seed, _NOW_MS).replay:
            event = ticket.event.model_copy(update={"ticket_id": f"B-{len(records):06}"})
            records.append(_Given(_NAMES.tickets, event.ticket_id.encode(), encode(event), len(records)))
            if len(records) == tickets:
                yield from (records[start : start + size] for start in range(0, tickets, size))
                return


def _cost(path: RoutingPath, records: Sequence[_Given], epoch: int) -> Cost:
    """Decide on a batch; nothing is known of any of its tickets before, since a new epoch forgets what was not
    committed."""
    end = TopicPartition(_NAMES.tickets, 0, records[-1].its_offset + 1)
    batch = Batch(records=records, epoch=epoch, metadata=None, positions=[end], taken_at=0.0)
    clock, cpu = time.perf_counter(), time.process_time()
    route(batch, path)
    seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    decided = [output.value or b"" for output in batch.outputs if output.topic == _NAMES.routed]
    explained = sum(b'"heat_map":null' not in value for value in decided)
    return Cost(seconds, cpu_seconds, len(decided), explained)
