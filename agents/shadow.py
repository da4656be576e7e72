"""Shadow: a candidate decides on the tickets of a batch beside the generation in force, and what differs is told in
the transaction of the decisions. On the routing path, after decide.

The encoder's work is not done twice: the candidate reads the same vectors, joined with its own lexicon. Its answers
change no ticket's state, count for nothing but the comparison, and hold none of a ticket's words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.emit import Stamp
from agents.intake import Accepted
from agents.live import InForce
from agents.metrics import Metrics
from agents.wire import Output
from models.lexicon import join
from models.routing.decide import DecidePolicy, Decision, Facts, decide
from models.routing.match import Match, match
from models.routing.shadow import Beside, Differs, common_clusters, hold
from models.vote import Vectors, VotePolicy
from schemas.channels import event_type
from schemas.codec import encode
from schemas.contract import time_of
from schemas.decision import OutcomeName
from schemas.headers import event_headers
from schemas.shadow import ShadowDifference, ShadowTally, Verdict

_SOURCE = "/sluice/routing"
_DIFFERENCE = event_type(ShadowDifference)
_TALLY = event_type(ShadowTally)


@dataclass(frozen=True, slots=True)
class Decided:
    """A ticket event as the generation in force worked it."""

    event: Accepted
    facts: Facts
    match: Match
    decision: Decision


def decide_beside(
    in_force: InForce, policy: DecidePolicy, vote: VotePolicy, decided: Sequence[Decided], vectors: Vectors
) -> list[Beside]:
    """Both decisions on each event that asked for one, in their order.

    Args:
        policy: of the candidate. Without a candidate of its own, the generation in force decides once more by it.
        vectors: [n, dim] the encoder's, one a row of `decided`.
    """
    asked = [row for row, one in enumerate(decided) if one.event.asks_for_decision]
    candidate = in_force.shadow or in_force
    if candidate is in_force:
        matches = [decided[row].match for row in asked]
    else:
        texts = [decided[row].event.ticket.text for row in asked]
        queries = join(candidate.generation.lexicon, texts, vectors[np.array(asked, dtype=np.int64)])
        matches = match(queries, candidate.ready, vote, candidate.corrections)
    common = common_clusters(in_force.generation, candidate.generation)
    return [
        hold(
            decided[row].decision,
            decide(
                found,
                candidate.generation,
                decided[row].facts,
                policy,
                generation_id=candidate.id,
                revision=candidate.corrections.revision,
            ),
            common,
        )
        for row, found in zip(asked, matches, strict=True)
    ]


def records_beside(pairs: Sequence[Beside], route_at: float | None, stamp: Stamp) -> Iterator[Output]:
    """For `tickets.shadow`: what differs, one record each, and of how many decisions.

    Args:
        route_at: the candidate's threshold, where the settings fix one.
    """
    if not pairs:
        return
    at, topic = time_of(stamp.now_ms), stamp.names.shadow
    told = [pair for pair in pairs if pair.differs is not Differs.NO]
    for pair in told:
        difference = ShadowDifference(
            decision_id=pair.live.decision_id,
            ticket_id=pair.live.ticket_id,
            ticket_version=pair.live.version,
            generation_id=pair.live.generation_id,
            shadow_generation_id=pair.shadow.generation_id,
            shadow_route_at=route_at,
            revision=pair.live.revision,
            live=_verdict(pair.live),
            shadow=_verdict(pair.shadow),
            decided_at=at,
        )
        id, subject = f"{pair.live.decision_id}/{pair.shadow.generation_id}", difference.ticket_id
        headers = event_headers(_DIFFERENCE, id, _SOURCE, subject, at, None)
        yield Output(topic, subject.encode(), encode(difference), headers)
    first = pairs[0]
    tally = ShadowTally(
        generation_id=first.live.generation_id,
        shadow_generation_id=first.shadow.generation_id,
        shadow_route_at=route_at,
        decisions=len(pairs),
        differing=len(told),
        decided_at=at,
    )
    id = f"{first.live.decision_id}/{first.shadow.generation_id}/{len(pairs)}"
    yield Output(topic, None, encode(tally), event_headers(_TALLY, id, _SOURCE, None, at, None))


def count_beside(metrics: Metrics, pairs: Sequence[Beside]) -> None:
    """Count a committed batch's comparisons."""
    for pair in pairs:
        metrics.shadow.labels(pair.differs.value).inc()


def _verdict(decision: Decision) -> Verdict:
    chosen = decision.cluster
    return Verdict(
        outcome=OutcomeName(decision.outcome),
        owner=decision.owner,
        cluster_id=chosen.cluster.id if chosen else None,
        confidence=chosen.confidence if chosen else None,
    )
