"""Report: what the replay showed, scored against the truth. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.demo.replay import Collected
from schemas.decision import Decision, OutcomeName


@dataclass(frozen=True, slots=True)
class Truth:
    """Who should get a ticket, None where nobody should without a person's look (off topic); and its problem."""

    owner: str | None
    problem: str | None = None


def first_owner(decision: Decision) -> str | None:
    """The owner named, or proposed first where a person must choose."""
    if decision.owner is not None:
        return decision.owner
    return next((other.owner for other in decision.alternatives if other.owner is not None), None)


def score(collected: Collected, truths: Mapping[str, Truth], records_in: int) -> dict[str, Any]:
    """The report's figures.

    `accuracy` is the share of decided tickets with a known owner whose owner, named or proposed first, is that
    one; `precision_routed` the same among those routed without a person. A missing decision counts as wrong.
    """
    decisions = {decision.ticket_id: decision for decision in collected.decisions}
    owned = {ticket: truth.owner for ticket, truth in truths.items() if truth.owner is not None}
    right = {
        ticket
        for ticket, owner in owned.items()
        if ticket in decisions and first_owner(decisions[ticket]) == owner
    }
    routed = [d.ticket_id for d in decisions.values() if d.outcome is OutcomeName.ROUTE]
    routed_known = [ticket for ticket in routed if ticket in truths]
    off_topic = [ticket for ticket, truth in truths.items() if truth.owner is None and ticket in decisions]
    latency = list(collected.latency_ms.values())
    outcomes = Counter(decision.outcome.value for decision in decisions.values())
    return {
        "tickets_in": records_in,
        "decisions": len(collected.decisions),
        "tickets_decided": len(decisions),
        "dead_letters": len(collected.dead_letters),
        "accuracy": _share(len(right), len(owned)),
        "triage_share": _share(outcomes["triage"], len(decisions)),
        "routed_share": _share(len(routed), len(decisions)),
        "precision_routed": _share(
            sum(truths[t].owner == decisions[t].owner for t in routed_known), len(routed_known)
        ),
        "off_topic_held_back": _share(
            sum(decisions[t].outcome is not OutcomeName.ROUTE for t in off_topic), len(off_topic)
        ),
        "latency_ms": {
            name: round(float(np.quantile(latency, share)), 1) if latency else None
            for name, share in (("p50", 0.5), ("p99", 0.99))
        },
        "outcomes": dict(sorted(outcomes.items())),
        "reasons": dict(sorted(Counter(d.reason.value for d in decisions.values()).items())),
        "dead_letter_reasons": dict(sorted(Counter(d.reason.value for d in collected.dead_letters).items())),
        "seconds": round(collected.seconds, 1),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
