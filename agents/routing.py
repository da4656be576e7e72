"""The routing agent: a ticket's way from the wire to its decision, read straight down.

batch of records -> read (decode, clean, order) -> encode -> match -> decide -> emit -> one transaction
                         acts of people on tickets that are known by then -> learn ----^
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TypeVar

import numpy as np
import structlog

from agents import emit, lessons, shadow
from agents.drift import DriftWatch
from agents.feedback import Judged, Told, ToldOfCluster, after_event, read_act
from agents.flood import FloodGuard
from agents.heat import Heat, heat_maps
from agents.home import Placements
from agents.intake import Accepted, Intake, Misplaced, Refused, Skipped
from agents.live import InForce, Live, Solved
from agents.metrics import Metrics
from agents.open_tickets import Original
from agents.scores import count_acts, count_told
from agents.tables import Known, Place
from agents.topics import TopicNames
from agents.wire import Batch
from models.errors import Invalid, SluiceError, Transient
from models.lexicon import join
from models.routing.decide import DecidePolicy, Decision, Facts, Outcome, decide
from models.routing.encode import Encoder, encode
from models.routing.match import Match, match
from models.routing.pack import PackPolicy
from models.routing.sentiment import Sentiment, SentimentHead, sentiments
from models.vote import Vectors, VotePolicy
from schemas.decision import MAX_SIMILAR
from schemas.ticket import TicketEventKind

_log = structlog.get_logger(__name__)

R = TypeVar("R", Accepted, Told, ToldOfCluster, Refused, Misplaced, Skipped)


@dataclass(frozen=True, slots=True)
class RoutingPath:
    """All that the routing agent works with; the composition root fills it.

    Attributes:
        sentiment: the head that hears how upset a ticket sounds; None where there is none for the encoder.
        shadow: what a candidate decides by, where its threshold is fixed; None: by what the others do.
        explain: share of the decisions that bring a heat map.
    """

    intake: Intake
    guard: FloodGuard
    encoder: Encoder
    pack: PackPolicy
    live: Live
    vote: VotePolicy
    policy: DecidePolicy
    names: TopicNames
    metrics: Metrics
    worker: str
    now_ms: Callable[[], int]
    placements: Placements = field(default_factory=Placements)
    sentiment: SentimentHead | None = None
    shadow: DecidePolicy | None = None
    explain: float = 0.0
    drift: DriftWatch = field(default_factory=DriftWatch)


def route(batch: Batch, path: RoutingPath) -> None:
    """Decide on every ticket of a batch and put what follows into it. Runs off the event loop.

    Raises:
        Transient: the encoder fails on every ticket, or no generation is in force.
        PoisonFlood: too many of the records cannot be processed.
    """
    with _timed(path, "take"):
        in_force = (
            path.live.in_force
        )  # this one reference: all of the batch is of one generation and revision
    if in_force is None:
        raise Transient("no generation is in force")
    overrides = emit.overrides_of(path.policy)
    stamp = emit.Stamp(path.names, path.worker, path.encoder.fingerprint, path.now_ms(), overrides)
    path.metrics.in_work.begin(batch, min(record.timestamp()[1] for record in batch.records))

    with _timed(path, "read"):
        read = _read(batch, path)
        refused, moved = read.of(Refused), read.of(Misplaced)
    with _timed(path, "encode"):
        accepted, vectors, failed = _encode(read.of(Accepted), path)
    unfit = {id(letter.record) for letter in (*refused, *failed)}
    for record in batch.records:
        path.guard.record(refused=id(record) in unfit)
    with _timed(path, "match"):
        queries = join(in_force.generation.lexicon, [event.ticket.text for event in accepted], vectors)
        matches = match(queries, in_force.ready, path.vote, in_force.corrections)
        floor = in_force.generation.thresholds.similar
        similar = path.live.similar(vectors, MAX_SIMILAR + 1, floor)  # one more: a ticket may find itself
    with _timed(path, "duplicates"):
        originals = path.live.open_tickets.originals(accepted, vectors)
    with _timed(path, "sentiment"):
        heard = sentiments(path.sentiment, vectors)
    with _timed(path, "decide"):
        facts = [_facts(event, sounds) for event, sounds in zip(accepted, heard, strict=True)]
        decided = [
            decide(
                found,
                in_force.generation,
                of_ticket,
                path.policy,
                generation_id=in_force.id,
                revision=in_force.corrections.revision,
            )
            for of_ticket, found in zip(facts, matches, strict=True)
        ]
    _decide_beside(batch, path, in_force, (accepted, facts, vectors, matches, decided), stamp)
    with _timed(path, "explain"):
        heats = heat_maps(accepted, decided, path.explain, path.encoder, path.pack, in_force.ready)
    with _timed(path, "emit"):
        beside = _Beside(similar, heats, originals)
        places, judged = _emit(batch, path, in_force, accepted, vectors, decided, beside, stamp)
    with _timed(path, "learn"):
        bear = partial(_bear, path=path)
        learnt = lessons.learn(
            read.of(Told), read.of(ToldOfCluster), path.intake.table, path.live, in_force, bear, stamp
        )
        places |= learnt.places
    dead = (*refused, *failed, *learnt.refused)
    for output in learnt.outputs:
        batch.send(output)
    for letter in dead:
        batch.send(emit.dead_letter_record(letter, stamp))
    for misplaced in moved:
        batch.send(emit.moved_record(misplaced))

    batch.on_commit.append(lambda: path.intake.table.settle(places))
    batch.on_commit.append(partial(_count, path, accepted, decided, dead, read))
    repeated = sum(o is not None and e.asks_first for e, o in zip(accepted, originals, strict=True))
    batch.on_commit.append(partial(path.metrics.duplicates.inc, repeated))
    owners = frozenset(owner.name for owner in in_force.generation.owners)
    batch.on_commit.append(partial(count_acts, path.metrics, [*judged, *learnt.judged], owners))
    batch.on_commit.append(partial(count_told, path.metrics, read.of(Told), learnt))
    first = [found for event, found in zip(accepted, matches, strict=True) if event.asks_first]
    batch.on_commit.append(partial(path.drift.note, in_force, first, path.metrics))


def _decide_beside(
    batch: Batch,
    path: RoutingPath,
    in_force: InForce,
    worked: tuple[list[Accepted], list[Facts], Vectors, list[Match], list[Decision]],
    stamp: emit.Stamp,
) -> None:
    """Let a candidate decide on the batch's tickets too, where there is one. It may fail: the batch goes on."""
    if in_force.shadow is None and path.shadow is None:
        return
    accepted, facts, vectors, matches, decided = worked
    rows = [shadow.Decided(*row) for row in zip(accepted, facts, matches, decided, strict=True)]
    try:
        with _timed(path, "shadow"):
            pairs = shadow.decide_beside(in_force, path.shadow or path.policy, path.vote, rows, vectors)
            route_at = None if path.shadow is None else path.shadow.route_at
            outputs = list(shadow.records_beside(pairs, route_at, stamp))
    except Exception as error:
        if in_force.shadow is None:
            raise  # by the generation in force
        _log.error("shadow_failed", generation=in_force.shadow.id, error=type(error).__name__)
        path.live.end_shadow(in_force.shadow.id, "failed")
        return
    for output in outputs:
        batch.send(output)
    batch.on_commit.append(partial(shadow.count_beside, path.metrics, pairs))


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is told beside the decisions of a batch, by their place in it."""

    similar: Sequence[Sequence[tuple[Solved, float]]]
    heats: Mapping[int, Heat]
    originals: Sequence[Original | None]


def _emit(
    batch: Batch,
    path: RoutingPath,
    in_force: InForce,
    accepted: list[Accepted],
    vectors: Vectors,
    decided: list[Decision],
    beside: _Beside,
    stamp: emit.Stamp,
) -> tuple[dict[Place, Known], list[Judged]]:
    """Put into the batch what follows from its ticket events, one after the other, since one changes what is known
    for the next; what is known of their tickets then, and the acts that they were."""
    places, judged = dict[Place, Known](), list[Judged]()
    rows = zip(accepted, vectors, decided, beside.similar, beside.originals, strict=True)
    for number, (event, vector, decision, near, original) in enumerate(rows):
        before = places.get(event.place, event.before)
        repeats = None if original is None else original.ticket_id
        known, act = after_event(event, before, decision, stamp.now_ms, in_force.contested, repeats)
        places[event.place] = known
        path.intake.table.stage(event.place, known)
        heat = beside.heats.get(number)
        counts = known.counted and not (before is not None and before.counted)
        outputs = [
            *emit.records_of(event, known, vector, decision, near, stamp, heat, original, counts=counts)
        ]
        if act is not None:
            judged.append(act)
            outputs += lessons.records_of_lesson(act, vector, stamp)
        if known.remembered is None and before is not None:
            outputs += lessons.forgotten(before.handling, stamp)
        for output in outputs:
            batch.send(output)
    return places, judged


@dataclass(frozen=True, slots=True)
class _Read:
    """What a batch's records were read as, in their order."""

    results: list[Accepted | Told | ToldOfCluster | Refused | Misplaced | Skipped]

    def of(self, kind: type[R]) -> list[R]:
        return [result for result in self.results if isinstance(result, kind)]


