"""Replay: a decision made again from what is kept, by a worker's own functions, and held against what was said."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from agents.emit import Stamp, decision_of
from agents.heat import towards
from agents.state import vector_of
from agents.topics import TopicNames
from app.explain.kept import Kept
from app.policies import decide_policy, pack_policy
from app.sentiment.load import head_for
from app.settings import Settings
from models.engines.vector_index import ExactIndex
from models.errors import Fatal
from models.evidence import Searchable, searchable
from models.lexicon import join
from models.routing.corrections import Corrections
from models.routing.decide import DecidePolicy, Facts, decide
from models.routing.decide import Decision as Decided
from models.routing.encode import Encoder, encode
from models.routing.heat import heat_alone
from models.routing.match import match
from models.routing.sentiment import sentiments
from models.vote import Vectors, VotePolicy
from schemas.contract import epoch_ms_of
from schemas.decision import Decision, HeatPiece
from schemas.state import TicketState

LIVE = ("similar", "duplicate_of", "duplicate_score", "decided_at")
"""Fields of what the worker saw around it at that time; they are no part of what can be made again."""

# A heat map's weights are rounded to thousandths; the encoder's noise between batches may move one by one of them.
_HEAT_STEP = 0.0011


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not what it was said to be."""

    field: str
    said: Any
    again: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision, and how it was made again.

    Attributes:
        differs: empty where it is the same to the bit.
        moved_on: whether the ticket has had another version or another decision since.
        remarks: what the reader should know, a line each.
    """

    decision: Decision
    differs: tuple[Difference, ...]
    moved_on: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Basis:
    """All that a decision is made from again."""

    said: Decision
    state: TicketState
    ready: Searchable
    corrections: Corrections
    policy: DecidePolicy
    settings: Settings


def replay(said: Decision, kept: Kept, settings: Settings, load: Callable[[], Encoder]) -> Replay:
    """Make a decision again.

    The vector that stands in the ticket's state is the one that was decided on, to the bit, unless the state was
    written again since: then the text was encoded again, and once in 300 texts that moves a component by a step. So
    where the stored one does not lead to the same decision, the text is encoded once more and tried too.

    Args:
        load: loads the settings' encoder; called where it is needed.

    Raises:
        Fatal: the ticket, the generation or the vector is gone.
    """
    load = cache(load)
    state = kept.state(said.ticket_id)
    if state is None:
        raise Fatal(
            f"nothing is kept of ticket {said.ticket_id}: it was deleted, or is none of this cluster's"
        )
    generation = kept.generation(said.generation_id)
    if generation is None:
        raise Fatal(f"generation {said.generation_id} does not stand in the topic any more")
    taught = kept.taught(searchable(generation, ExactIndex), said.revision)
    basis = _Basis(said, state, taught.ready, taught.corrections, _policy(said, settings), settings)
    best: tuple[Difference, ...] | None = None
    for vector in _vectors(basis, load):
        found = _differences(basis, vector, load)
        if best is None or not found:
            best = found
        if not found:
            break
    if best is None:
        raise Fatal(
            f"the decision was made with encoder {said.encoder}; neither the state's nor the settings' is that one"
        )
    # An id that is not that of its own ticket, version, generation and revision is no matter of time.
    sound = all(one.field != "decision_id" for one in best)
    moved_on = sound and (state.version, state.decision_id) != (said.ticket_version, said.decision_id)
    return Replay(said, best, moved_on, tuple(_remarks(basis, taught.gone, bool(best))))


def _policy(said: Decision, settings: Settings) -> DecidePolicy:
    """The operator's, with the thresholds that the decision says were fixed."""
    fixed = said.overrides
    return replace(
        decide_policy(settings),
        floor=fixed.similarity_floor if fixed else None,
        route_at=fixed.route_at if fixed else None,
    )


def _vectors(basis: _Basis, load: Callable[[], Encoder]) -> Iterator[Vectors]:
    """Vectors [1, dim] of the ticket's text, the stored one first."""
    if basis.state.encoder == basis.said.encoder:
        yield vector_of(basis.state.vector)[None, :]
    if basis.state.text and load().fingerprint == basis.said.encoder:
        yield encode(load(), [basis.state.text], pack_policy(basis.settings))


def _decided(basis: _Basis, vector: Vectors) -> Decided:
    said, state, ready = basis.said, basis.state, basis.ready
    queries = join(ready.generation.lexicon, [state.text], vector)
    found = match(queries, ready, VotePolicy(), basis.corrections)[0]
    head = head_for(said.encoder, basis.settings.hears_sentiment)
    facts = Facts(
        ticket_id=said.ticket_id,
        version=said.ticket_version,
        priority=state.priority,
        created_at_ms=epoch_ms_of(state.created_at),
        sentiment=sentiments(head, vector)[0],
    )
    return decide(
        found,
        ready.generation,
        facts,
        basis.policy,
        generation_id=said.generation_id,
        revision=basis.corrections.revision,
    )


def _differences(basis: _Basis, vector: Vectors, load: Callable[[], Encoder]) -> tuple[Difference, ...]:
    """The fields in which the decision, made again, is not what was said. Those that its writer did not know yet do
    not count."""
    said, decided = basis.said, _decided(basis, vector)
    stamp = Stamp(TopicNames(), "", said.encoder, epoch_ms_of(said.decided_at), said.overrides)
    before = said.model_dump(mode="json")
    after = decision_of(decided, [], stamp).model_dump(mode="json")
    compared = said.model_fields_set - {*LIVE, "heat_map"}
    found = [
        Difference(name, before[name], after[name])
        for name in before
        if name in compared and before[name] != after[name]
    ]
    if said.heat_map is not None and load().fingerprint == said.encoder:
        heat = heat_alone(
            [basis.state.text], [towards(decided)], load(), pack_policy(basis.settings), basis.ready
        )[0]
        again = [HeatPiece(text=part.text, weight=part.weight) for part in heat]
        if not _as_warm(said.heat_map, again):
            texts = before["heat_map"], [piece.model_dump() for piece in again]
            found.append(Difference("heat_map", *texts))
    return tuple(found)


def _as_warm(said: list[HeatPiece], again: list[HeatPiece]) -> bool:
    if [piece.text for piece in said] != [piece.text for piece in again]:
        return False
    before, after = (
        np.array([np.nan if piece.weight is None else piece.weight for piece in one]) for one in (said, again)
    )
    return bool(np.allclose(before, after, rtol=0.0, atol=_HEAT_STEP, equal_nan=True))


def _remarks(basis: _Basis, gone: int, differs: bool) -> Iterator[str]:
    said, state = basis.said, basis.state
    if state.version != said.ticket_version:
        yield (
            f"the ticket is at version {state.version} now: of its text only the latest is kept, and what"
            f" {said.ticket_version} said cannot be made again where it was another"
        )
    elif state.decision_id != said.decision_id:
        yield f"the ticket was decided on again since ({state.decision_id}): its priority is of then"
    if gone:
        yield f"{gone} corrections of then are gone: their tickets were deleted, or a generation learnt them"
    fixed = decide_policy(basis.settings)
    if (fixed.floor, fixed.route_at) != (basis.policy.floor, basis.policy.route_at):
        yield "thresholds are held as the decision says they were fixed; the settings say otherwise now"
    if differs:
        yield "priorities and sentiment escalate by the settings of now"
    if said.heat_map is not None:
        yield "weights of the heat map are held to a thousandth"
    yield f"not compared, since it was live: {', '.join(LIVE)}"
