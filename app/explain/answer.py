"""Answer: why a ticket, or any text, is matched as it is by what is in force now."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agents.emit import Stamp, decision_of, overrides_of
from agents.live import InForce, Live, Solved
from agents.state import vector_of
from agents.topics import TopicNames
from app.explain.kept import Kept
from app.policies import clean_policy, decide_policy, pack_policy
from app.sentiment.load import head_for
from app.settings import Settings
from models.errors import Fatal, Invalid
from models.lexicon import join
from models.routing.clean import Ticket, clean
from models.routing.decide import Facts, decide
from models.routing.encode import Encoder, encode
from models.routing.explain import ExplainPolicy, Explanation, Ground, explain
from models.routing.sentiment import sentiments
from models.vote import Vectors, VotePolicy
from schemas.contract import epoch_ms_of
from schemas.decision import MAX_SIMILAR, Decision
from schemas.state import TicketState
from schemas.ticket import TicketEventKind

# Under this name a text is decided on that belongs to no ticket.
NO_TICKET = "text"


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision as it would be made now, why, and what was said of the ticket before.

    Attributes:
        state: of the ticket; None for a text.
        decision: with the nearest solved tickets.
    """

    state: TicketState | None
    decision: Decision
    explanation: Explanation

    def as_json(self) -> dict[str, Any]:
        """For machines: the decision and the explanation in one object."""
        found, said = self.explanation, self.decision.model_dump(mode="json")
        of_events = ("schema_version", "duplicate_of", "duplicate_score", "decided_at")
        of_tickets = ("decision_id", "ticket_id", "ticket_version", "sla")
        for name in (*of_events, *(() if self.state else of_tickets)):
            said.pop(name)
        other, without = found.runner_up, found.counterfactual
        last = self.state and {
            "decision_id": self.state.decision_id,
            "owner": self.state.owner,
            "generation_id": self.state.generation_id,
            "revision": self.state.revision,
        }
        return {
            **said,
            "heat_map": [asdict(part) for part in found.heat],
            "runner_up": other
            and {"owner": other.owner, "cluster": other.cluster.name, "probability": other.probability},
            "counterfactual": without
            and {"without": list(without.words), "owner": without.owner, "cluster": without.cluster.name},
            "last_decision": last,
        }


def answer_ticket(ticket_id: str, kept: Kept, settings: Settings, encoder: Encoder) -> Answer:
    """Explain what a worker would decide now on the kept text of a ticket.

    Raises:
        Fatal: nothing is kept of the ticket.
        BadGeneration, Transient: as `Kept.live`.
    """
    state = kept.state(ticket_id)
    if state is None or not state.text:
        raise Fatal(f"nothing is kept of ticket {ticket_id}: it was deleted, or is none of this cluster's")
    stored = state.encoder == encoder.fingerprint
    vector = vector_of(state.vector)[None, :] if stored else _encoded(state.text, settings, encoder)
    facts = (state.ticket_id, state.version, state.priority, epoch_ms_of(state.created_at))
    return _answer(state, state.text, vector, facts, kept.live(encoder), settings, encoder)


def answer_text(text: str, kept: Kept, settings: Settings, encoder: Encoder) -> Answer:
    """Explain what a worker would decide now on a text, which is masked first.

    Raises:
        Fatal: nothing in it can be understood.
        BadGeneration, Transient: as `Kept.live`.
    """
    now_ms = time.time_ns() // 1_000_000
    ticket = Ticket(NO_TICKET, "v1", TicketEventKind.CREATED, now_ms, now_ms, description=text)
    try:
        masked = clean(ticket, clean_policy(settings)).text
    except Invalid as error:
        raise Fatal(f"the text cannot be used: {error.detail}") from None
    vector = _encoded(masked, settings, encoder)
    return _answer(
        None, masked, vector, (NO_TICKET, "v1", None, now_ms), kept.live(encoder), settings, encoder
    )


def _encoded(text: str, settings: Settings, encoder: Encoder) -> Vectors:
    return encode(encoder, [text], pack_policy(settings))


def _answer(
    state: TicketState | None,
    text: str,
    vector: Vectors,
    facts: tuple[str, str, str | None, int],
    live: Live,
    settings: Settings,
    encoder: Encoder,
) -> Answer:
    in_force = live.in_force
    assert in_force is not None  # or `Kept.live` had said so
    policy, generation = decide_policy(settings), in_force.generation
    ground = Ground(in_force.ready, VotePolicy(), in_force.corrections, policy)
    query = join(generation.lexicon, [text], vector)[0]
    found = explain(text, query, encoder, pack_policy(settings), ground, ExplainPolicy())
    heard = sentiments(head_for(encoder.fingerprint, settings.hears_sentiment), vector)[0]
    decided = decide(
        found.match,
        generation,
        Facts(*facts, heard),
        policy,
        generation_id=in_force.id,
        revision=in_force.corrections.revision,
    )
    stamp = Stamp(TopicNames(), "", encoder.fingerprint, time.time_ns() // 1_000_000, overrides_of(policy))
    return Answer(state, decision_of(decided, _similar(live, in_force, vector), stamp), found)


def _similar(live: Live, in_force: InForce, vector: Vectors) -> list[tuple[Solved, float]]:
    floor = in_force.generation.thresholds.similar
    return live.similar(np.ascontiguousarray(vector), MAX_SIMILAR + 1, floor)[0]
