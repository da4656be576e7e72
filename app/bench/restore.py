"""`sluice bench restore`: how long a worker that gains all partitions needs until it knows every ticket again."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer

from agents.generations import generation_records
from agents.state import text_of
from agents.topics import TopicNames
from agents.wire import Output
from app.bench.tickets import past_tickets, texts
from app.bootstrap import check_target, fit, prepare, state_record
from app.child import WorkerProcess, resident_mib, worker_variables
from app.policies import clean_policy, encoder_spec, pack_policy
from app.publisher import write
from app.scratch import Told, own_topics
from app.settings import Settings, kafka_options
from app.wires import producer_options
from models.engines.encoders import load_encoder
from models.routing.encode import Encoder
from models.vote import Vectors
from schemas.contract import time_of
from schemas.state import TicketState, TicketStatus

_OWNERS = 20
_PAST = 200
_PROBLEMS = 200
_SOLVED_SHARE = 0.6
_GONE_SHARE = 0.02
_NOW_MS = 1_790_000_000_000
_RESOLUTION_CHARS = 160
_TITLE_CHARS = 40
_CHUNK = 1_000
_READY_S = 600.0


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in `tickets.state`: bytes of all keys and values, and what a reader of it must know."""

    size: int
    known: int
    solved: int


def bench_restore(
    settings: Settings, bootstrap: str, tickets: int, folder: Path, told: Told
) -> dict[str, Any]:
    """Write the state of `tickets` tickets, start a worker, and take the time until it is ready.

    Ready means that its index of solved tickets and its table of own tickets hold all of it: the state is read twice,
    one after the other, by different clients.

    Returns:
        The report; `known_tickets` and `solved_tickets` as the worker says, beside what was `written`.
    """
    with own_topics(settings, bootstrap, "bench-restore") as ours:
        told.step(f"writing the state of {tickets:,} tickets")
        written = fill(ours, kafka_options(ours, bootstrap), tickets, told)
        told.step("starting a worker")
        log = folder / "restore.log"
        log.unlink(missing_ok=True)
        started = time.monotonic()
        with WorkerProcess(worker_variables(ours, bootstrap), log) as worker:
            worker.await_ready(_READY_S)
            seconds = time.monotonic() - started
            metrics, rss_mib = worker.page("/metrics")[1], resident_mib(worker.pid)
            worker.stop()
    return {
        "tickets": tickets,
        "state_mib": round(written.size / 2**20, 1),
        "seconds_to_ready": round(seconds, 2),
        "catch_up_seconds": _seconds(log, "caught_up"),
        "restore_seconds": _seconds(log, "tickets_restored"),
        "known_tickets": _gauge(metrics, "sluice_known_tickets"),
        "solved_tickets": _gauge(metrics, "sluice_solved_tickets"),
        "written": {"known_tickets": written.known, "solved_tickets": written.solved},
        "rss_mib": None if rss_mib is None else round(rss_mib),
    }


def fill(settings: Settings, kafka: dict[str, Any], tickets: int, told: Told) -> Written:
    """A generation, and the state of `tickets` tickets as workers write it, some of them deleted afterwards."""
    encoder = load_encoder(encoder_spec(settings))
    names, homes = TopicNames(settings.topic_prefix), check_target(settings, kafka)
    producer = Producer(producer_options(settings, kafka, "bench"))
    producer.init_transactions(30)
    name, records = _generation(settings, encoder)
    write(producer, [Output(names.generations, key, value, ()) for key, value in records])
    chance = np.random.default_rng(11)
    solved, gone = (chance.random(tickets) < share for share in (_SOLVED_SHARE, _GONE_SHARE))
    centres = chance.normal(size=(_PROBLEMS, encoder.dim)).astype(np.float32)
    size = 0
    for start in range(0, tickets, _CHUNK):
        rows = range(start, min(start + _CHUNK, tickets))
        vectors = _vectors(centres, len(rows), chance)
        said = texts(len(rows), start)
        outputs = [
            state_record(
                _state(row, bool(solved[row]), text, vector, encoder.fingerprint, name), names.state, homes
            )
            for row, text, vector in zip(rows, said, vectors, strict=True)
        ]
        write(producer, outputs)
        size += sum(len(output.key or b"") + len(output.value or b"") for output in outputs)
        told.progress(rows.stop, tickets)
    ids = [_id(int(row)) for row in np.flatnonzero(gone)]
    write(producer, [Output(names.state, name.encode(), None, (), homes.of(name)) for name in ids])
    return Written(size, tickets - len(ids), int((solved & ~gone).sum()))


def _generation(settings: Settings, encoder: Encoder) -> tuple[str, list[tuple[bytes, bytes]]]:
    past = past_tickets(_PAST, _OWNERS)
    prepared = prepare(past, encoder, clean_policy(settings), pack_policy(settings), lambda *_: None)
    return generation_records(fit(prepared, encoder, [], _NOW_MS).generation)


def _vectors(centres: Vectors, count: int, chance: np.random.Generator) -> Vectors:
    """Unit vectors [count, dim] around the centres, at a cosine of about 0.7 to them, as tickets of one problem."""
    rows = centres[chance.integers(0, len(centres), count)] + chance.normal(size=(count, centres.shape[1]))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _id(row: int) -> str:
    return f"bench-{row:09}"


def _state(
    row: int, solved: bool, text: str, vector: Vectors, encoder: str, generation_id: str
) -> TicketState:
    return TicketState(
        ticket_id=_id(row),
        version="v1",
        order=1,
        status=TicketStatus.SOLVED if solved else TicketStatus.OPEN,
        title=text[:_TITLE_CHARS],
        text=text[: 200 + row % 601],  # 200 to 800 characters
        vector=text_of(vector),
        encoder=encoder,
        cluster_id=f"cluster-{row % _PROBLEMS}",
        owner=f"team {row % _OWNERS}",
        assigned_team=f"team {row % _OWNERS}" if solved else None,
        resolution=text[-_RESOLUTION_CHARS:] if solved else None,
        customer_id=f"C-{row % 5000:05}",
        product="Nimbo App",
        generation_id=generation_id,
        decision_id=f"{_id(row)}/v1",
        created_at=time_of(_NOW_MS),
        updated_at=time_of(_NOW_MS),
    )


def _seconds(log: Path, event: str) -> float:
    """Sum of what the worker's log says that the event took."""
    lines = re.findall(rf'"seconds": ([0-9.]+), "event": "{event}"', log.read_text())
    return round(sum(map(float, lines)), 2)


def _gauge(metrics: str, name: str) -> int:
    return int(float(next(line for line in metrics.splitlines() if line.startswith(f"{name} ")).split()[1]))