def _read(batch: Batch, path: RoutingPath) -> _Read:
    path.intake.table.begin(batch.epoch)
    path.guard.begin(batch.epoch)
    feedback = path.names.feedback
    return _Read(
        [
            read_act(record, path.intake) if record.topic() == feedback else path.intake.read(record)
            for record in batch.records
        ]
    )


def _encode(accepted: list[Accepted], path: RoutingPath) -> tuple[list[Accepted], Vectors, list[Refused]]:
    """Vectors of the tickets' texts, and the tickets that the encoder cannot bear: those were never seen."""
    vectors, unborne = _bear([event.ticket.text for event in accepted], path)
    for number in unborne:
        path.intake.table.unstage(accepted[number].place)
    borne = [event for number, event in enumerate(accepted) if number not in unborne]
    failed = [Refused(accepted[n].record, error, accepted[n].trace) for n, error in unborne.items()]
    return borne, vectors, failed


def _bear(texts: list[str], path: RoutingPath) -> tuple[Vectors, dict[int, Invalid]]:
    """Vectors of the texts that the encoder can bear, in their order, and what is said of each other one, by its
    place in `texts`. If the pass fails, each text is tried alone, so that one that our own code cannot bear costs
    nobody else anything.

    Raises:
        Transient: it can bear none, nor a plain word.
    """
    try:
        return _vectors(texts, path), {}
    except SluiceError:
        raise
    except Exception as error:
        _log.warning("encode_failed", tickets=len(texts), error=type(error).__name__)
    rows, unborne = [], dict[int, Invalid]()
    for number, text in enumerate(texts):
        try:
            rows.append(_vectors([text], path))
        except SluiceError:
            raise
        except Exception as error:
            detail = f"the encoder fails on this ticket ({type(error).__name__})"
            unborne[number] = Invalid("internal", None, detail)
    if not rows:
        _check_encoder(path)
    return np.concatenate([np.empty((0, path.encoder.dim), np.float32), *rows]), unborne


