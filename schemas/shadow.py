"""What a candidate would have decided (`tickets.shadow`), beside what was decided: written in the transaction of the
decisions, while a candidate runs.

A difference is keyed by its ticket_id; a tally, which has no key, says of how many decisions the differences are.
"""

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Event, Identifier, Share, Time
from schemas.decision import OutcomeName


class Verdict(Contract):
    """What one of the two says of a ticket."""

    outcome: OutcomeName
    owner: str | None
    cluster_id: Identifier | None
    confidence: Share | None


class ShadowDifference(Event):
    """One decision that the candidate would have made otherwise: another owner, another outcome, or, of clusters that
    both generations have, another one. `decision_id` and `generation_id` are of the decision that was made.

    The candidate is a generation under the same thresholds' settings, or under `shadow_route_at` in their place; null
    where none is set.
    """

    decision_id: Identifier
    ticket_id: Identifier
    ticket_version: Identifier
    generation_id: Identifier
    shadow_generation_id: Identifier
    shadow_route_at: Share | None
    revision: Annotated[int, Field(ge=0)]
    live: Verdict
    shadow: Verdict
    decided_at: Time


class ShadowTally(Event):
    """How many decisions of one transaction were compared with one candidate's, and how many of them differ: each of
    these stands in a `ShadowDifference` of the same transaction."""

    generation_id: Identifier
    shadow_generation_id: Identifier
    shadow_route_at: Share | None
    decisions: Annotated[int, Field(ge=1)]
    differing: Annotated[int, Field(ge=0)]
    decided_at: Time