def _vectors(texts: list[str], path: RoutingPath) -> Vectors:
    """Vectors of `texts`; raises FloatingPointError where one is not finite, since it cannot be compared."""
    vectors = encode(path.encoder, texts, path.pack)
    if not np.isfinite(vectors).all():
        raise FloatingPointError("a vector is not finite")
    return vectors


def _check_encoder(path: RoutingPath) -> None:
    """Raise Transient if the encoder cannot bear a plain word either: it is at fault then, not the tickets."""
    try:
        _vectors(["ticket"], path)
    except SluiceError:
        raise
    except Exception as error:
        raise Transient(f"the encoder fails on every ticket ({type(error).__name__})") from error


def _facts(event: Accepted, sounds: Sentiment | None) -> Facts:
    ticket = event.ticket
    return Facts(event.place[1], event.version, ticket.priority, ticket.created_at_ms, sounds)


def _count(
    path: RoutingPath,
    accepted: list[Accepted],
    decided: list[Decision],
    refused: Sequence[Refused],
    read: _Read,
) -> None:
    """Count what a committed batch did; nothing is counted of one that was not."""
    metrics, now_ms = path.metrics, path.now_ms()
    for event, decision in zip(accepted, decided, strict=True):
        for kind, number in event.ticket.masked.items():
            metrics.masked.labels(kind.value).inc(number)
        if not event.asks_for_decision:
            metrics.events.labels(event.kind.value).inc()
            continue
        metrics.decisions.labels(decision.outcome.value, decision.reason.value).inc()
        metrics.triage.add(decision.outcome is Outcome.TRIAGE)
        if event.kind is TicketEventKind.CREATED and decision.outcome is Outcome.ROUTE:
            waited_s = max(0, now_ms - event.ticket.created_at_ms) / 1000
            metrics.time_to_assign.labels("route").observe(waited_s)
        metrics.end_to_end_seconds.observe(max(0, now_ms - event.record.timestamp()[1]) / 1000)
    for letter in refused:
        metrics.dead_letters.labels(letter.error.reason).inc()
    skipped, moved = read.of(Skipped), read.of(Misplaced)
    for news in skipped:
        metrics.events.labels(news.why).inc()
    metrics.events.labels("moved_home").inc(len(moved))
    at_home = len(accepted) + len(skipped) + len(read.of(Told))
    path.placements.count(at_home + len(moved), len(moved))


@contextmanager
def _timed(path: RoutingPath, step: str) -> Iterator[None]:
    started = perf_counter()
    yield
    path.metrics.step_seconds.labels(step).observe(perf_counter() - started)
